"""Operators with weights: convolutions and fully connected layers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial
from math import prod
from typing import Any

import numpy as np
from numpy.typing import NDArray

from microlut.graph.passes.widen_single import filters_of, is_single
from microlut.importers.tflite.stored import StoredWeights, integer_form
from microlut.importers.tflite.use import PREVIOUS, Handler, Step, Use, Value, limited
from microlut.importers.tflite.wide_weights import is_wide, with_copies
from microlut.ops.activation import ActivationKind
from microlut.ops.arrays import FloatArray, Shape, frozen_array
from microlut.ops.concatenate import Concatenate
from microlut.ops.conv2d import Conv2D
from microlut.ops.dense import Dense
from microlut.ops.depthwise_conv2d import DepthwiseConv2D
from microlut.ops.linear import Linear
from microlut.ops.movement import Axis, whole
from microlut.ops.reshape import Reshape
from microlut.ops.slice import Slice
from microlut.ops.transpose_conv2d import TransposeConv2D
from microlut.ops.windows import Padding, Window, same_padding

_SAME = 0  # of the schema's Padding


def _weights(use: Use, index: int, shape: Sequence[int | None]) -> Value:
    """Return the constant weights, whose shape must be this one; None is any size."""
    values = use.constant(index)
    fits = len(values.shape) == len(shape) and all(
        wanted in (None, n) for n, wanted in zip(values.shape, shape, strict=True)
    )
    if use.is_integer and not use.given(index).source.scales.size:
        raise use.operator.invalid("has weights without a scale")
    if not fits or not values.size:
        raise use.operator.invalid(f"has weights of shape {list(values.shape)}")
    return use.given(index)


def _bias(use: Use, index: int, count: int) -> NDArray[Any] | None:
    """Return the bias as it is in the file, or None if there is none."""
    if index >= len(use.inputs) or use.inputs[index] is None:
        return None
    values = use.constant(index).reshape(-1)
    if values.size == 1 < count:
        values = np.repeat(values, count)
    if values.size != count:
        raise use.operator.invalid(f"has {values.size} biases for {count} channels")
    return values


def _real_bias(use: Use, kernel: Value, bias: NDArray[Any] | None, count: int) -> FloatArray:
    """Return the real biases: integers are in units of input scale times weight scale."""
    if bias is None:
        return frozen_array(np.zeros(count))
    if not use.is_integer:
        return frozen_array(bias)
    unit = use.tensor(_source_of(use)).source.scales.astype(np.float64) * kernel.source.scales
    return frozen_array(bias * unit)


def _source_of(use: Use) -> int:
    return 2 if use.operator.kind == "TRANSPOSE_CONV" else 0


def _stored(
    use: Use, op: Linear, kernel: Value, values: NDArray[Any], bias: NDArray[Any] | None
) -> partial[Any] | None:
    """Return what makes the integer form, of an integer file."""
    if not use.is_integer:
        return None
    unsigned = use.tensor(_source_of(use)).source.dtype == "uint8"
    stored = StoredWeights(values, kernel.source, bias, unsigned)
    return partial(integer_form, use.operator, op, stored)


def _layer(
    use: Use,
    op: Linear,
    kernel: Value,
    values: NDArray[Any],
    bias: NDArray[Any] | None,
    flat: Shape | None = None,
) -> tuple[Step, ...]:
    """Return the steps of a layer, which reads its input in shape `flat` if that is given.

    Wide weights of uint8 need copies of the input before it.
    """
    source = read = _source_of(use)
    steps: list[Step] = []
    if flat is not None:
        steps.append(Step(Reshape(flat), (read,), None, source, suffix="_flat"))
        read = PREVIOUS
    if use.is_integer and is_wide(kernel, values):
        rank = len(use.shape(source) if flat is None else flat)
        copies, op, kernel, values = with_copies(op, kernel, values, rank)
        steps.append(Step(copies, (read,), None, source, suffix="_copies"))
        read = PREVIOUS
    return *steps, Step(op, (read,), exact=_stored(use, op, kernel, values, bias))


def window_of(use: Use, size: tuple[int, int], source: Shape) -> Window:
    """Return the window of a convolution or pool over pictures."""
    strides = int(use.option("StrideH")), int(use.option("StrideW"))
    dilation = int(use.option("DilationHFactor", 1)), int(use.option("DilationWFactor", 1))
    if min(*strides, *dilation, *size) < 1:
        raise use.operator.invalid("has a size, stride or dilation below 1")
    padding = Padding(*use.option("ExplicitPadding", ()))
    if use.option("Padding") == _SAME:
        padding = same_padding((source[0], source[1]), size, strides, dilation)
    return Window(size, strides, padding, dilation)


def _in_order(values: NDArray[Any], axes: Sequence[int] | None) -> NDArray[Any]:
    return values if axes is None else np.ascontiguousarray(values.transpose(axes))


@limited("constant weights and biases; groups become convolutions of their own")
def _conv2d(use: Use) -> tuple[Step, ...]:
    source = use.picture()
    kernel = _weights(use, 1, (None, None, None, None))
    values, real = use.constant(1), kernel.real()
    filters, depth = values.shape[0], values.shape[3]
    window = window_of(use, (values.shape[1], values.shape[2]), source)
    bias = _bias(use, 2, filters)
    op = Conv2D(real, _real_bias(use, kernel, bias, filters), window, use.activation())
    if depth == source[2]:
        return _layer(use, op, kernel, values, bias)
    if not depth or source[2] % depth or filters % (source[2] // depth):
        raise use.operator.invalid(f"has weights for {depth} channels, reads {source[2]}")
    return _grouped(use, op, kernel, values, bias)


def _grouped(
    use: Use, op: Conv2D, kernel: Value, values: NDArray[Any], bias: NDArray[Any] | None
) -> tuple[Step, ...]:
    """Return a convolution per group, of its channels alone, and what joins their outputs."""
    height, width, channels = use.picture()
    depth = values.shape[3]
    groups, filters = channels // depth, len(values)
    steps: list[Step] = []
    for group in range(groups):
        axes = (whole(height), whole(width), Axis(group * depth, 1, depth))
        rows = slice(group * filters // groups, (group + 1) * filters // groups)
        own = replace(op, kernel=frozen_array(op.kernel[rows]), bias=frozen_array(op.bias[rows]))
        source = replace_scales(kernel, rows)
        part = None if bias is None else bias[rows]
        exact = _stored(use, own, source, values[rows], part)
        steps.append(Step(Slice(axes), (0,), None, 0, suffix=f"_channels{group}"))
        steps.append(Step(own, (PREVIOUS,), None, exact=exact, suffix=f"_group{group}"))
    made = tuple(PREVIOUS - 2 * (groups - 1 - group) for group in range(groups))
    return (*steps, Step(Concatenate(2), made))


def replace_scales(kernel: Value, rows: slice) -> Value:
    """Return weights with the scales of some output channels only."""
    source = kernel.source
    if source.scales.size == 1 or not source.scales.size:
        return kernel
    fewer = replace(source, scales=source.scales[rows], zero_points=source.zero_points[rows])
    return replace(kernel, source=fewer)


@limited("constant weights and biases")
def _depthwise(use: Use) -> tuple[Step, ...]:
    source = use.picture()
    kernel = _weights(use, 1, (1, None, None, None))
    values, real = use.constant(1)[0], kernel.real()[0]
    channels = values.shape[2]
    if channels % source[2]:
        raise use.operator.invalid(f"makes {channels} channels of {source[2]}")
    window = window_of(use, (values.shape[0], values.shape[1]), source)
    bias = _bias(use, 2, channels)
    real_bias = _real_bias(use, kernel, bias, channels)
    if use.is_integer and is_single(source[2], channels):  # which no pass may change later
        convolution = Conv2D(filters_of(real), real_bias, window, use.activation())
        return _layer(use, convolution, kernel, filters_of(values), bias)
    op = DepthwiseConv2D(
        frozen_array(real), real_bias, window, channels // source[2], use.activation()
    )
    return _layer(use, op, kernel, values, bias)


@limited("constant weights and biases; weights in the default format")
def _fully_connected(use: Use) -> tuple[Step, ...]:
    shape = use.shape()
    if use.option("WeightsFormat"):
        raise use.operator.unsupported("has shuffled weights", "supported is the default format")
    kernel = _weights(use, 1, (None, None))
    return _dense(use, kernel, use.constant(1), kernel.real(), shape)


def _dense(
    use: Use, kernel: Value, values: NDArray[Any], real: FloatArray, shape: Shape
) -> tuple[Step, ...]:
    """Return a layer over the last dimension, or over all of a vector per output."""
    units, inputs = values.shape
    if prod(shape) % inputs:
        raise use.operator.invalid(f"has weights for {inputs} values, reads {list(shape)}")
    bias = _bias(use, 2, units)
    op = Dense(real, _real_bias(use, kernel, bias, units), use.activation())
    count = prod(shape) // inputs
    flat = (inputs,) if count == 1 else (count, inputs)
    return _layer(use, op, kernel, values, bias, None if shape[-1] == inputs else flat)


@limited("with a constant right operand of two dimensions")
def _batch_matmul(use: Use) -> tuple[Step, ...]:
    shape, values = use.shape(), use.constant(1)
    if use.option("AdjX"):
        raise use.operator.unsupported("transposes its left operand", "transpose it before")
    while values.ndim > 2 and values.shape[0] == 1:
        values = values[0]
    kernel = use.given(1)
    if values.ndim != 2 or kernel.source.scales.size > 1:
        raise use.operator.unsupported(
            f"has a right operand of shape {list(values.shape)}",
            "supported is one of two dimensions, with one scale",
        )
    real = kernel.real().reshape(values.shape)
    order = None if use.option("AdjY") else (1, 0)
    values, real = _in_order(values, order), frozen_array(_in_order(real, order))
    if shape[-1] != values.shape[1]:
        raise use.operator.invalid(f"has weights for {values.shape[1]} values, reads {list(shape)}")
    without_bias = replace(use, inputs=use.inputs[:2])
    return _dense(without_bias, kernel, values, real, shape)


@limited("constant weights, biases and output shape")
def _transpose_conv(use: Use) -> tuple[Step, ...]:
    wanted, source = use.integers(0), use.picture(2)
    kernel = _weights(use, 1, (None, None, None, source[2]))
    if len(wanted) != 4 or min(wanted) < 1:
        raise use.operator.invalid(f"has the output shape {list(wanted)}")
    values, size = use.constant(1), (wanted[1], wanted[2])
    window = window_of(use, (values.shape[1], values.shape[2]), size)
    bias = _bias(use, 3, len(values))
    activation = use.activation()
    if use.is_integer and activation is not ActivationKind.LINEAR:
        raise use.operator.unsupported(
            f"fuses {activation}", "kernels on devices leave it out: make it an operator of its own"
        )
    op = TransposeConv2D(
        kernel.real(), _real_bias(use, kernel, bias, len(values)), window, size, activation
    )
    return _layer(use, op, kernel, values, bias)


LINEAR: Mapping[str, Handler] = {
    "BATCH_MATMUL": _batch_matmul,
    "CONV_2D": _conv2d,
    "DEPTHWISE_CONV_2D": _depthwise,
    "FULLY_CONNECTED": _fully_connected,
    "TRANSPOSE_CONV": _transpose_conv,
}
