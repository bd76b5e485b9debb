"""Transposed convolution in all its forms."""

from dataclasses import replace

import numpy as np
import pytest
from harness import DEFAULT, Case, kernel_and_bias, layer, operator_tests, over_steps

from graphs import run_integer
from microlut.ops.activation import ActivationKind
from microlut.ops.transpose_conv2d import QTransposeConv2D, TransposeConv2D
from microlut.ops.weights import OutputStage, QuantizedWeights
from microlut.ops.windows import Padding, Window, same_padding
from microlut.quantize.weights import WeightConfig


def transposed(name, shape, size, window, activation="linear", config=DEFAULT):
    """Return a Conv2DTranspose; `window` is (kernel, strides, padding, more padding)."""
    kernel_size, strides, padding, *extra = window
    filters = 1 + len(name) % 9
    kernel, bias = kernel_and_bias(name, (filters, *kernel_size, shape[2]), 0)
    same = same_padding(size, kernel_size, strides, (1, 1))
    moved = Window(kernel_size, strides, same if padding == "same" else Padding())
    op = TransposeConv2D(kernel, bias, moved, size, ActivationKind(activation))
    made = layer(
        "Conv2DTranspose",
        filters=filters,
        kernel_size=kernel_size,
        strides=strides,
        padding=padding,
        output_padding=extra[0] if extra else None,
        activation=activation,
    )
    return Case(name, op, (shape,), made, config=config)


def odd(name, shape, size, window, padding, activation="linear"):
    """Return one with a padding that Keras lacks, of which what is after the output follows."""
    (height, width), strides = window
    ends = [
        max((n - 1) * s + k - m - before, 0)
        for n, s, k, m, before in zip(
            shape, strides, (height, width), size, (padding.top, padding.left), strict=False
        )
    ]
    moved = Window((height, width), strides, Padding(padding.top, ends[0], padding.left, ends[1]))
    kernel, bias = kernel_and_bias(name, (4, height, width, shape[2]), 0)
    op = TransposeConv2D(kernel, bias, moved, size, ActivationKind(activation))
    return Case(name, op, (shape,))


def over_sequence(name, steps, made, window):
    """Return a Conv1DTranspose, which is one of a picture of height 1."""
    kernel_size, strides, padding = window
    case = transposed(name, (1, *steps), (1, made), ((1, kernel_size), (1, strides), padding))
    filters = len(case.op.kernel)
    one = layer(
        "Conv1DTranspose",
        filters=filters,
        kernel_size=kernel_size,
        strides=strides,
        padding=padding,
    )
    return replace(case, keras=over_steps(one, case.shapes[0], (1, made, filters)))


DOUBLE = ((2, 2), (2, 2))
THREE = ((3, 3), (2, 2))
CASES = (
    transposed("doubled", (4, 5, 3), (8, 10), (*DOUBLE, "same"), "relu"),
    transposed(
        "doubled_valid_2_bits", (4, 3, 8), (8, 6), (*DOUBLE, "valid"), config=WeightConfig(2)
    ),
    transposed("same_3_bits", (5, 4, 4), (10, 8), (*THREE, "same"), "relu6", WeightConfig(3)),
    transposed("valid", (4, 5, 5), (9, 11), (*THREE, "valid"), "relu"),
    transposed("even_5_bits", (5, 3, 7), (10, 6), ((4, 4), (2, 2), "same"), config=WeightConfig(5)),
    transposed(
        "stride_one_6_bits", (6, 5, 2), (6, 5), ((3, 2), (1, 1), "same"), config=WeightConfig(6)
    ),
    transposed(
        "gaps_7_bits", (3, 4, 3), (9, 16), ((2, 1), (3, 4), "valid"), config=WeightConfig(7)
    ),
    transposed("same_gaps", (3, 4, 3), (9, 8), ((1, 2), (3, 2), "same")),
    transposed("int8", (4, 4, 6), (8, 12), ((5, 3), (2, 3), "same"), "relu", WeightConfig(8)),
    transposed("one_pixel", (1, 1, 5), (4, 3), ((4, 3), (1, 1), "valid")),
    transposed("padded", (4, 3, 4), (10, 7), (*THREE, "valid", (1, 0))),
    transposed("padded_same", (4, 3, 4), (8, 5), (*THREE, "same", (1, 0))),
    transposed("one_scale", (3, 4, 4), (6, 8), (*THREE, "same"), config=WeightConfig(4, "tensor")),
    transposed(
        "fitted", (3, 4, 6), (6, 8), (*THREE, "same"), config=WeightConfig(3, method="fitted")
    ),
    transposed(
        "empirical", (3, 4, 6), (6, 8), (*THREE, "same"), config=WeightConfig(4, method="empirical")
    ),
    odd("pytorch", (4, 5, 3), (8, 10), THREE, Padding(1, 0, 1, 0)),
    odd("odd_relu", (3, 4, 4), (7, 9), ((4, 5), (2, 2)), Padding(1, 0, 2, 0), "relu"),
    odd("odd_columns", (3, 4, 2), (6, 8), ((2, 4), (2, 2)), Padding(0, 0, 2, 0)),
    over_sequence("steps", (9, 4), 18, (4, 2, "same")),
    over_sequence("steps_valid", (7, 3), 23, (5, 3, "valid")),
)
(
    test_float_equals_keras,
    test_training_equals_float,
    test_integer_equals_tflite_micro,
    test_c_equals_integer_on_this_computer,
    test_c_equals_integer_on_cortex_m4,
) = operator_tests(CASES)


def test_layer_worked_out_by_hand():
    indices = np.array([[1, 2, 3]], np.int8).view(np.uint8)
    taps = QuantizedWeights((1, 1, 3, 1), 8, indices, None, np.ones(1, np.float32))
    one = OutputStage(np.zeros(1, np.int32), np.array([1 << 30]), np.ones(1, np.int8), -128, 127)
    op = QTransposeConv2D(taps, one, Window((1, 3), (1, 2)), (1, 7))
    x = np.array([8, 9, 17], np.int8).reshape(1, 1, 3, 1)
    # 1, 2 and 10 after the zero point, two apart: [1 2 3], [2 4 6] and [10 20 30]
    assert run_integer(op, [x], (7,)).ravel().tolist() == [1, 2, 5, 4, 16, 20, 30]


def test_size_that_does_not_fit_is_refused():
    op = replace(CASES[0].op, size=(10, 10))
    with pytest.raises(ValueError, match=r"makes \[10, 10\] pixels of \[4, 5\]"):
        op.shapes([(4, 5, 3)])
