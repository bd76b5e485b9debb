"""Concatenation in all its forms."""

import numpy as np
import pytest
from harness import Case, layer, operator_tests

from microlut.graph.batch import Batch
from microlut.graph.ir import Graph, single
from microlut.integer.check import check_graph
from microlut.ops.activation import ActivationKind
from microlut.ops.concatenate import Concatenate
from microlut.ops.relu import Relu
from microlut.quantize.ranges.measure import calibrate
from microlut.quantize.stage import quantize
from microlut.quantize.weights import WeightConfig


def along(axis):
    return layer("Concatenate", axis=axis)


CASES = (
    Case("channels", Concatenate(2), ((4, 3, 5), (4, 3, 2)), along(-1)),
    Case("unlike_scales", Concatenate(2), ((4, 3, 5), (4, 3, 2)), along(3), spreads=(1.0, 30.0)),
    Case("three", Concatenate(2), ((3, 3, 4), (3, 3, 1), (3, 3, 8)), along(-1)),
    Case("rows", Concatenate(0), ((4, 3, 2), (1, 3, 2)), along(1), spreads=(1.0, 1.5)),
    Case("columns", Concatenate(1), ((4, 3, 2), (4, 5, 2)), along(-2)),
    Case("vectors", Concatenate(0), ((7,), (3,), (2,)), along(-1)),
    Case("one_row", Concatenate(2), ((1, 1, 4), (1, 1, 8)), None),
    Case("int16", Concatenate(2), ((4, 3, 5), (4, 3, 2)), None, dtype="int16"),
    Case("one_row_int16", Concatenate(0), ((6,), (5,)), None, dtype="int16"),
    Case("eleven", Concatenate(1), ((2, 1, 3), (2, 2, 3)) * 5 + ((2, 4, 3),), along(2)),
    Case("many", Concatenate(0), ((1, 2),) * 123, None),
    Case("rank_two", Concatenate(1), ((6, 3), (6, 4)), along(-1), spreads=(0.01, 5.0)),
)
(
    test_float_equals_keras,
    test_training_equals_float,
    test_integer_equals_tflite_micro,
    test_c_equals_integer_on_this_computer,
    test_c_equals_integer_on_cortex_m4,
) = operator_tests(CASES)


@pytest.mark.parametrize("shapes", [((2, 3), (3, 3)), ((2, 3), (2,)), ()])
def test_shapes_that_do_not_fit_are_refused(shapes):
    with pytest.raises(ValueError, match="joins tensors of shapes"):
        Concatenate(1).shapes(shapes)


@pytest.mark.parametrize("axis", [0, 4, -4, None, "1"])
def test_axis_that_is_none_is_refused(axis):
    with pytest.raises(ValueError, match="joins along axis"):
        Concatenate.from_keras({"axis": axis}, [(2, 3, 4)])


def test_inputs_of_unlike_scales_are_rescaled():
    kinds = [node.op.kind for node in CASES[1].quantized.nodes]
    assert kinds == ["table", "concatenate"]
    assert [node.op.kind for node in CASES[3].quantized.nodes] == ["concatenate"]


def test_rescaled_input_has_a_name_that_no_layer_has():
    wide, narrow = CASES[1].graph().inputs
    nodes = (
        single("c/input0", Relu(ActivationKind.RELU), (wide.name,), wide.shape),
        single("c", Concatenate(2), (narrow.name, "c/input0"), (4, 3, 7)),
        single("c/input0_1", Concatenate(2), ("c", "c"), (4, 3, 14)),
    )
    graph = Graph("names", (wide, narrow), nodes, ("c/input0_1",))
    rng = np.random.default_rng(0)
    spreads = {wide.name: 50.0, narrow.name: 1.0}
    samples = Batch(
        {
            t.name: (spreads[t.name] * rng.normal(size=(3, *t.shape))).astype(np.float32)
            for t in graph.inputs
        }
    )
    made = quantize(graph, calibrate(graph, samples), samples, WeightConfig())
    check_graph(made)
    assert "c/input0_2" in made.tensors()
