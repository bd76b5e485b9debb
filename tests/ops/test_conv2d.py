"""Convolution in all its forms."""

import itertools
from dataclasses import replace

import numpy as np
import pytest
from harness import (
    DEFAULT,
    Case,
    KerasWindow,
    integer_inputs,
    kernel_and_bias,
    layer,
    operator_tests,
    over_steps,
)

from graphs import run_integer
from microlut.graph.batch import only
from microlut.ops.activation import ActivationKind
from microlut.ops.conv2d import Conv2D, QConv2D
from microlut.ops.weights import OutputStage, QuantizedWeights
from microlut.ops.windows import Padding, Window
from microlut.quantize.weights import WeightConfig


def conv2d(name, shape, filters, window, activation="linear", config=DEFAULT):
    kernel, bias = kernel_and_bias(name, (filters, *window.size, shape[2]), 0)
    op = Conv2D(kernel, bias, window.over(shape), ActivationKind(activation))
    made = window.layer(
        "Conv2D",
        filters=filters,
        kernel_size=window.size,
        dilation_rate=window.dilation,
        activation=activation,
    )
    return Case(name, op, (shape,), made, config=config)


def conv1d(name, steps, filters, window, mode="valid"):
    """Return a Conv1D, which is a convolution of a picture of height 1; `mode` is its padding."""
    case = conv2d(name, (1, *steps), filters, window, "relu")
    one = layer(
        "Conv1D",
        filters=filters,
        kernel_size=window.size[1],
        strides=window.strides[1],
        dilation_rate=window.dilation[1],
        padding=mode,
        activation="relu",
    )
    (made,) = case.op.shapes(case.shapes)
    return replace(case, keras=over_steps(one, case.shapes[0], made))


SAME = KerasWindow((3, 3), padding="same")
STRIDES = KerasWindow((3, 2), (2, 2), padding="same")
DILATED = KerasWindow((3, 2), (1, 1), (2, 3))
PADDED = KerasWindow((2, 3), padding=Padding(2, 0, 1))
EVERYTHING = KerasWindow((3, 2), (2, 3), (3, 2), Padding(1, 0, 2, 1))  # no layer of Keras has
CAUSAL = KerasWindow((1, 3), (1, 1), (1, 3), Padding(left=6))
CAUSAL_STRIDES = KerasWindow((1, 4), (1, 3), (1, 1), Padding(left=3))
CASES = (
    conv2d("same", (7, 5, 3), 6, SAME, "relu"),
    conv2d("valid_2_bits", (7, 9, 4), 5, KerasWindow((3, 3)), config=WeightConfig(2)),
    conv2d("one_by_one_3_bits", (4, 5, 9), 7, KerasWindow((1, 1)), "relu6", WeightConfig(3)),
    conv2d("strides", (9, 8, 2), 8, STRIDES),
    conv2d("uneven_5_bits", (7, 11, 1), 4, KerasWindow((4, 3), (1, 3)), config=WeightConfig(5)),
    conv2d("dilation_6_bits", (9, 9, 2), 3, DILATED, "relu", WeightConfig(6)),
    conv2d("same_dilation", (6, 5, 3), 4, KerasWindow((3, 3), (1, 1), (2, 2), "same")),
    conv2d("padding_7_bits", (5, 4, 5), 3, PADDED, config=WeightConfig(7)),
    conv2d("int8", (6, 6, 3), 4, SAME, "relu", WeightConfig(8)),
    conv2d("whole_picture", (4, 3, 6), 10, KerasWindow((4, 3))),
    conv2d("one_pixel", (1, 1, 5), 1, SAME),
    conv2d("one_scale", (5, 5, 4), 9, SAME, config=WeightConfig(4, "tensor")),
    conv2d("one_scale_int8", (5, 5, 4), 3, KerasWindow((2, 2)), config=WeightConfig(8, "tensor")),
    conv2d("fitted", (5, 6, 3), 8, SAME, config=WeightConfig(3, method="fitted")),
    conv2d("empirical", (5, 6, 3), 8, SAME, config=WeightConfig(4, method="empirical")),
    conv1d("steps", (19, 3), 5, KerasWindow((1, 4), (1, 2))),
    conv1d("same_steps", (17, 8), 6, KerasWindow((1, 4), padding="same"), "same"),
    conv1d("causal", (13, 4), 7, CAUSAL, "causal"),
    conv1d("causal_strides", (14, 5), 3, CAUSAL_STRIDES, "causal"),
    replace(conv2d("everything", (11, 9, 3), 5, EVERYTHING), keras=None),
)
(
    test_float_equals_keras,
    test_training_equals_float,
    test_integer_equals_tflite_micro,
    test_c_equals_integer_on_this_computer,
    test_c_equals_integer_on_cortex_m4,
) = operator_tests(CASES)


def test_padding_has_the_value_of_the_zero_point():
    ones = QuantizedWeights(
        (1, 2, 2, 1), 8, np.ones((1, 4), np.uint8), None, np.ones(1, np.float32)
    )
    one = OutputStage(np.zeros(1, np.int32), np.array([1 << 30]), np.ones(1, np.int8), -128, 127)
    op = QConv2D(ones, one, Window((2, 2), padding=Padding(1)))
    x = np.array([7, 8, 9], np.int8).reshape(1, 1, 3, 1)
    assert run_integer(op, [x], (7,)).ravel().tolist() == [1, 3]


def sums_by_loops(op, x, zero_point, shape):
    """Return the sums of products by plain loops."""
    kernel, moved = op.weights.int8().astype(int), op.window
    total = np.zeros((len(x), *shape), np.int64)
    for y, x_out, i, j in itertools.product(*map(range, (*shape[:2], *moved.size))):
        row = y * moved.strides[0] - moved.padding.top + i * moved.dilation[0]
        column = x_out * moved.strides[1] - moved.padding.left + j * moved.dilation[1]
        if 0 <= row < x.shape[1] and 0 <= column < x.shape[2]:
            seen = x[:, row, column].astype(int) - zero_point
            total[:, y, x_out] += seen @ kernel[:, i, j].T
    return total


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_sums_equal_plain_loops(case):
    graph = case.quantized
    (node,), x, point = graph.nodes, only(integer_inputs(case, graph)), graph.inputs[0].zero_point
    assert np.array_equal(
        node.op.accumulate(x, point), sums_by_loops(node.op, x, point, node.shape)
    )


def test_kernel_of_other_channels_is_refused():
    with pytest.raises(
        ValueError, match=r"kernel of shape \[6, 3, 3, 3\] for an input \[7, 5, 4\]"
    ):
        CASES[0].op.shapes([(7, 5, 4)])
