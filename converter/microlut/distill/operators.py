"""Compute float operators in TensorFlow, with gradients.

Unlike TensorFlow's own layers, these accept every window that a graph can have. A kernel is spread
out with zeros instead of dilated, and where strides are not possible, outputs of stride 1 are
subsampled.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, assert_never

import tensorflow as tf

from microlut.graph.ir import (
    ActivationKind,
    Add,
    AveragePool2D,
    BatchNorm,
    Conv2D,
    Dense,
    DepthwiseConv2D,
    Graph,
    Identity,
    MaxPool2D,
    Mean,
    Op,
    Pad,
    Padding,
    Relu,
    Reshape,
    Shape,
    Softmax,
    Weighted,
    Window,
)

Tensor = Any  # TensorFlow has no types

_LEAST = -3.0e38  # less than every value under a maximum


def tensors(graph: Graph, x: Tensor) -> dict[str, Tensor]:
    """Return every tensor of the float network by name, for inputs `x` [batch, *input_shape]."""
    found = {graph.input_name: x}
    for node in graph.nodes:
        inputs = [found[name] for name in node.inputs]
        if isinstance(node.op, Weighted):
            kernel, bias = tf.constant(node.op.kernel), tf.constant(node.op.bias)
            y = linear(node.op, inputs[0], kernel, bias)
            found[node.name] = activate(y, node.op.activation)
        else:
            found[node.name] = simple(node.op, inputs, node.shape)
    return found


def linear(op: Weighted, x: Tensor, kernel: Tensor, bias: Tensor) -> Tensor:
    """Return a layer's output before its activation, with another kernel and bias."""
    match op:
        case Conv2D(window=window):
            filters = _spread(tf.transpose(kernel, (1, 2, 3, 0)), window.dilation)
            x = pad(x, window.padding)
            return tf.nn.conv2d(x, filters, window.strides, "VALID") + bias
        case DepthwiseConv2D(window=window, depth_multiplier=count):
            filters = tf.reshape(kernel, (*window.size, -1, count))
            return _depthwise(x, filters, window) + bias
        case Dense():
            return tf.linalg.matmul(x, kernel, transpose_b=True) + bias
        case _:
            assert_never(op)


def simple(op: Op, inputs: list[Tensor], shape: Shape) -> Tensor:
    """Return the output [batch, *shape] of an operator without weights."""
    x = inputs[0]
    match op:
        case Add(activation):
            return activate(x + inputs[1], activation)
        case AveragePool2D(window, activation):
            return activate(_mean(x, window), activation)
        case MaxPool2D(window, activation):
            return activate(_largest(pad(x, window.padding, _LEAST), window), activation)
        case Mean():
            return tf.reduce_mean(x, axis=(1, 2), keepdims=True)
        case BatchNorm(scale, offset):
            return x * scale + offset
        case Relu(activation):
            return activate(x, activation)
        case Pad(padding):
            return pad(x, padding)
        case Reshape() | Identity():
            return tf.reshape(x, (-1, *shape))
        case Softmax():
            return tf.nn.softmax(x)
        case _:
            raise TypeError(f"{type(op).__name__} has weights")


def activate(x: Tensor, activation: ActivationKind) -> Tensor:
    """Return `x` after an activation."""
    match activation:
        case ActivationKind.LINEAR:
            return x
        case ActivationKind.RELU:
            return tf.nn.relu(x)
        case ActivationKind.RELU6:
            return tf.nn.relu6(x)
        case _:
            assert_never(activation)


def pad(x: Tensor, padding: Padding, value: float = 0.0) -> Tensor:
    """Return images [batch, height, width, channels] with a border of `value`."""
    if not padding:
        return x
    p = padding
    widths = ((0, 0), (p.top, p.bottom), (p.left, p.right), (0, 0))
    return tf.pad(x, widths, constant_values=value)


def _depthwise(x: Tensor, filters: Tensor, window: Window) -> Tensor:
    x, filters = pad(x, window.padding), _spread(filters, window.dilation)
    (down, across), equal = window.strides, window.strides[0] == window.strides[1]
    if equal:
        return tf.nn.depthwise_conv2d(x, filters, (1, down, across, 1), "VALID")
    return tf.nn.depthwise_conv2d(x, filters, (1, 1, 1, 1), "VALID")[:, ::down, ::across]


def _largest(x: Tensor, window: Window) -> Tensor:
    """Return maxima; large strides, or strides with dilation, subsample those of stride 1."""
    down, across = window.strides
    plain = window.dilation == (1, 1) and down <= window.size[0] and across <= window.size[1]
    if plain:
        return tf.nn.max_pool2d(x, window.size, window.strides, "VALID")
    y = tf.nn.pool(x, window.size, "MAX", (1, 1), "VALID", dilations=window.dilation)
    return y[:, ::down, ::across]


def _mean(x: Tensor, window: Window) -> Tensor:
    """Return means over the window's positions inside the image."""
    sums = _depthwise(x, tf.ones((*window.size, x.shape[-1], 1)), window)
    inside = tf.ones((1, *x.shape[1:3], 1))
    return sums / _depthwise(inside, tf.ones((*window.size, 1, 1)), window)


def _spread(filters: Tensor, dilation: Iterable[int]) -> Tensor:
    """Return filters [height, width, ...] with dilation - 1 rows and columns of zeros between."""
    for axis, step in enumerate(dilation):
        if step == 1:
            continue
        size = filters.shape[axis]
        apart = tf.expand_dims(filters, axis + 1)
        gaps = [(0, 0)] * len(apart.shape)
        gaps[axis + 1] = (0, step - 1)
        shape = list(filters.shape)
        shape[axis] = size * step
        keep = tf.range((size - 1) * step + 1)
        filters = tf.gather(tf.reshape(tf.pad(apart, gaps), shape), keep, axis=axis)
    return filters
