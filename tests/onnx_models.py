"""Make ONNX models for tests, and judge what becomes of them by ONNX's reference evaluator."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from numpy.typing import NDArray
from onnx import helper, numpy_helper
from onnx.reference import ReferenceEvaluator

from microlut.graph.evaluate import outputs
from microlut.graph.ir import Graph
from microlut.graph.passes import run_passes
from microlut.importers import import_model
from microlut.importers.samples import as_samples

Array = NDArray[Any]
SAMPLES = 3


class Made:
    """A node and the constants that it reads."""

    def __init__(self, entry: Any, constants: Mapping[str, Array]) -> None:
        self.entry, self.constants = entry, constants


def node(kind: str, read: Sequence[object], made: str | Sequence[str], **options: Any) -> Made:
    """Return a node; arrays that it reads become constants of the model."""
    outputs_made = [made] if isinstance(made, str) else list(made)
    names, constants = [], {}
    for i, each in enumerate(read):
        if isinstance(each, str):
            names.append(each)
        else:
            names.append(f"{outputs_made[0]}_{i}")
            constants[names[-1]] = np.asarray(each)
    domain = options.pop("domain", "")
    entry = helper.make_node(kind, names, outputs_made, outputs_made[0], domain=domain, **options)
    return Made(entry, constants)


def model_of(
    nodes: Sequence[Made],
    inputs: Mapping[str, Sequence[int | str]],
    made: Sequence[str] | None = None,
    opset: int = 18,
) -> Any:
    """Return a model whose outputs are those of the last node, or these."""
    ends = list(made or nodes[-1].entry.output[:1])
    graph = helper.make_graph(
        [each.entry for each in nodes],
        "net",
        [helper.make_tensor_value_info(n, onnx.TensorProto.FLOAT, s) for n, s in inputs.items()],
        [helper.make_empty_tensor_value_info(name) for name in ends],
        [numpy_helper.from_array(v, k) for each in nodes for k, v in each.constants.items()],
    )
    domains = dict.fromkeys(["com.microsoft", *filter(None, (e.entry.domain for e in nodes))])
    versions = [helper.make_opsetid("", opset), *(helper.make_opsetid(d, 1) for d in domains)]
    model = helper.make_model(graph, opset_imports=versions, ir_version=9)
    for each in model.graph.output:
        each.type.tensor_type.elem_type = onnx.TensorProto.FLOAT
    return onnx.shape_inference.infer_shapes(model)


def save(model: Any, folder: Path, name: str = "net.onnx", outside: str | None = None) -> Path:
    """Write a model; `outside` names a file for its arrays."""
    path = folder / name
    if outside is None:
        onnx.save(model, path)
    else:
        onnx.save(model, path, save_as_external_data=True, location=outside, size_threshold=0)
    return path


def evaluated(path: Path, x: Mapping[str, Array]) -> dict[str, Array]:
    """Return what the reference evaluator computes, one sample after the other."""
    model = onnx.load(path)
    judge = ReferenceEvaluator(model)
    names = [each.name for each in model.graph.output]
    count = len(next(iter(x.values())))
    runs = [judge.run(None, {n: v[i : i + 1] for n, v in x.items()}) for i in range(count)]
    return {name: np.concatenate([run[i] for run in runs]) for i, name in enumerate(names)}


def run_onnxruntime(path: Path, x: Mapping[str, Array]) -> dict[str, Array]:
    """Return what ONNX Runtime computes, one sample after the other."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    judge = onnxruntime.InferenceSession(path, options)
    names = [each.name for each in judge.get_outputs()]
    count = len(next(iter(x.values())))
    runs = [judge.run(names, {n: v[i : i + 1] for n, v in x.items()}) for i in range(count)]
    return {name: np.concatenate([run[i] for run in runs]) for i, name in enumerate(names)}


def drawn(path: Path, seed: int = 0) -> dict[str, Array]:
    """Return samples for the inputs of a model, as it has them."""
    rng = np.random.default_rng(seed)
    made = {}
    for each in onnx.load(path).graph.input:
        shape = [d.dim_value for d in each.type.tensor_type.shape.dim]
        made[each.name] = rng.normal(size=(SAMPLES, *shape[1:])).astype(np.float32)
    return made


def computed(graph: Graph, x: Mapping[str, Array]) -> dict[str, Array]:
    """Return what a float network computes, in the order of the model's own dimensions."""
    found = outputs(graph, as_samples(dict(x), graph.inputs).inputs).arrays
    orders = graph.output_orders or (None,) * len(found)
    return {
        name: y if order is None else y.transpose(0, *(i + 1 for i in order))
        for (name, y), order in zip(found.items(), orders, strict=True)
    }


def float_error(path: Path) -> float:
    """Return the largest difference from the reference evaluator, by the largest output."""
    pytest.importorskip("onnx", reason="needs the package onnx")
    x = drawn(path)
    found, wanted = computed(run_passes(import_model(path)), x), evaluated(path, x)
    errors = [
        float(np.abs(found[name].reshape(y.shape) - y).max() / max(1.0, np.abs(y).max()))
        for name, y in wanted.items()
    ]
    return max(errors)
