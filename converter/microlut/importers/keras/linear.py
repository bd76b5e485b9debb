"""Translate convolutions and dense layers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np

from microlut.importers.grouped import parts_of
from microlut.importers.keras import options
from microlut.importers.keras.activations import Activation, activation
from microlut.importers.keras.layer_use import PREVIOUS, Handler, LayerUse, Step, limited, zeros
from microlut.importers.keras.sequences import over_sequences
from microlut.ops.arrays import FloatArray, Shape, frozen_array
from microlut.ops.base import FloatOp
from microlut.ops.concatenate import Concatenate
from microlut.ops.conv2d import Conv2D
from microlut.ops.dense import Dense
from microlut.ops.depthwise_conv2d import DepthwiseConv2D
from microlut.ops.transpose_conv2d import TransposeConv2D
from microlut.ops.windows import Window


@limited("`groups`: a convolution for each, whose channels are copied, or a depthwise one")
def _conv2d(use: LayerUse) -> tuple[Step, ...]:
    layer, (height, width, channels) = use.layer, use.picture()
    groups = options.integer(layer, "groups", 1)
    filters = options.integer(layer, "filters")
    if channels % groups or filters % groups:
        raise layer.invalid(f"groups={groups} do not divide {channels} channels and {filters}")
    window = options.window(layer, use.shape, "kernel_size", (1, 1))
    kernel = use.array(0, "kernel", (*window.size, channels // groups, filters))
    found = activation(layer, use.shape)
    bias, shape = use.bias(filters), (*window.output_size(height, width), filters)
    if groups == 1:
        return _activated(Conv2D(_outputs_first(kernel), bias, window, found.fused), shape, found)
    if groups == channels:  # a filter of one channel each
        flat, multiplier = frozen_array(kernel[:, :, 0]), filters // groups
        op = DepthwiseConv2D(flat, bias, window, multiplier, found.fused)
        return _activated(op, shape, found)
    return _grouped(use, Conv2D(_outputs_first(kernel), bias, window, found.fused), found)


def _grouped(use: LayerUse, whole: Conv2D, found: Activation) -> tuple[Step, ...]:
    """Return a convolution for each group of channels, and what joins their outputs.

    Args:
        use: The layer.
        whole: Its filters [filters, height, width, channels of one group], and the rest.
        found: Its activation.
    """
    filters, steps = len(whole.kernel), list[Step]()
    for group, (part, op) in enumerate(parts_of(whole, use.shape)):
        (taken,) = part.shapes([use.shape])
        (shape,) = op.shapes([taken])
        steps.append(Step(part, taken, (0,), f"_channels{group}"))
        steps.append(Step(op, shape, (PREVIOUS,), f"_group{group}"))
    groups = len(steps) // 2
    made = tuple(PREVIOUS - 2 * (groups - 1 - group) for group in range(groups))
    joined, *after = _activated(Concatenate(2), (*shape[:2], filters), found)
    return *steps, replace(joined, inputs=made), *after


def _depthwise(use: LayerUse) -> tuple[Step, ...]:
    found, op = activation(use.layer, use.shape), _depthwise_op(use, "kernel")
    op = replace(op, bias=use.bias(len(op.bias)), activation=found.fused)
    return _activated(op, op.shapes(use.shapes)[0], found)


def _separable(use: LayerUse) -> tuple[Step, ...]:
    """Return the depthwise convolution, and the 1x1 convolution that mixes its channels."""
    filters = options.integer(use.layer, "filters")
    first = _depthwise_op(use, "depthwise kernel")
    (shape,) = first.shapes(use.shapes)
    kernel = use.array(1, "pointwise kernel", (1, 1, shape[2], filters))
    found = activation(use.layer, shape)
    op = Conv2D(_outputs_first(kernel), use.bias(filters, 2), Window((1, 1)), found.fused)
    second, *after = _activated(op, (*shape[:2], filters), found)
    return Step(first, shape, (0,), "_depthwise"), replace(second, inputs=(PREVIOUS,)), *after


@limited("`groups` and `dilation_rate` 1")
def _transposed(use: LayerUse) -> tuple[Step, ...]:
    layer, source = use.layer, use.picture()
    for key in ("groups", "dilation_rate"):
        if layer.config.get(key) not in (None, 1, [1], [1, 1]):
            raise layer.unsupported(
                f"{key}={layer.config[key]}", "a transposed convolution has no more than 1"
            )
    window, size = options.transposed_window(layer, use.shape)
    filters = options.integer(layer, "filters")
    kernel = use.array(0, "kernel", (*window.size, filters, source[2]))
    found = activation(layer, use.shape)
    outputs_first = frozen_array(np.moveaxis(kernel, 2, 0))
    op = TransposeConv2D(outputs_first, use.bias(filters), window, size, found.fused)
    return _activated(op, (*size, filters), found)


@limited("over the last dimension; quantized by Keras to int8, int4 or float8, or not at all")
def _dense(use: LayerUse) -> tuple[Step, ...]:
    units = options.integer(use.layer, "units")
    kernel = use.array(0, "kernel", (use.shape[-1], units))
    found = activation(use.layer, use.shape)
    op = Dense(_outputs_first(kernel), use.bias(units), found.fused)
    return _activated(op, (*use.shape[:-1], units), found)


LINEAR: Mapping[str, Handler] = {
    "Conv1D": over_sequences(_conv2d),
    "Conv1DTranspose": over_sequences(_transposed),
    "Conv2D": _conv2d,
    "Conv2DTranspose": _transposed,
    "Dense": _dense,
    "DepthwiseConv1D": over_sequences(_depthwise),
    "DepthwiseConv2D": _depthwise,
    "SeparableConv1D": over_sequences(_separable),
    "SeparableConv2D": _separable,
}


def _depthwise_op(use: LayerUse, what: str) -> DepthwiseConv2D:
    """Return a depthwise convolution without bias and activation; `what` is its kernel's name."""
    channels = use.picture()[2]
    window = options.window(use.layer, use.shape, "kernel_size", (1, 1))
    multiplier = options.integer(use.layer, "depth_multiplier", 1)
    kernel = use.array(0, what, (*window.size, channels, multiplier))
    flat = frozen_array(kernel.reshape(*window.size, channels * multiplier))
    return DepthwiseConv2D(flat, zeros(flat.shape[-1]), window, multiplier)


def _outputs_first(kernel: FloatArray) -> FloatArray:
    """Return a kernel with its last dimension, the outputs, moved to the front."""
    return frozen_array(np.moveaxis(kernel, -1, 0))


def _activated(op: FloatOp, shape: Shape, found: Activation) -> tuple[Step, ...]:
    """Return the step of an operator, and of the one that its activation is."""
    step = Step(op, shape)
    if found.after is None:
        return (step,)
    return step, *found.steps(shape, (PREVIOUS,), f"_{found.name}")
