"""int8 quantization of activations and the limits of fused activations."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from microlut.graph.ir import Graph, single
from microlut.graph.network import State
from microlut.ops.activation import ActivationKind
from microlut.ops.add import Add
from microlut.ops.concatenate import Concatenate
from microlut.ops.dense import Dense
from microlut.ops.fixed_point import quantize_multiplier
from microlut.ops.mul import Mul
from microlut.ops.relu import Relu
from microlut.ops.tensor import FixedRange, Quantization, Tensor, dequantize_array, quantize_array
from microlut.quantize.ranges.activations import activation_quantization, quantized_tensors
from microlut.quantize.ranges.measure import Ranges

VALUES = st.floats(-1e30, 1e30, allow_subnormal=False)


@given(VALUES, VALUES)
def test_zero_is_represented_exactly(a: float, b: float):
    quantization = activation_quantization(min(a, b), max(a, b))
    zero = quantize_array(np.zeros(1, np.float32), quantization)
    assert dequantize_array(zero, quantization).tolist() == [0.0]


@given(VALUES, VALUES)
def test_range_is_covered_to_half_a_step(a: float, b: float):
    ends = np.array([a, b], np.float32)
    quantization = activation_quantization(float(ends.min()), float(ends.max()))
    error = dequantize_array(quantize_array(ends, quantization), quantization) - ends
    if quantization.scale != 1.0:
        assert np.abs(error).max() <= 0.502 * quantization.scale


@given(VALUES, VALUES, st.floats(0, 1e20))
def test_scale_is_a_positive_single_and_zero_point_an_int8(a: float, b: float, smallest: float):
    quantization = activation_quantization(min(a, b), max(a, b), smallest)
    assert quantization.scale == float(np.float32(quantization.scale)) > 0
    assert math.isfinite(quantization.scale)
    assert -128 <= quantization.zero_point <= 127


@pytest.mark.parametrize(
    ("low", "high", "wanted"),
    [
        (0.0, 255.0, Quantization(1.0, -128)),
        (-255.0, 0.0, Quantization(1.0, 127)),
        (-127.5, 127.5, Quantization(1.0, 0)),  # -0.5 rounds to even
        (10.0, 127.5, Quantization(0.5, -128)),  # widened to contain 0
        (-127.5, -10.0, Quantization(0.5, 127)),
        (0.0, 0.0, Quantization(1.0, 0)),
        (-1e-40, 1e-40, Quantization(1.0, 0)),
    ],
)
def test_quantization_is_the_one_computed_by_hand(low: float, high: float, wanted: Quantization):
    assert activation_quantization(low, high) == wanted


def test_range_of_rounding_errors_gets_the_smallest_scale():
    assert activation_quantization(-1e-9, 2e-9, 0.25) == Quantization(0.25, 0)


@pytest.mark.parametrize(
    ("low", "high", "scale"),
    [(0.0, 32767.0, 1.0), (-32767.0, 5.0, 1.0), (10.0, 16383.5, 0.5), (0.0, 0.0, 2**-15)],
)
def test_quantization_of_int16_is_symmetric(low: float, high: float, scale: float):
    assert activation_quantization(low, high, dtype="int16") == Quantization(scale, 0)


@pytest.mark.parametrize(
    ("low", "high", "int8", "int16"),  # of LOGISTIC and TANH in TensorFlow Lite's specification
    [
        (0.0, 1.0, Quantization(1 / 256, -128), Quantization(1 / 32768, 0)),
        (-1.0, 1.0, Quantization(1 / 128, 0), Quantization(1 / 32768, 0)),
    ],
)
def test_fixed_range_has_the_quantization_of_the_specification(
    low: float, high: float, int8: Quantization, int16: Quantization
):
    assert FixedRange(low, high).quantization("int8") == int8
    assert FixedRange(low, high).quantization("int16") == int16


@pytest.mark.parametrize(
    ("kind", "quantization", "wanted"),
    [
        (ActivationKind.LINEAR, Quantization(0.1, 5), (-128, 127)),
        (ActivationKind.RELU, Quantization(0.1, 5), (5, 127)),
        (ActivationKind.RELU, Quantization(0.1, -128), (-128, 127)),
        (ActivationKind.RELU, Quantization(0.1, 127), (127, 127)),
        (ActivationKind.RELU6, Quantization(0.1, 5), (5, 65)),
        (ActivationKind.RELU6, Quantization(0.0625, -128), (-128, -32)),
        (ActivationKind.RELU6, Quantization(4.0, 0), (0, 2)),  # 1.5 away from zero
        (ActivationKind.RELU6, Quantization(6 / 255, -128), (-128, 127)),
        (ActivationKind.RELU6, Quantization(1e-38, 5), (5, 127)),  # 6 / scale is infinite
        (ActivationKind.RELU6, Quantization(100.0, 5), (5, 5)),
    ],
)
def test_limits_of_an_activation_are_those_computed_by_hand(
    kind: ActivationKind, quantization: Quantization, wanted: tuple[int, int]
):
    assert kind.limits(quantization) == wanted


@pytest.mark.parametrize(
    ("kind", "scale", "wanted"),
    [
        (ActivationKind.LINEAR, 0.1, (-32768, 32767)),
        (ActivationKind.RELU, 0.1, (0, 32767)),
        (ActivationKind.RELU6, 0.001, (0, 6000)),
        (ActivationKind.RELU6, 1e-38, (0, 32767)),
    ],
)
def test_limits_of_an_activation_in_int16(
    kind: ActivationKind, scale: float, wanted: tuple[int, int]
):
    assert kind.limits(Quantization(scale, 0), "int16") == wanted


def test_smallest_output_scale_keeps_the_last_factor_of_a_sum_below_one():
    smallest = Add().smallest_scale([0.3, 0.7])
    assert quantize_multiplier(2.0 * 0.7 / (2.0**20 * smallest)).shift <= 0


def test_smallest_output_scale_keeps_shifted_sums_within_32_bits():
    kernel = np.array([[1.0, -1.0], [3.0, 0.0]], np.float32)
    op, scale = Dense(kernel, np.array([1.0, -50.0], np.float32)), 0.01
    largest = 255 * scale * 3.0 + 50.0
    assert op.smallest_scale([scale]) * 2.0**30 > 8 * largest


def test_operators_that_only_move_values_have_no_smallest_output_scale():
    assert Relu(ActivationKind.RELU).smallest_scale([0.3]) == 0.0


def inputs(*names: str) -> tuple[Tensor, ...]:
    return tuple(Tensor(name, (4,)) for name in names)


@pytest.mark.parametrize("op", [Add(), Mul()])
@pytest.mark.parametrize("order", [("small", "zero"), ("zero", "small")])
def test_tensor_whose_smallest_scale_is_larger_does_not_share_that_of_others(op, order):
    """A branch that is dead on all samples, beside one of small values."""
    nodes = (single("zero", op, ("x", "y"), (4,)), single("both", Concatenate(0), order, (8,)))
    graph = Graph("g", inputs("x", "y", "small"), nodes, ("both",))
    ends = dict.fromkeys(("small", "zero", "both"), (-1e-6, 1e-6))
    found = quantized_tensors(graph, Ranges({"x": (-9.0, 9.0), "y": (-9.0, 9.0), **ends}))
    smallest = op.smallest_scale([found["x"].scale, found["y"].scale])
    assert found["zero"].scale == pytest.approx(smallest)
    assert found["small"].quantization == found["both"].quantization
    assert found["both"].scale < smallest


def test_state_takes_part_in_the_smallest_scale():
    nodes = (single("made", Mul(), ("x", "y"), (4,)), single("sum", Add(), ("x", "old"), (4,)))
    states = (State(Tensor("old", (4,)), "made"),)
    graph = Graph("g", inputs("x", "y"), nodes, ("sum",), states)
    ends = dict.fromkeys(("x", "y", "sum"), (-9.0, 9.0))
    found = quantized_tensors(graph, Ranges({**ends, "made": (-1e-9, 1e-9)}))
    smallest = Mul().smallest_scale([found["x"].scale, found["y"].scale])
    assert found["old"].scale == found["made"].scale == pytest.approx(smallest)


@pytest.mark.parametrize("sources", [("one", "two"), ("two", "one"), ("two", "two")])
def test_states_that_nothing_changes_have_a_scale(sources):
    states = tuple(State(t, s) for t, s in zip(inputs("one", "two"), sources, strict=True))
    nodes = (single("sum", Add(), ("one", "two"), (4,)),)
    graph = Graph("g", inputs("x"), nodes, ("sum",), states)
    found = quantized_tensors(graph, Ranges(dict.fromkeys(("x", "sum"), (-1.0, 1.0))))
    for state in states:
        assert found[state.tensor.name].quantization == found[state.source].quantization
