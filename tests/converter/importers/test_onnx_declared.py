"""Inputs that are shapes: the declared sizes of outputs say their values."""

from __future__ import annotations

import numpy as np
import onnx
import pytest

from microlut.errors import UnsupportedModel
from microlut.importers import import_model
from onnx_models import computed, model_of, node, save

X = np.random.default_rng(0).normal(size=(2, 3, 4)).astype(np.float32)
# By operator: what it reads, the sizes of the shape, and of the outputs, and its options.
CASES = {
    "Reshape": (["x", "s"], [2], {"y": [1, 12]}, {}),
    "Expand": (["x", "s"], [4], {"y": [1, 2, 3, 4]}, {}),
    "Tile": (["x", "s"], [3], {"y": [1, 6, 8]}, {}),
    "Resize": (["x", "", "", "s"], [3], {"y": [1, 3, 8]}, {"mode": "nearest"}),
    "Split": (["x", "s"], [2], {"y": [1, 3, 1], "z": [1, 3, 3]}, {"axis": 2}),
}


def declared(kind, made):
    read, count, _, options = CASES[kind]
    model = model_of([node(kind, read, list(made), **options)], {"x": [1, 3, 4], "s": count}, made)
    model.graph.input[1].type.tensor_type.elem_type = onnx.TensorProto.INT64
    for each, sizes in zip(model.graph.output, made.values(), strict=True):
        dims = each.type.tensor_type.shape
        dims.ClearField("dim")
        for n in sizes or []:
            dims.dim.add(dim_value=n)
    return model


def wanted(kind):
    if kind == "Reshape":
        return {"y": X.reshape(2, 12)}
    if kind == "Expand":
        return {"y": X[:, np.newaxis].repeat(2, 1)}
    if kind == "Tile":
        return {"y": np.tile(X, [1, 2, 2])}
    if kind == "Resize":
        return {"y": X.repeat(2, 2)}
    return {"y": X[:, :, :1], "z": X[:, :, 1:]}


@pytest.mark.parametrize("kind", CASES)
def test_shapes_are_those_that_are_declared(tmp_path, kind):
    graph = import_model(save(declared(kind, CASES[kind][2]), tmp_path))
    assert [each.name for each in graph.inputs] == ["x"]
    assert any("input 's' is left out" in note for note in graph.notes)
    for name, values in wanted(kind).items():
        np.testing.assert_array_equal(computed(graph, {"x": X})[name].reshape(values.shape), values)


@pytest.mark.parametrize("kind", CASES)
def test_shapes_that_nothing_tells_are_refused(tmp_path, kind):
    path = save(declared(kind, dict.fromkeys(CASES[kind][2])), tmp_path)
    with pytest.raises(UnsupportedModel):
        import_model(path)


def test_repeats_that_do_not_fit_are_not_told(tmp_path):
    path = save(declared("Tile", {"y": [1, 7, 8]}), tmp_path)
    with pytest.raises(UnsupportedModel, match="repeats depends on"):
        import_model(path)
