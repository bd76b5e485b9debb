"""Measure which warnings right and wrong calibration inputs of the reference models get.

    .venv/bin/python benchmarks/inputs.py [--data FOLDER] [--models kws resnet8 ...] [--write]

The ImageNet pictures are unpacked first with shared/tools/imagenet-npz, beside the data or into the
current folder. Prints a Markdown table of warnings, with what the unspoiled test inputs get in
parentheses; `--write` puts it into docs/guide/calibration.md.
"""

from __future__ import annotations

import argparse
import os
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from itertools import chain
from pathlib import Path

import numpy as np
import spread
from documents import ROOT, replace_table

from microlut.conversion.findings import Finding
from microlut.conversion.input_checks import calibration_findings, run_findings
from microlut.graph.batch import Batch
from microlut.graph.ir import Graph
from microlut.importers import import_model
from microlut.importers.samples import as_samples
from microlut.importers.scaling import scaled_alike
from microlut.ops.arrays import FloatArray
from microlut.ops.tensor import Tensor, feature_ranges
from microlut.quantize.ranges.activations import activation_quantization
from microlut.quantize.ranges.measure import outermost

PAGE = ROOT / "docs" / "guide" / "calibration.md"
PERCENTILE = 1e-4  # of the range that leaves out wild values


@dataclass(frozen=True, slots=True)
class Model:
    """A model, its calibration and its test inputs, and how they are prepared."""

    path: str
    calibration: str
    test: str
    prepare: Callable[[FloatArray], FloatArray] = lambda x: x


MODELS = {
    "digits": Model("digits.keras", "digits_calibration.npz", "digits_test.npz"),
    "kws": Model("kws_dscnn_savedmodel", "kws01_calibration.npz", "kws01_test.npz"),
    "resnet8": Model("resnet8_cifar10.h5", "cifar10_calibration.npz", "cifar10_test.npz"),
    "resnet8 (JPEG)": Model(
        "resnet8_cifar10jpeg.keras", "cifar10jpeg_calibration.npz", "cifar10jpeg_test.npz"
    ),
    "resnet32": Model(
        "cifar100_resnet32.h5", "cifar100_calibration.npz", "cifar100_test.npz", lambda x: x / 255
    ),
    "mobilenet": Model(
        "imagenet_mobilenetv1_025_224.h5", "imagenet_calibration.npz", "imagenet_test.npz"
    ),
}


def _wild(x: FloatArray) -> FloatArray:
    x = x.copy()
    x.flat[x.size // 3] = 32_000
    return x


WRONG: Mapping[str, Callable[[FloatArray], FloatArray]] = {
    "as they are": lambda x: x,
    "x 255": lambda x: x * 255,
    "/ 255": lambda x: x / 255,
    "/ 127.5 - 1 once more": lambda x: x / np.float32(127.5) - 1,
    "(x - mean) / deviation once more": lambda x: (x - x.mean()) / x.std(),
    "one value of 32,000": _wild,
    "10 copies": lambda x: np.repeat(x[:1], 10, axis=0),
}


def quantized(graph: Graph, x: FloatArray) -> Tensor:
    """Return the only input with the range that the rules give it: wild values are left out."""
    tails = outermost(x, PERCENTILE)
    full, found = tails.within(0.0), tails.within(PERCENTILE)
    wild = full[1] - full[0] > 2.0 * (found[1] - found[0]) > 0.0
    own = activation_quantization(*(found if wild else full))
    return replace(graph.inputs[0], dtype="int8", quantization=own)


def found_in(graph: Graph, x: FloatArray, test: FloatArray) -> tuple[list[Finding], str]:
    """Return the findings about calibration inputs, and what test inputs get for their range."""
    tensor = quantized(graph, x)
    found = list(calibration_findings(Batch({tensor.name: x}), graph, (tensor,)))
    ends = feature_ranges(tensor.quantized)
    if not scaled_alike(test, *ends):
        return found, "refused"
    told = run_findings(Batch({tensor.name: test}), (tensor,))
    return found, "warned of" if told else ""


def rows_of(name: str, data: Path) -> list[tuple[str, ...]]:
    """Return a row for each way to spoil the calibration inputs of a model."""
    model = MODELS[name]
    folders = (data, ROOT / "examples" / "digits", Path())
    graph = import_model(_in(folders, model.path))
    x, test = (
        model.prepare(as_samples(_in(folders, file), graph.inputs).x)
        for file in (model.calibration, model.test)
    )
    rows = []
    for what, spoil in WRONG.items():
        start = time.process_time()
        found, told = found_in(graph, spoil(x), test)
        codes = ", ".join(finding.code for finding in found) or "none"
        rows.append((name, what, codes, told or "none"))
        print("|", " | ".join(rows[-1]), "|", f"{time.process_time() - start:.1f} s", flush=True)
        for finding in found:
            print("    ", finding.line)
    return rows


def table(rows: Sequence[tuple[str, ...]]) -> str:
    """Return a Markdown table: a row for each way to spoil inputs, a column for each model."""
    cells = {
        (name, what): codes if told == "none" else f"{codes} ({told})"
        for name, what, codes, told in rows
    }
    names = list(dict.fromkeys(row[0] for row in rows))
    lines = [("calibration inputs", *names), ("---",) * (len(names) + 1)]
    lines += [(what, *(cells[name, what] for name in names)) for what in WRONG]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _in(folders: Sequence[Path], name: str) -> Path:
    return next((folder / name for folder in folders if (folder / name).exists()), Path(name))


def main() -> None:
    """Measure, print, and write if asked to."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    default = os.environ.get("MICROLUT_DATA", ROOT.parent / "shared" / "data")
    parser.add_argument("--data", type=Path, default=default)
    parser.add_argument("--models", nargs="+", choices=MODELS, default=list(MODELS))
    parser.add_argument("--write", action="store_true")
    spread.add_options(parser)
    options = parser.parse_args()
    of_models = spread.each(partial(rows_of, data=options.data.resolve()), options.models, options)
    rows = list(chain.from_iterable(of_models))
    text = table(rows)
    print(text)
    if options.write:
        replace_table(PAGE, "inputs.py", text)


if __name__ == "__main__":
    main()
