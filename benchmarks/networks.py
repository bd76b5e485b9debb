"""Run float networks with other weights, for benchmarks.

Convolutions run in TensorFlow on all cores, which makes thousands of inputs and hundreds of weight
sets affordable. Everything else runs in the float interpreter.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace

import numpy as np
import tensorflow as tf

from microlut.graph.ir import Graph, Node
from microlut.ops.arrays import FloatArray
from microlut.ops.base import FloatOp
from microlut.ops.conv2d import Conv2D
from microlut.ops.dense import Dense
from microlut.ops.depthwise_conv2d import DepthwiseConv2D
from microlut.ops.linear import Linear
from microlut.ops.windows import pad, patches
from microlut.quantize.levels.densities import Array

_BATCH = 50


def by_channel(op: Linear) -> Array:
    """Return an operator's kernel as [output channels, n]."""
    kernel = op.kernel.astype(np.float64)
    axis = op.channel_axis
    return np.moveaxis(kernel, axis, 0).reshape(kernel.shape[axis], -1)


def with_kernel(op: Linear, rows: Array, shift: Array | float = 0.0) -> Linear:
    """Return an operator with the kernel `rows` [output channels, n] and its bias less `shift`."""
    if isinstance(op, DepthwiseConv2D):
        rows = rows.T
    kernel = rows.reshape(op.kernel.shape).astype(np.float32)
    return op.with_weights(kernel, op.bias - shift)


def with_ops(graph: Graph, ops: Mapping[str, FloatOp]) -> Graph:
    """Return the graph with some nodes' operators replaced."""
    nodes = (replace(node, op=ops.get(node.name, node.op)) for node in graph.nodes)
    return replace(graph, nodes=tuple(nodes))


def mean_columns(graph: Graph, samples: FloatArray) -> dict[str, Array]:
    """Return, for every node with weights, the mean input of each weight.

    It is [n], or [channels, n] for a depthwise convolution, over samples and output positions.
    Changing the kernel rows by d shifts the means of the outputs by the products with d.
    """
    sums: dict[str, Array] = {}
    for start in range(0, len(samples), _BATCH):
        batch = samples[start : start + _BATCH]
        for node, x in _inputs(graph, batch):
            total = _mean_column(node.op, x) * (len(batch) / len(samples))
            sums[node.name] = sums.get(node.name, 0.0) + total
    return sums


def mean_shift(op: Linear, rows: Array, mean_column: Array) -> Array:
    """Return how far the kernel `rows` shift the means of the output channels."""
    return np.sum((rows - by_channel(op)) * mean_column, axis=1)


def evaluate(graph: Graph, x: FloatArray) -> FloatArray:
    """Return the graph's outputs for inputs `x` [n, *input_shape]."""
    batches = [x[start : start + _BATCH] for start in range(0, len(x), _BATCH)]
    return np.concatenate([_tensors(graph, batch)[graph.outputs[0]] for batch in batches])


def _inputs(graph: Graph, x: FloatArray) -> Iterator[tuple[Node, FloatArray]]:
    tensors = _tensors(graph, x)
    for node, _ in graph.weighted():
        yield node, tensors[node.inputs[0]]


def _mean_column(op: Linear, x: FloatArray) -> Array:
    if isinstance(op, Dense):
        return x.reshape(-1, x.shape[-1]).mean(axis=0, dtype=np.float64)
    if isinstance(op, DepthwiseConv2D):
        x = np.repeat(x, op.depth_multiplier, axis=-1)
    mean = patches(x, op.window, 0.0).mean(axis=(0, 1, 2), dtype=np.float64)
    return mean.reshape(-1, mean.shape[-1]).T if isinstance(op, DepthwiseConv2D) else mean.ravel()


def _tensors(graph: Graph, x: FloatArray) -> dict[str, FloatArray]:
    tensors = {graph.inputs[0].name: x}
    for node in graph.nodes:
        (tensors[node.output],) = _apply(node.op, [tensors[name] for name in node.inputs])
    return tensors


def _apply(op: FloatOp, inputs: list[FloatArray]) -> tuple[FloatArray, ...]:
    match op:
        case Conv2D():
            kernel = op.kernel.transpose(1, 2, 3, 0)
            y = tf.nn.conv2d(
                _padded(inputs[0], op), kernel, op.window.strides, "VALID", None, op.window.dilation
            )
        case DepthwiseConv2D() if op.window.strides[0] == op.window.strides[1]:
            kernel = op.kernel.reshape(*op.window.size, -1, op.depth_multiplier)
            y = tf.nn.depthwise_conv2d(
                _padded(inputs[0], op),
                kernel,
                (1, *op.window.strides, 1),
                "VALID",
                dilations=op.window.dilation,
            )
        case _:
            return op.evaluate(inputs)
    y = tf.nn.bias_add(y, op.bias)
    y = {"relu": tf.nn.relu, "relu6": tf.nn.relu6, "linear": tf.identity}[op.activation](y)
    return (y.numpy(),)


def _padded(x: FloatArray, op: Conv2D | DepthwiseConv2D) -> FloatArray:
    return pad(x, op.window.padding, 0.0)
