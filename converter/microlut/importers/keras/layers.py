"""Translate Keras layers into operators: one function per layer class, in the table `LAYERS`."""

from __future__ import annotations

from collections.abc import Mapping
from math import prod

import numpy as np

from microlut.importers.keras import options
from microlut.importers.keras.activations import Activation, activation
from microlut.importers.keras.layer_use import PREVIOUS, Handler, LayerUse, Step
from microlut.importers.keras.registered import REGISTERED
from microlut.ops.activation import ActivationKind
from microlut.ops.arrays import FloatArray, Shape, frozen_array
from microlut.ops.base import FloatOp
from microlut.ops.conv2d import Conv2D
from microlut.ops.dense import Dense
from microlut.ops.depthwise_conv2d import DepthwiseConv2D
from microlut.ops.identity import Identity
from microlut.ops.pad import Pad
from microlut.ops.pool2d import AveragePool2D, MaxPool2D
from microlut.ops.relu import Relu
from microlut.ops.reshape import Reshape
from microlut.ops.softmax import Softmax
from microlut.ops.windows import Window


def _conv2d(use: LayerUse) -> tuple[Step, ...]:
    layer, (height, width, channels) = use.layer, use.picture()
    groups = options.integer(layer, "groups", 1)
    if groups != 1:
        raise layer.unsupported(
            f"groups={groups}",
            "supported is groups=1; for one filter per channel use DepthwiseConv2D",
        )
    filters = options.integer(layer, "filters")
    window = options.window(layer, use.shape, "kernel_size", (1, 1))
    kernel = use.array(0, "kernel", (*window.size, channels, filters))
    found = activation(layer, use.shape)
    op = Conv2D(_outputs_first(kernel), use.bias(filters), window, found.fused)
    return _activated(op, (*window.output_size(height, width), filters), found)


def _depthwise(use: LayerUse) -> tuple[Step, ...]:
    layer, (height, width, channels) = use.layer, use.picture()
    multiplier = options.integer(layer, "depth_multiplier", 1)
    window = options.window(layer, use.shape, "kernel_size", (1, 1))
    kernel = use.array(0, "kernel", (*window.size, channels, multiplier))
    outputs = channels * multiplier
    found = activation(layer, use.shape)
    flat = frozen_array(kernel.reshape(*window.size, outputs))
    op = DepthwiseConv2D(flat, use.bias(outputs), window, multiplier, found.fused)
    return _activated(op, (*window.output_size(height, width), outputs), found)


def _dense(use: LayerUse) -> tuple[Step, ...]:
    units = options.integer(use.layer, "units")
    kernel = use.array(0, "kernel", (use.shape[-1], units))
    found = activation(use.layer, use.shape)
    op = Dense(_outputs_first(kernel), use.bias(units), found.fused)
    return _activated(op, (*use.shape[:-1], units), found)


def _relu(use: LayerUse) -> tuple[Step, ...]:
    return (Step(options.relu(use.layer), use.shape),)


def _activation(use: LayerUse) -> tuple[Step, ...]:
    found = activation(use.layer, use.shape)
    if found.after is not None:
        return (Step(found.after, use.shape),)
    linear = found.fused is ActivationKind.LINEAR
    return (Step(Identity() if linear else Relu(found.fused), use.shape),)


def _softmax(use: LayerUse) -> tuple[Step, ...]:
    if not options.axis_is_last(use.layer, use.shape):
        raise use.layer.unsupported(
            f"axis={use.layer.config.get('axis')}", "supported is the last axis"
        )
    return (Step(Softmax(), use.shape),)


def _zero_padding(use: LayerUse) -> tuple[Step, ...]:
    height, width, channels = use.picture()
    p = options.border(use.layer)
    shape = (height + p.top + p.bottom, width + p.left + p.right, channels)
    return (Step(Pad(p), shape),)


def _pool(use: LayerUse) -> tuple[Step, ...]:
    height, width, channels = use.picture()
    size = options.pair(use.layer, "pool_size")
    window = options.window(use.layer, use.shape, "pool_size", size)
    make = MaxPool2D if use.layer.class_name == "MaxPooling2D" else AveragePool2D
    return (Step(make(window), (*window.output_size(height, width), channels)),)


def _global_pool(use: LayerUse) -> tuple[Step, ...]:
    height, width, channels = use.picture()
    make = MaxPool2D if use.layer.class_name == "GlobalMaxPooling2D" else AveragePool2D
    pool = make(Window((height, width), (height, width)))
    if options.flag(use.layer, "keepdims", False):
        return (Step(pool, (1, 1, channels)),)
    return (
        Step(pool, (1, 1, channels)),
        Step(Reshape((channels,)), (channels,), (PREVIOUS,), "_flat"),
    )


def _flatten(use: LayerUse) -> tuple[Step, ...]:
    options.check_channels_last(use.layer)
    shape = (prod(use.shape),)
    return (Step(Reshape(shape), shape),)


def _reshape(use: LayerUse) -> tuple[Step, ...]:
    layer, size = use.layer, prod(use.shape)
    target = options.integers(layer, "target_shape")
    known = prod(n for n in target if n != -1)
    if target.count(-1) == 1 and known > 0 and size % known == 0:
        target = [size // known if n == -1 else n for n in target]
    if not target or min(target) < 1 or prod(target) != size:
        raise layer.unsupported(
            f"reshapes {list(use.shape)} to {target}",
            "supported is another shape of as many values, without the batch dimension",
        )
    return (Step(Reshape(tuple(target)), tuple(target)),)


LAYERS: Mapping[str, Handler] = {
    **REGISTERED,
    "Activation": _activation,
    "AveragePooling2D": _pool,
    "Conv2D": _conv2d,
    "Dense": _dense,
    "DepthwiseConv2D": _depthwise,
    "Flatten": _flatten,
    "GlobalAveragePooling2D": _global_pool,
    "GlobalMaxPooling2D": _global_pool,
    "MaxPooling2D": _pool,
    "ReLU": _relu,
    "Reshape": _reshape,
    "Softmax": _softmax,
    "ZeroPadding2D": _zero_padding,
}


def _outputs_first(kernel: FloatArray) -> FloatArray:
    """Return a kernel with its last dimension, the outputs, moved to the front."""
    return frozen_array(np.moveaxis(kernel, -1, 0))


def _activated(op: FloatOp, shape: Shape, found: Activation) -> tuple[Step, ...]:
    """Return the step of an operator, and of the one that its activation is."""
    step = Step(op, shape)
    if found.after is None:
        return (step,)
    return step, Step(found.after, shape, (PREVIOUS,), f"_{found.name}")
