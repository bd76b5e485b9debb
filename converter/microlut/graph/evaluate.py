"""Runs a float graph with NumPy: a `Graph` and a batch of pictures in, a batch of outputs out.

Every array has a leading batch dimension; pictures are NHWC.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TypeVar, assert_never

import numpy as np
from numpy.lib.stride_tricks import as_strided
from numpy.typing import NDArray

from microlut.errors import InvalidInput
from microlut.graph.ir import (
    ActivationKind,
    Add,
    AveragePool2D,
    BatchNorm,
    Conv2D,
    Dense,
    DepthwiseConv2D,
    FloatArray,
    Graph,
    Identity,
    MaxPool2D,
    Mean,
    Node,
    Op,
    Pad,
    Padding,
    Relu,
    Reshape,
    Shape,
    Softmax,
    Window,
)

_Number = TypeVar("_Number", bound=np.generic)


def evaluate(graph: Graph, x: NDArray[np.float32]) -> FloatArray:
    """Return the graph's output [batch, ...] for inputs `x` [batch, *input_shape].

    Raises:
        InvalidInput: `x` does not have the graph's input shape.
    """
    for node, y in walk(graph, x):
        if (graph.input_name if node is None else node.name) == graph.output_name:
            output = y
    return output


def walk(graph: Graph, x: NDArray[np.float32]) -> Iterator[tuple[Node | None, FloatArray]]:
    """Yield every tensor as it is computed: first (None, input), then (node, its output).

    A tensor is forgotten after its last consumer, so that only live ones take memory.
    """
    if x.shape[1:] != graph.input_shape:
        raise InvalidInput(
            f"model {graph.name}: input of shape {list(x.shape)}; "
            f"expected [samples, {', '.join(map(str, graph.input_shape))}]"
        )
    last_use = {tensor: i for i, node in enumerate(graph.nodes) for tensor in node.inputs}
    live = {graph.input_name: np.asarray(x, dtype=np.float32)}
    yield None, live[graph.input_name]
    for i, node in enumerate(graph.nodes):
        live[node.name] = apply_op(node.op, [live[name] for name in node.inputs], node.shape)
        for name in set(node.inputs):
            if last_use[name] == i:
                del live[name]
        yield node, live[node.name]


def apply_op(op: Op, inputs: Sequence[FloatArray], shape: Shape) -> FloatArray:
    """Return one operator's output [batch, *shape] for its batched inputs."""
    x = inputs[0]
    match op:
        case Conv2D():
            return activate(_conv2d(x, op), op.activation)
        case DepthwiseConv2D():
            return activate(_depthwise(x, op), op.activation)
        case Dense():
            return activate(x @ op.kernel.T + op.bias, op.activation)
        case Add():
            return activate(x + inputs[1], op.activation)
        case MaxPool2D() | AveragePool2D():
            return activate(_pool(x, op), op.activation)
        case Mean():
            mean: FloatArray = x.mean(axis=(1, 2), keepdims=True)
            return mean
        case _:
            return _apply_simple(op, x, shape)


def _apply_simple(
    op: BatchNorm | Relu | Softmax | Pad | Reshape | Identity, x: FloatArray, shape: Shape
) -> FloatArray:
    match op:
        case BatchNorm(scale, offset):
            return x * scale + offset
        case Relu(activation):
            return activate(x, activation)
        case Softmax():
            return _softmax(x)
        case Pad(padding):
            return pad(x, padding, 0.0)
        case Reshape():
            return x.reshape(len(x), *shape)
        case Identity():
            return x
        case _:
            assert_never(op)


def activate(x: FloatArray, activation: ActivationKind) -> FloatArray:
    """Return `x` after an activation."""
    match activation:
        case ActivationKind.LINEAR:
            return x
        case ActivationKind.RELU:
            return np.maximum(x, np.float32(0))
        case ActivationKind.RELU6:
            return np.clip(x, np.float32(0), np.float32(6))
        case _:
            assert_never(activation)


def pad(x: NDArray[_Number], padding: Padding, value: float) -> NDArray[_Number]:
    """Return pictures [batch, height, width, channels] with a border of `value`."""
    if not padding:
        return x
    p = padding
    widths = ((0, 0), (p.top, p.bottom), (p.left, p.right), (0, 0))
    return np.pad(x, widths, constant_values=value)


def patches(x: NDArray[_Number], window: Window, pad_value: float) -> NDArray[_Number]:
    """Return what the window sees at each position, without copying where nothing is padded.

    Args:
        x: pictures [batch, height, width, channels] of any number type.
        window: size, strides, padding and dilation.
        pad_value: what padded positions hold: 0 for floats, the zero point for integers.

    Returns:
        A read-only view [batch, out_height, out_width, kernel_height, kernel_width, channels].
    """
    out_height, out_width = window.output_size(x.shape[1], x.shape[2])
    padded = pad(x, window.padding, pad_value)
    batch, _, _, channels = padded.shape
    sb, sy, sx, sc = padded.strides
    (stride_y, stride_x), (dilation_y, dilation_x) = window.strides, window.dilation
    return as_strided(
        padded,
        shape=(batch, out_height, out_width, *window.size, channels),
        strides=(sb, sy * stride_y, sx * stride_x, sy * dilation_y, sx * dilation_x, sc),
        writeable=False,
    )


def _conv2d(x: FloatArray, op: Conv2D) -> FloatArray:
    seen = patches(x, op.window, 0.0)
    filters = len(op.kernel)
    columns = seen.reshape(-1, op.kernel[0].size)
    y = columns @ op.kernel.reshape(filters, -1).T + op.bias
    return y.reshape(*seen.shape[:3], filters)


def _depthwise(x: FloatArray, op: DepthwiseConv2D) -> FloatArray:
    if op.depth_multiplier > 1:
        x = np.repeat(x, op.depth_multiplier, axis=-1)
    seen = patches(x, op.window, 0.0)
    y = np.empty((*seen.shape[:3], seen.shape[-1]), dtype=np.float32)
    y[...] = op.bias
    for row in range(seen.shape[3]):
        for column in range(seen.shape[4]):
            y += seen[:, :, :, row, column] * op.kernel[row, column]
    return y


def _pool(x: FloatArray, op: MaxPool2D | AveragePool2D) -> FloatArray:
    if isinstance(op, MaxPool2D):
        largest: FloatArray = patches(x, op.window, -np.inf).max(axis=(3, 4))
        return largest
    inside = np.ones((1, *x.shape[1:3], 1), dtype=np.float32)
    count = patches(inside, op.window, 0.0).sum(axis=(3, 4))
    mean: FloatArray = patches(x, op.window, 0.0).sum(axis=(3, 4)) / count
    return mean


def _softmax(x: FloatArray) -> FloatArray:
    exponentials: FloatArray = np.exp(x - x.max(axis=-1, keepdims=True))
    probabilities: FloatArray = exponentials / exponentials.sum(axis=-1, keepdims=True)
    return probabilities
