"""Export networks from PyTorch to ONNX, with both exporters, and check what microlut makes of them.

    python benchmarks/pytorch_networks.py make FOLDER     # in an environment with torch and onnx
    .venv/bin/python benchmarks/pytorch_networks.py check FOLDER

The first writes NAME-EXPORTER.onnx with random weights, and NAME-EXPORTER.npz with inputs and what
PyTorch computes. The second converts each in float, counts the transposes that remain, and compares
the outputs. PyTorch is needed by the first command only; it is no dependency of microlut.
"""

from __future__ import annotations

import sys
import warnings
from pathlib import Path
from typing import Any

import numpy as np

TOLERANCE = 1e-5  # of the largest output
SAMPLES = 3


def make(folder: Path) -> None:
    """Write all networks to a folder, as both exporters write them."""
    import torch
    from pytorch_modules import NETWORKS

    folder.mkdir(parents=True, exist_ok=True)
    for number, (name, (build, shape)) in enumerate(NETWORKS.items()):
        torch.manual_seed(number)
        network = build()
        with torch.no_grad():  # statistics and weights that are none of a fresh network
            for module in network.modules():
                if isinstance(module, torch.nn.BatchNorm1d | torch.nn.BatchNorm2d):
                    module.running_mean.uniform_(-0.2, 0.2)
                    module.running_var.uniform_(0.5, 2.0)
                    module.weight.uniform_(0.5, 1.5)
                    module.bias.uniform_(-0.2, 0.2)
        network.eval()
        x = torch.randn(SAMPLES, *shape)
        with torch.no_grad():
            y = network(x)
        for exporter in ("torchscript", "dynamo"):
            path = folder / f"{name}-{exporter}.onnx"
            options: dict[str, Any] = {"dynamo": exporter == "dynamo"}
            if number % 2 and exporter == "torchscript":
                options["dynamic_axes"] = {"input": {0: "batch"}}
            if number % 2 and exporter == "dynamo":
                options["dynamic_shapes"] = ({0: torch.export.Dim("batch")},)
                options["external_data"] = number % 4 == 1
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                given = (x[: 2 if number % 2 else 1],)
                torch.onnx.export(network, given, path, input_names=["input"], **options)
            np.savez(path.with_suffix(".npz"), x=x.numpy(), expected=y.numpy())
            print(path)


def check(folder: Path) -> bool:
    """Convert all networks of a folder in float, print what becomes of them, and compare."""
    from microlut.graph.evaluate import evaluate
    from microlut.graph.passes import run_passes
    from microlut.importers import import_model
    from microlut.importers.samples import as_samples
    from microlut.ops.transpose import Transpose

    sound = True
    for path in sorted(folder.glob("*.onnx")):
        graph = run_passes(import_model(path))
        with np.load(path.with_suffix(".npz")) as stored:
            x, expected = stored["x"], stored["expected"]
        y = evaluate(graph, as_samples(x, graph.inputs).inputs)
        (order,) = graph.output_orders
        if order is not None:
            y = y.transpose(0, *(i + 1 for i in order))
        error = float(np.abs(y - expected).max() / np.abs(expected).max())
        moves = [node.name for node in graph.nodes if isinstance(node.op, Transpose)]
        shuffles = [name for name in moves if "shuffle" in path.stem]
        good = error < TOLERANCE and len(moves) == len(shuffles)
        sound &= good
        shown = f"{len(graph.nodes):3} operators, {len(moves)} transposes, error {error:.1e}"
        print(f"{path.stem:26} {shown}{'' if good else '  FAILS'}")
    return sound


if __name__ == "__main__":
    verb, place = sys.argv[1:]
    if verb == "make":
        make(Path(place))
    elif not check(Path(place)):
        sys.exit(1)
