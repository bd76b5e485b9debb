"""Depthwise convolution in all its forms."""

from dataclasses import replace

import numpy as np
import pytest
from harness import DEFAULT, Case, KerasWindow, kernel_and_bias, layer, operator_tests, over_steps

from graphs import run_integer
from microlut.ops.activation import ActivationKind
from microlut.ops.depthwise_conv2d import DepthwiseConv2D, QDepthwiseConv2D
from microlut.ops.weights import OutputStage, QuantizedWeights
from microlut.ops.windows import Padding, Window
from microlut.quantize.weights import WeightConfig


def depthwise(name, shape, multiplier, window, activation="linear", config=DEFAULT):
    kernel, bias = kernel_and_bias(name, (*window.size, shape[2] * multiplier), 2)
    op = DepthwiseConv2D(kernel, bias, window.over(shape), multiplier, ActivationKind(activation))
    made = window.layer(
        "DepthwiseConv2D",
        kernel_size=window.size,
        depth_multiplier=multiplier,
        dilation_rate=window.dilation,
        activation=activation,
    )
    return Case(name, op, (shape,), made, config=config)


def depthwise1d(name, steps, multiplier, size, mode="valid", strides=1):
    """Return a DepthwiseConv1D: a depthwise convolution of a picture of height 1."""
    window = KerasWindow((1, size), (1, strides), padding=mode)
    case = depthwise(name, (1, *steps), multiplier, window, "relu")
    one = layer(
        "DepthwiseConv1D",
        kernel_size=size,
        strides=strides,
        depth_multiplier=multiplier,
        padding=mode,
        activation="relu",
    )
    (made,) = case.op.shapes(case.shapes)
    return replace(case, keras=over_steps(one, case.shapes[0], made))


PLAIN, SAME = KerasWindow((3, 3)), KerasWindow((3, 3), padding="same")
STRIDES = KerasWindow((3, 3), (2, 2))
DILATED = KerasWindow((3, 2), (1, 1), (2, 3))
PADDED = KerasWindow((2, 3), padding=Padding(2, 0, 1))
EVERYTHING = KerasWindow((3, 2), (2, 3), (3, 2), Padding(1, 0, 2, 1))  # no layer of Keras has
CASES = (
    depthwise("same", (7, 5, 8), 1, SAME, "relu"),
    depthwise("valid_2_bits", (7, 9, 4), 1, PLAIN, config=WeightConfig(2)),
    depthwise("strides_3_bits", (9, 8, 5), 1, STRIDES, "relu6", WeightConfig(3)),
    depthwise("multiplier_5_bits", (5, 6, 3), 2, SAME, config=WeightConfig(5)),
    depthwise("large_multiplier", (4, 5, 2), 7, KerasWindow((2, 3)), "relu"),
    depthwise("dilation_6_bits", (9, 8, 3), 1, DILATED, config=WeightConfig(6)),
    depthwise("padding_7_bits", (5, 4, 9), 1, PADDED, "relu", WeightConfig(7)),
    depthwise("int8", (6, 6, 17), 1, SAME, config=WeightConfig(8)),
    depthwise("column", (11, 1, 6), 1, KerasWindow((10, 1), padding="same")),
    depthwise("one_pixel", (1, 1, 5), 1, KerasWindow((1, 1))),
    depthwise("one_scale", (5, 5, 4), 3, PLAIN, config=WeightConfig(4, "tensor")),
    depthwise("fitted", (5, 6, 8), 1, PLAIN, config=WeightConfig(3, method="fitted")),
    depthwise("empirical", (5, 6, 8), 1, PLAIN, config=WeightConfig(4, method="empirical")),
    depthwise1d("steps", (19, 8), 1, 3, "same"),
    depthwise1d("steps_apart", (19, 3), 2, 5, strides=3),
    replace(
        depthwise("filters_of_one_channel", (5, 6, 3), 2, PLAIN),
        keras=layer("Conv2D", filters=6, kernel_size=3, groups=3),
    ),
    replace(depthwise("everything", (11, 9, 3), 2, EVERYTHING), keras=None),
)
(
    test_float_equals_keras,
    test_training_equals_float,
    test_integer_equals_tflite_micro,
    test_c_equals_integer_on_this_computer,
    test_c_equals_integer_on_cortex_m4,
) = operator_tests(CASES)


def test_output_channel_reads_the_input_channel_of_its_number_over_the_multiplier():
    indices = np.array([[1, 2, 3, 4]], np.uint8)
    weights = QuantizedWeights((1, 1, 4), 8, indices, None, np.ones(4, np.float32))
    bias, factors = np.zeros(4, np.int32), np.full(4, 1 << 30)
    one = OutputStage(bias, factors, np.ones(4, np.int8), -128, 127)
    x = np.array([10, 5], np.int8).reshape(1, 1, 1, 2)
    y = run_integer(QDepthwiseConv2D(weights, one, Window((1, 1)), 2), [x])
    assert y.ravel().tolist() == [10, 20, 15, 20]


def test_kernel_of_other_channels_is_refused():
    with pytest.raises(ValueError, match=r"kernel of shape \[3, 3, 8\] for an input \[7, 5, 4\]"):
        CASES[0].op.shapes([(7, 5, 4)])
