"""Inputs and activations without data: a `Graph` that knows its batch-norm statistics in.

Batch normalization leaves behind the mean and deviation that every channel has on the training
data. Smooth noise as input, and each such layer's output shifted and scaled to these statistics,
give activations whose means, variances and covariances are near the real ones: enough to choose
ranges, to assign weights with error feedback and to correct the layer means.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np

from microlut.errors import InvalidInput
from microlut.graph import evaluate as float_ops
from microlut.graph.ir import (
    ActivationKind,
    ChannelStatistics,
    Conv2D,
    Dense,
    FloatArray,
    Graph,
    Node,
    Weighted,
    Window,
)
from microlut.quantize.levels.densities import Array

_MOST_INPUTS = 64
_TENSOR_VALUES = 1 << 22  # of the largest tensor, all inputs together: 16 MB
_PATCH_VALUES = 1 << 22  # that a convolution unfolds at a time
_NEIGHBOURS = 0.95  # correlation of neighbouring pixels
_COMMON = 0.9  # share of the variance that all channels of a pixel have in common
_DEVIATION = 1 / 8  # of the input, in widths of its range
_MEAN_DOUBT = 0.01  # variance of the errors in a batch norm's mean, in variances of its output


@dataclass(frozen=True, slots=True)
class Activation:
    """A node with the tensors that it reads and the one that it makes, [inputs, ...] each."""

    node: Node
    inputs: tuple[FloatArray, ...]
    output: FloatArray


def synthetic_inputs(graph: Graph, input_range: tuple[float, float], seed: int = 0) -> FloatArray:
    """Return noise [n, *graph.input_shape] within a range, with the mean that the graph tells.

    Args:
        graph: Float graph after the passes.
        input_range: Smallest and largest value of real inputs.
        seed: Seed of the noise.

    Raises:
        InvalidInput: the range is empty or not finite.
    """
    low, high = input_range
    if not (math.isfinite(high - low) and low < high):
        raise InvalidInput(
            f"input range is {low:g} to {high:g}; give the smallest and the largest value that "
            "inputs have in use, such as 0 and 255"
        )
    largest = max(math.prod(s) for s in (graph.input_shape, *(n.shape for n in graph.nodes)))
    count = max(1, min(_MOST_INPUTS, _TENSOR_VALUES // largest))
    noise = _noise(np.random.default_rng(seed), (count, *graph.input_shape))
    noise *= (high - low) * _DEVIATION
    noise += _input_mean(graph, low, high).astype(np.float32)
    return np.clip(noise, np.float32(low), np.float32(high), out=noise)


def walk(graph: Graph, x: FloatArray) -> Iterator[Activation]:
    """Yield the nodes in order, run on inputs, with batch-norm statistics as in training."""
    last_use = {tensor: i for i, node in enumerate(graph.nodes) for tensor in node.inputs}
    live = {graph.input_name: x}
    for i, node in enumerate(graph.nodes):
        inputs = tuple(live[name] for name in node.inputs)
        output = live[node.name] = _output(node, inputs)
        yield Activation(node, inputs, output)
        for name in set(node.inputs):
            if last_use[name] == i:
                del live[name]
        del inputs, output


def _output(node: Node, inputs: tuple[FloatArray, ...]) -> FloatArray:
    if not isinstance(node.op, Weighted):
        return float_ops.apply_op(node.op, inputs, node.shape)
    linear = replace(node.op, activation=ActivationKind.LINEAR)
    output = np.empty((len(inputs[0]), *node.shape), np.float32)
    seen = math.prod(node.shape[:-1]) * node.op.kernel[0].size
    step = max(1, _PATCH_VALUES // seen)
    for i in range(0, len(output), step):
        output[i : i + step] = float_ops.apply_op(linear, [inputs[0][i : i + step]], node.shape)
    if node.statistics is not None:
        _restate(output, node.statistics)
    return float_ops.activate(output, node.op.activation)


def _restate(values: FloatArray, statistics: ChannelStatistics) -> None:
    """Shift and scale each channel of `values`, in place, to a mean and a deviation."""
    flat = values.reshape(-1, values.shape[-1])
    flat -= flat.mean(axis=0, dtype=np.float64).astype(np.float32)
    found = np.sqrt(np.einsum("ij,ij->j", flat, flat, dtype=np.float64) / len(flat))
    gain = statistics.deviation / np.where(found > 0, found, 1.0)
    flat *= gain.astype(np.float32)
    flat += statistics.mean


def _noise(rng: np.random.Generator, shape: tuple[int, ...]) -> FloatArray:
    """Return Gaussian noise [n, ...] of unit variance, smooth over all axes but first and last."""
    noise = rng.standard_normal(shape, dtype=np.float32)
    if len(shape) < 3:
        return noise
    own, common = math.sqrt(1 - _COMMON), math.sqrt(_COMMON)
    noise = own * noise + common * rng.standard_normal((*shape[:-1], 1), dtype=np.float32)
    for axis in range(1, len(shape) - 1):
        steps = np.abs(np.subtract.outer(np.arange(shape[axis]), np.arange(shape[axis])))
        root = np.linalg.cholesky(_NEIGHBOURS**steps).astype(np.float32)
        noise = np.moveaxis(np.tensordot(noise, root, axes=(axis, 1)), -1, axis)
    return np.ascontiguousarray(noise)


def _input_mean(graph: Graph, low: float, high: float) -> Array:
    """Return the input's mean, broadcastable to it, as the first layer's batch norm implies it.

    It is the most probable one, given that layer's output means, when every column of a channel
    deviates from the channel and every channel from the middle of the range by a quarter of it.
    """
    middle, unit = (low + high) / 2, (high - low) / 4
    first = graph.consumers(graph.input_name)[0]
    if first.statistics is None or not isinstance(first.op, Weighted):
        return np.array(middle)
    response = _mean_response(first.op, graph.input_shape)
    filters = len(response)
    expected = first.op.bias + middle * response.sum(axis=(1, 2))
    deviation = first.statistics.deviation.astype(np.float64)
    scale = np.where(deviation > 0, deviation, np.inf)  # a dead channel tells nothing
    wrong = (first.statistics.mean - expected) / scale
    by_mean = response * (unit / scale[:, None, None])
    prior = by_mean + by_mean.sum(axis=1, keepdims=True)  # covariance of columns with the response
    flat = by_mean.reshape(filters, -1)
    joint = flat @ prior.reshape(filters, -1).T + _MEAN_DOUBT * np.eye(filters)
    shift = np.tensordot(np.linalg.solve(joint, wrong), prior, axes=1)
    mean = np.clip(middle + unit * shift, low, high)
    return mean.ravel() if len(graph.input_shape) == 1 else mean


def _mean_response(op: Weighted, shape: tuple[int, ...]) -> Array:
    """Return how far each output channel's mean moves with the mean of each column and channel.

    The result is [output channels, columns, channels]; the features of a vector are columns.
    """
    if isinstance(op, Dense):
        kernel = op.kernel.astype(np.float64)
        return kernel[:, :, None] if len(shape) == 1 else kernel[:, None, :]
    height, width, channels = shape
    rows = _reach(op.window, 0, height).sum(axis=1)
    columns = _reach(op.window, 1, width)
    if isinstance(op, Conv2D):
        return np.asarray(np.einsum("fyxc,y,xw->fwc", op.kernel, rows, columns))
    sums = np.einsum("yxf,y,xw->fw", op.kernel, rows, columns)
    own = np.repeat(np.eye(channels), op.depth_multiplier, axis=0)
    return np.asarray(sums[:, :, None] * own[:, None, :])


def _reach(window: Window, axis: int, size: int) -> Array:
    """Return [taps, pixels]: the share of all positions at which a tap meets a row or column."""
    padding = (window.padding.top, window.padding.left)[axis]
    span = (window.size[axis] - 1) * window.dilation[axis] + 1
    after = (window.padding.bottom, window.padding.right)[axis]
    positions = (size + padding + after - span) // window.strides[axis] + 1
    met = (
        np.arange(positions) * window.strides[axis]
        + np.arange(window.size[axis])[:, None] * window.dilation[axis]
        - padding
    )
    return np.asarray((met[:, :, None] == np.arange(size)).mean(axis=1))
