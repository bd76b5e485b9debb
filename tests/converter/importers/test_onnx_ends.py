"""How ONNX classifiers end: with places of the largest scores, or with logarithms."""

from __future__ import annotations

import numpy as np
import pytest

import microlut
from microlut.errors import UnsupportedModel
from microlut.graph.batch import Batch, only
from microlut.graph.evaluate import outputs
from microlut.importers import import_model
from microlut.integer.evaluate import outputs as integer_outputs
from microlut.integer.values import quantized_inputs, real_values
from onnx_models import computed, drawn, float_error, model_of, node, run_onnxruntime, save

RNG = np.random.default_rng(0)
WEIGHTS = RNG.normal(size=(12, 7)).astype(np.float32)
X = RNG.normal(size=(128, 12)).astype(np.float32)


def scores():
    return [node("MatMul", ["x", WEIGHTS], "s")]


ENDS = {
    "plain": [node("ArgMax", ["s"], "y", axis=1)],
    "cast": [node("ArgMax", ["s"], "p", axis=1, keepdims=0), node("Cast", ["p"], "y", to=6)],
    "squeezed": [
        node("ArgMax", ["s"], "p", axis=-1),
        node("Squeeze", ["p", np.array([1])], "q"),
        node("Identity", ["q"], "y"),
    ],
    "hard": [node("Hardmax", ["s"], "y", axis=1)],
    "least": [node("ArgMin", ["s"], "y", axis=1)],
}


@pytest.mark.parametrize("case", ENDS)
def test_places_at_the_end_are_left_to_the_program(tmp_path, case):
    path = save(model_of([*scores(), *ENDS[case]], {"x": [1, 12]}), tmp_path)
    graph = import_model(path)
    np.testing.assert_allclose(computed(graph, {"x": X})["y"], X @ WEIGHTS, atol=1e-4)
    kind = {"least": "ArgMin", "hard": "Hardmax"}.get(case, "ArgMax")
    what = "smallest" if case == "least" else "largest"
    (note,) = graph.notes
    assert f"output 'y' has the scores, without {kind}" in note
    assert f"the place of the {what} one" in note


def test_places_beside_their_scores_are_left_out(tmp_path):
    nodes = [*scores(), node("ArgMax", ["s"], "label", axis=1)]
    graph = import_model(save(model_of(nodes, {"x": [1, 12]}, ["label", "s"]), tmp_path))
    assert graph.output_names == ("s",)
    assert (
        "output 'label' (ArgMax) is left out: it is the place of the largest of 's'" in graph.notes
    )


def test_places_inside_are_refused(tmp_path):
    nodes = [
        *scores(),
        node("ArgMax", ["s"], "p", axis=1),
        node("Cast", ["p"], "f", to=1),
        node("Mul", ["f", np.float32(2)], "y"),
    ]
    with pytest.raises(UnsupportedModel, match="reads places that ArgMax makes"):
        import_model(save(model_of(nodes, {"x": [1, 12]}), tmp_path))


@pytest.mark.parametrize("opset", [11, 18])
def test_logarithms_of_shares(tmp_path, opset):
    nodes = [*scores(), node("LogSoftmax", ["s"], "y", axis=1)]
    path = save(model_of(nodes, {"x": [1, 12]}, opset=opset), tmp_path)
    assert float_error(path) < 1e-5
    made = microlut.convert(path, X, bits=8, distill=False)
    q = quantized_inputs(made.quantized, Batch({"x": X}))
    found = only(real_values(made.quantized.output_tensors(), integer_outputs(made.quantized, q)))
    wanted = only(outputs(made.graph, Batch({"x": X})))
    assert np.square(found - wanted).mean() < 0.01 * np.square(wanted).mean()


def test_logarithms_along_several_dimensions(tmp_path):
    """The reference evaluator takes opset 11 for 13."""
    pytest.importorskip("onnxruntime", reason="needs the package onnxruntime")
    nodes = [node("LogSoftmax", ["x"], "y", axis=1)]
    path = save(model_of(nodes, {"x": [1, 3, 4]}, opset=11), tmp_path)
    x = drawn(path)
    found, wanted = computed(import_model(path), x)["y"], run_onnxruntime(path, x)["y"]
    np.testing.assert_allclose(found, wanted, rtol=1e-5, atol=1e-6)
