"""Fully connected layer in all its forms."""

import numpy as np
import pytest
from harness import DEFAULT, Case, kernel_and_bias, layer, operator_tests

from graphs import run_integer
from microlut.ops.activation import ActivationKind
from microlut.ops.dense import Dense, QDense
from microlut.ops.weights import OutputStage, QuantizedWeights
from microlut.quantize.weights import WeightConfig


def dense(name, shape, units, activation="linear", config=DEFAULT):
    kernel, bias = kernel_and_bias(name, (units, shape[-1]), 0)
    op = Dense(kernel, bias, ActivationKind(activation))
    made = layer("Dense", units=units, activation=activation)
    return Case(name, op, (shape,), made, config=config)


CASES = (
    dense("vector", (64,), 10),
    dense("odd_2_bits", (33,), 7, config=WeightConfig(2)),
    dense("relu_3_bits", (100,), 5, "relu", WeightConfig(3)),
    dense("relu6_5_bits", (13,), 33, "relu6", WeightConfig(5)),
    dense("rows_6_bits", (3, 9), 4, config=WeightConfig(6)),
    dense("picture_7_bits", (2, 3, 5), 8, "relu", WeightConfig(7)),
    dense("int8", (57,), 6, config=WeightConfig(8)),
    dense("one_unit", (31,), 1),
    dense("one_unit_int8", (31,), 1, config=WeightConfig(8)),
    dense("one_input", (1,), 3),
    dense("one_scale", (40,), 9, config=WeightConfig(4, "tensor")),
    dense("one_scale_int8", (40,), 9, config=WeightConfig(8, "tensor")),
    dense("fitted", (41,), 9, config=WeightConfig(2, method="fitted")),
    dense("empirical", (41,), 9, config=WeightConfig(4, method="empirical")),
)
(
    test_float_equals_keras,
    test_training_equals_float,
    test_integer_equals_tflite_micro,
    test_c_equals_integer_on_this_computer,
    test_c_equals_integer_on_cortex_m4,
) = operator_tests(CASES)


def by_hand(rows, bias, shift=1, limits=(-128, 127)):
    """Return a layer of these int8 weights whose sums are multiplied by 2^(shift - 1)."""
    weights, units = np.array(rows, np.int8).view(np.uint8), len(rows)
    quantized = QuantizedWeights(weights.shape, 8, weights, None, np.ones(units, np.float32))
    factors, shifts = np.full(units, 1 << 30), np.full(units, shift, np.int8)
    return QDense(quantized, OutputStage(np.array(bias, np.int32), factors, shifts, *limits))


def test_layer_worked_out_by_hand():
    op = by_hand([[1, 2], [-3, 4]], [10, 5])
    # inputs 3 and -1 after the zero point 2; outputs 10 + 3 - 2 and 5 - 9 - 4, then + 1
    assert run_integer(op, [np.array([[5, 1]], np.int8)], (2,), 1).tolist() == [[12, -7]]


def test_sums_are_over_the_last_dimension():
    x = np.arange(8, dtype=np.int8).reshape(1, 2, 2, 2)
    y = run_integer(by_hand([[1, 1]], [0], shift=0), [x])
    assert y.ravel().tolist() == [1, 3, 5, 7]


def test_clamp_comes_after_the_zero_point():
    op = by_hand([[1]], [0], limits=(20, 30))
    x = np.array([[1], [18], [28]], np.int8)
    assert run_integer(op, [x], (0,), 7).tolist() == [[20], [25], [30]]


def test_kernel_of_other_inputs_is_refused():
    with pytest.raises(ValueError, match=r"kernel of shape \[10, 64\] for an input \[63\]"):
        CASES[0].op.shapes([(63,)])
