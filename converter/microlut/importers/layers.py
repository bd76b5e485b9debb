"""Translates each Keras layer into operators: one function a layer class, in the table `HANDLERS`.

Enters: a layer, its input shapes (no batch dimension) and its arrays; leaves: `Step`s.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from math import prod

import numpy as np
from numpy.typing import NDArray

from microlut.importers import options
from microlut.importers.keras_config import Layer
from microlut.ir import (
    ActivationKind,
    Add,
    AveragePool2D,
    BatchNorm,
    ChannelStatistics,
    Conv2D,
    Dense,
    DepthwiseConv2D,
    FloatArray,
    Identity,
    MaxPool2D,
    Op,
    Pad,
    Relu,
    Reshape,
    Shape,
    Softmax,
    Window,
    frozen_array,
)

PREVIOUS = -1


@dataclass(frozen=True, slots=True)
class Step:
    """One operator of a layer.

    Attributes:
        op: the operator.
        shape: its output's shape.
        inputs: which of the layer's inputs it reads; PREVIOUS is the step before it.
        suffix: what is added to the layer's name; the main step has none.
    """

    op: Op
    shape: Shape
    inputs: tuple[int, ...] = (0,)
    suffix: str = ""


@dataclass(frozen=True, slots=True)
class LayerUse:
    """What a handler sees: a layer, the shapes it reads and its arrays."""

    layer: Layer
    shapes: tuple[Shape, ...]
    weights: tuple[NDArray[np.generic], ...]

    @property
    def shape(self) -> Shape:
        """Return the shape of the layer's only input."""
        if len(self.shapes) != 1:
            raise self.layer.invalid(f"reads {len(self.shapes)} tensors, expected 1")
        return self.shapes[0]

    def picture(self) -> tuple[int, int, int]:
        """Return the shape of an input that must be [height, width, channels]."""
        if len(self.shape) != 3:
            raise self.layer.invalid(f"reads shape {list(self.shape)}, expected a picture")
        options.check_channels_last(self.layer)
        return self.shape[0], self.shape[1], self.shape[2]

    def array(self, index: int, what: str, shape: Shape) -> FloatArray:
        """Return one of the layer's arrays, checked."""
        if index >= len(self.weights):
            raise self.layer.invalid(f"has {len(self.weights)} arrays, {what} is missing")
        return options.array(self.layer, self.weights[index], what, shape)

    def bias(self, count: int) -> FloatArray:
        """Return the bias, which is zero where the layer has none."""
        if options.flag(self.layer, "use_bias", True):
            return self.array(1, "bias", (count,))
        return _zeros(count)


Handler = Callable[[LayerUse], tuple[Step, ...]]


def _conv2d(use: LayerUse) -> tuple[Step, ...]:
    layer, (height, width, channels) = use.layer, use.picture()
    groups = options.integer(layer, "groups", 1)
    if groups != 1:
        raise layer.unsupported(
            f"groups={groups}",
            "supported is groups=1; for one filter a channel use DepthwiseConv2D",
        )
    filters = options.integer(layer, "filters")
    window = options.window(layer, use.shape, "kernel_size", (1, 1))
    kernel = use.array(0, "kernel", (*window.size, channels, filters))
    activation, softmax = options.activation(layer)
    op = Conv2D(_outputs_first(kernel), use.bias(filters), window, activation)
    return _with_softmax(op, (*window.output_size(height, width), filters), softmax)


def _depthwise(use: LayerUse) -> tuple[Step, ...]:
    layer, (height, width, channels) = use.layer, use.picture()
    multiplier = options.integer(layer, "depth_multiplier", 1)
    window = options.window(layer, use.shape, "kernel_size", (1, 1))
    kernel = use.array(0, "kernel", (*window.size, channels, multiplier))
    outputs = channels * multiplier
    activation, softmax = options.activation(layer)
    flat = frozen_array(kernel.reshape(*window.size, outputs))
    op = DepthwiseConv2D(flat, use.bias(outputs), window, multiplier, activation)  # type: ignore[arg-type]
    return _with_softmax(op, (*window.output_size(height, width), outputs), softmax)


def _dense(use: LayerUse) -> tuple[Step, ...]:
    units = options.integer(use.layer, "units")
    kernel = use.array(0, "kernel", (use.shape[-1], units))
    activation, softmax = options.activation(use.layer)
    op = Dense(_outputs_first(kernel), use.bias(units), activation)
    return _with_softmax(op, (*use.shape[:-1], units), softmax)


def _batch_norm(use: LayerUse) -> tuple[Step, ...]:
    layer, channels = use.layer, use.shape[-1]
    if not options.axis_is_last(layer, use.shape):
        raise layer.unsupported(
            f"axis={layer.config.get('axis')}",
            "supported is the last axis: rebuild it with axis=-1",
        )
    has_gamma = options.flag(layer, "scale", True)
    has_beta = options.flag(layer, "center", True)
    order = ["gamma"] * has_gamma + ["beta"] * has_beta + ["moving_mean", "moving_variance"]
    arrays = {what: use.array(i, what, (channels,)) for i, what in enumerate(order)}
    variance = arrays["moving_variance"].astype(np.float64)
    epsilon = options.number(layer, "epsilon", 1e-3)
    if variance.min() + epsilon <= 0:
        raise layer.invalid("moving_variance holds negative values")
    scale = arrays.get("gamma", np.float32(1)) / np.sqrt(variance + epsilon)
    beta = arrays["beta"] if has_beta else _zeros(channels)
    offset = beta - arrays["moving_mean"] * scale
    deviation = np.abs(scale) * np.sqrt(np.maximum(variance, 0.0))
    first, second, third = (
        options.array(layer, frozen_array(values), what, (channels,))
        for values, what in ((scale, "scale"), (offset, "offset"), (deviation, "deviation"))
    )
    return (Step(BatchNorm(first, second, ChannelStatistics(beta, third)), use.shape),)


def _relu(use: LayerUse) -> tuple[Step, ...]:
    layer = use.layer
    for key in ("negative_slope", "threshold"):
        if options.number(layer, key, 0.0) != 0.0:
            raise layer.unsupported(
                f"{key}={layer.config[key]}", f"supported is {key}=0: train the model with it"
            )
    limit = options.number(layer, "max_value", np.inf)
    if limit not in (6.0, np.inf):
        raise layer.unsupported(
            f"max_value={limit:g}", "supported are max_value=None and 6: train the model with one"
        )
    kind = ActivationKind.RELU6 if limit == 6.0 else ActivationKind.RELU
    return (Step(Relu(kind), use.shape),)


def _activation(use: LayerUse) -> tuple[Step, ...]:
    kind, softmax = options.activation(use.layer)
    if softmax:
        return (Step(Softmax(), use.shape),)
    linear = kind is ActivationKind.LINEAR
    return (Step(Identity() if linear else Relu(kind), use.shape),)


def _softmax(use: LayerUse) -> tuple[Step, ...]:
    if not options.axis_is_last(use.layer, use.shape):
        raise use.layer.unsupported(
            f"axis={use.layer.config.get('axis')}", "supported is the last axis"
        )
    return (Step(Softmax(), use.shape),)


def _add(use: LayerUse) -> tuple[Step, ...]:
    first = use.shapes[0]
    if len(use.shapes) < 2 or any(shape != first for shape in use.shapes):
        found = ", ".join(str(list(shape)) for shape in use.shapes)
        raise use.layer.unsupported(
            f"adds tensors of shapes {found}", "supported are two or more of equal shape"
        )
    last = len(use.shapes) - 1
    return tuple(
        Step(Add(), first, (PREVIOUS if i > 1 else 0, i), "" if i == last else f"_part{i}")
        for i in range(1, last + 1)
    )


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
        Step(Reshape(), (channels,), (PREVIOUS,), "_flat"),
    )


def _flatten(use: LayerUse) -> tuple[Step, ...]:
    options.check_channels_last(use.layer)
    return (Step(Reshape(), (prod(use.shape),)),)


def _reshape(use: LayerUse) -> tuple[Step, ...]:
    layer, size = use.layer, prod(use.shape)
    target = layer.config.get("target_shape")
    if not isinstance(target, list) or not all(type(n) is int for n in target):
        raise layer.invalid(f"option target_shape is {target!r}, expected a list of integers")
    known = prod(n for n in target if n != -1)
    if target.count(-1) == 1 and known > 0 and size % known == 0:
        target = [size // known if n == -1 else n for n in target]
    if not target or min(target) < 1 or prod(target) != size:
        raise layer.invalid(f"cannot reshape {list(use.shape)} to {target}")
    return (Step(Reshape(), tuple(target)),)


def _nothing(use: LayerUse) -> tuple[Step, ...]:
    return (Step(Identity(), use.shape),)


HANDLERS: Mapping[str, Handler] = {
    "Activation": _activation,
    "Add": _add,
    "AveragePooling2D": _pool,
    "BatchNormalization": _batch_norm,
    "Conv2D": _conv2d,
    "Dense": _dense,
    "DepthwiseConv2D": _depthwise,
    "Dropout": _nothing,
    "Flatten": _flatten,
    "GaussianDropout": _nothing,
    "GaussianNoise": _nothing,
    "GlobalAveragePooling2D": _global_pool,
    "GlobalMaxPooling2D": _global_pool,
    "MaxPooling2D": _pool,
    "ReLU": _relu,
    "Reshape": _reshape,
    "Softmax": _softmax,
    "SpatialDropout2D": _nothing,
    "ZeroPadding2D": _zero_padding,
}


def _zeros(count: int) -> FloatArray:
    return frozen_array(np.zeros(count))  # type: ignore[return-value]


def _outputs_first(kernel: FloatArray) -> FloatArray:
    """Return a kernel with its last dimension, the outputs, moved to the front."""
    return frozen_array(np.moveaxis(kernel, -1, 0))  # type: ignore[return-value]


def _with_softmax(op: Op, shape: Shape, softmax: bool) -> tuple[Step, ...]:
    step = Step(op, shape)
    return (step, Step(Softmax(), shape, (PREVIOUS,), "_softmax")) if softmax else (step,)
