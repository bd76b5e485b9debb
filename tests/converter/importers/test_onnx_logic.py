"""Truth values in ONNX models, what they choose, and branches that constants choose."""

from __future__ import annotations

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper

import microlut
from microlut.errors import UnsupportedModel
from microlut.graph.passes import run_passes
from microlut.importers import import_model
from onnx_models import computed, drawn, evaluated, float_error, model_of, node, save

RNG = np.random.default_rng(0)
LIMITS = RNG.normal(size=(1, 3, 4)).astype(np.float32)
MASK = RNG.integers(0, 2, (3, 4)).astype(bool)


def real(*nodes):
    """Return nodes, and a cast of the truth values that the last one makes."""
    return [*nodes, node("Cast", [nodes[-1].entry.output[0]], "y", to=1)]


def halves():
    return [node("Split", ["x"], ["a", "b"], axis=1, num_outputs=2)]


COMPARING = {
    **{kind: [*halves(), node(kind, ["a", "b"], "t")] for kind in ("Greater", "Less", "Equal")},
    "GreaterOrEqual": [node("GreaterOrEqual", ["x", LIMITS.repeat(2, 1)], "t")],
    "LessOrEqual": [node("LessOrEqual", ["x", np.float32(0.25)], "t")],
    "turned": [node("Greater", [np.float32(0.25), "x"], "t")],
    "cast": [node("Relu", ["x"], "r"), node("Cast", ["r"], "t", to=TensorProto.BOOL)],
}


@pytest.mark.parametrize("case", COMPARING)
def test_comparisons(tmp_path, case):
    path = save(model_of(real(*COMPARING[case]), {"x": [1, 6, 4]}), tmp_path)
    assert float_error(path) == 0.0


@pytest.mark.parametrize("kind", ["And", "Or", "Xor"])
def test_truth_values(tmp_path, kind):
    nodes = [
        *halves(),
        node("Greater", ["a", np.float32(0)], "p"),
        node("Less", ["b", np.float32(0.5)], "q"),
        node(kind, ["p", "q"], "r"),
        node("Not", ["r"], "t"),
    ]
    assert float_error(save(model_of(real(*nodes), {"x": [1, 6, 4]}), tmp_path)) == 0.0


CHOICES = {
    "tensors": ["c", "a", "b"],
    "constant": ["c", "a", np.float32(-1.5)],
    "constants": ["c", np.float32(2), LIMITS],
    "mask": [MASK, "a", "b"],
    "mask and constant": [MASK, LIMITS, "b"],
}


@pytest.mark.parametrize("case", CHOICES)
def test_where(tmp_path, case):
    nodes = [*halves(), node("Greater", ["a", "b"], "c"), node("Where", CHOICES[case], "y")]
    assert float_error(save(model_of(nodes, {"x": [1, 6, 4]}), tmp_path)) < 1e-6


def test_conversion_at_8_bits(tmp_path):
    nodes = [
        node("Greater", ["x", np.float32(0.3)], "c"),
        node("Where", ["c", "x", np.float32(-0.5)], "y"),
    ]
    path = save(model_of(nodes, {"x": [1, 6]}), tmp_path)
    x = RNG.uniform(-1, 1, (64, 6)).astype(np.float32)
    made = microlut.convert(path, x, bits=8, distill=False)
    assert made.tflite is not None


LIVE = {
    "clip": [*halves(), node("Clip", ["a", "", "b"], "y")],
    "clip below": [*halves(), node("Clip", ["a", "b", np.float32(0.7)], "y")],
    "slope": [*halves(), node("PRelu", ["a", "b"], "y")],
    "norm": [
        *halves(),
        node("ReduceMean", ["b", np.array([0, 2])], "s", keepdims=0),
        node("InstanceNormalization", ["a", "s", np.ones(3, np.float32)], "y"),
    ],
}


@pytest.mark.parametrize("case", LIVE)
def test_options_that_depend_on_inputs(tmp_path, case):
    path = save(model_of(LIVE[case], {"x": [1, 6, 4]}), tmp_path)
    x = {"x": drawn(path)["x"][:1]}
    found, wanted = computed(run_passes(import_model(path)), x)["y"], evaluated(path, x)["y"]
    np.testing.assert_allclose(found.reshape(wanted.shape), wanted, rtol=1e-4, atol=1e-5)


def branch(name, *entries):
    made = helper.make_tensor_value_info(entries[-1].output[0], TensorProto.FLOAT, None)
    weights = onnx.numpy_helper.from_array(np.full(4, 2, np.float32), f"{name}_weights")
    return helper.make_graph(list(entries), name, [], [made], [weights])


def chosen(condition):
    """Return a network that squeezes a dimension if it is 1, as PyTorch writes it."""
    then = branch(
        "then",
        helper.make_node("Mul", ["x", "then_weights"], ["t"]),
        helper.make_node("Relu", ["t"], ["u"]),
    )
    other = branch("other", helper.make_node("Add", ["x", "other_weights"], ["v"]))
    return [
        *condition,
        node("If", ["c"], "w", then_branch=then, else_branch=other),
        node("Abs", ["w"], "y"),
    ]


def by_shape(size):
    return [
        node("Shape", ["x"], "s"),
        node("Gather", ["s", np.int64(1)], "n"),
        node("Equal", ["n", np.int64(size)], "c"),
    ]


@pytest.mark.parametrize("size", [4, 5])
def test_branches_that_shapes_choose(tmp_path, size):
    path = save(model_of(chosen(by_shape(size)), {"x": [1, 4]}), tmp_path)
    assert float_error(path) < 1e-6


def test_branches_within_branches(tmp_path):
    inner = branch("inner", helper.make_node("Mul", ["x", "inner_weights"], ["i"]))
    rest = branch("rest", helper.make_node("Neg", ["x"], ["r"]))
    outer = branch(
        "outer", helper.make_node("If", ["c"], ["o"], then_branch=inner, else_branch=rest)
    )
    other = branch("other", helper.make_node("Neg", ["x"], ["v"]))
    nodes = [*by_shape(4), node("If", ["c"], "y", then_branch=outer, else_branch=other)]
    assert float_error(save(model_of(nodes, {"x": [1, 4]}), tmp_path)) < 1e-6


def test_branches_that_inputs_choose_are_refused(tmp_path):
    condition = [
        node("ReduceSum", ["x"], "s", keepdims=0),
        node("Greater", ["s", np.float32(0)], "c"),
    ]
    path = save(model_of(chosen(condition), {"x": [1, 4]}), tmp_path)
    with pytest.raises(UnsupportedModel, match="If"):
        import_model(path)
