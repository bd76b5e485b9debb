"""ONNX operators that take values from constant places, and running sums."""

from __future__ import annotations

import numpy as np
import pytest

import microlut
from microlut.errors import InvalidInput, UnsupportedModel
from microlut.graph.batch import Batch
from microlut.graph.passes import run_passes
from microlut.importers import import_model
from microlut.integer import to_bytes
from microlut.integer.evaluate import outputs as integer_outputs
from microlut.integer.values import quantized_inputs
from microlut.verification.runtimes import run_tflite_micro
from onnx_models import computed, drawn, evaluated, float_error, model_of, node, save

RNG = np.random.default_rng(0)
ROWS = RNG.integers(0, 3, (1, 2, 4))
NEW = RNG.normal(size=(1, 2, 4)).astype(np.float32)


def relu():
    return node("Relu", ["x"], "r")


CASES = {
    "elements": [node("GatherElements", ["x", ROWS], "y", axis=1)],
    "several dimensions": [node("GatherND", ["x", np.array([[0, 1, 3], [0, 2, 0]])], "y")],
    "compress": [node("Compress", ["x", np.array([True, False, True])], "y", axis=1)],
    "reverse": [
        node("Transpose", ["x"], "t", perm=[1, 0, 2]),
        node("ReverseSequence", ["t", np.array([2])], "y", time_axis=0, batch_axis=1),
    ],
    "scatter constants": [node("ScatterElements", ["x", ROWS % 3, NEW], "y", axis=1)],
    "scatter tensors": [
        relu(),
        node("Slice", ["r", np.array([0]), np.array([2]), np.array([1])], "s"),
        node("ScatterND", ["x", np.array([[[0, 2], [0, 0]]]), "s"], "y"),
    ],
    "scatter into constants": [
        node("Slice", ["x", np.array([0]), np.array([2]), np.array([1])], "s"),
        node("ScatterND", [np.ones((1, 3, 4), np.float32), np.array([[[0, 2], [0, 0]]]), "s"], "y"),
    ],
    "triangle": [node("Trilu", ["x"], "y", upper=0)],
    "upper triangle": [node("Trilu", ["x", np.int64(1)], "y")],
    "sums": [node("CumSum", ["x", np.int64(1)], "y")],
    "sums before": [node("CumSum", ["x", np.int64(-1)], "y", exclusive=1)],
    "sums from the end": [node("CumSum", ["x", np.int64(2)], "y", reverse=1)],
    "sums before, from the end": [node("CumSum", ["x", np.int64(1)], "y", reverse=1, exclusive=1)],
}


@pytest.mark.parametrize("case", CASES)
def test_places_and_sums(tmp_path, case):
    path = save(model_of(CASES[case], {"x": [1, 3, 4]}), tmp_path)
    if case in ("several dimensions", "reverse"):  # whose first dimension is no batch
        x = {"x": drawn(path)["x"][:1]}
        found, wanted = computed(run_passes(import_model(path)), x)["y"], evaluated(path, x)["y"]
        np.testing.assert_allclose(found.reshape(wanted.shape), wanted, atol=1e-6)
    else:
        assert float_error(path) < 1e-6


def test_integers_equal_tflite_micro(tmp_path):
    nodes = [*CASES["elements"][:-1], node("GatherElements", ["x", ROWS], "g", axis=1)]
    nodes.append(node("CumSum", ["g", np.int64(1)], "y"))
    path = save(model_of(nodes, {"x": [1, 3, 4]}), tmp_path)
    x = RNG.normal(size=(32, 3, 4)).astype(np.float32)
    made = microlut.convert(path, x, bits=8, distill=False)
    q = quantized_inputs(made.quantized, Batch({"x": x[:4]}))
    assert made.tflite is not None
    found = to_bytes(integer_outputs(made.quantized, q))
    np.testing.assert_array_equal(run_tflite_micro(made.tflite, q), found)


REFUSED = {
    "places of inputs": (
        [node("GatherElements", ["x", "x"], "y", axis=1)],
        UnsupportedModel,
        "depends on",
    ),
    "reduction": (
        [node("ScatterElements", ["x", ROWS, NEW], "y", axis=1, reduction="add")],
        UnsupportedModel,
        "reduction; supported is none",
    ),
    "beyond": (
        [node("GatherElements", ["x", ROWS + 7], "y", axis=1)],
        InvalidInput,
        "takes places beyond those of",
    ),
    "nothing": (
        [node("Compress", ["x", np.array([False] * 3)], "y", axis=1)],
        UnsupportedModel,
        "takes 0 values",
    ),
}


LARGE = {
    "sums": (node("CumSum", ["x", np.int64(1)], "y"), "sums 5000 values up"),
    "places": (node("Trilu", ["x"], "y"), "from large tensors; supported are 4194304"),
}


@pytest.mark.parametrize("case", LARGE)
def test_what_would_take_much_memory_is_refused(tmp_path, case):
    entry, text = LARGE[case]
    with pytest.raises(UnsupportedModel, match=text):
        import_model(save(model_of([entry], {"x": ["n", 5000, 1000]}), tmp_path))


@pytest.mark.parametrize("case", REFUSED)
def test_refused(tmp_path, case):
    nodes, kind, text = REFUSED[case]
    with pytest.raises(kind, match=text):
        import_model(save(model_of(nodes, {"x": ["n", 3, 4]}), tmp_path))
