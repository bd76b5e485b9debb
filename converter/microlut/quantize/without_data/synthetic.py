"""Make synthetic inputs and activations from the batch-norm statistics of a graph.

Batch normalization records the mean and deviation of every channel on the training data. With
smooth noise as input, and the output of each such layer shifted and scaled to these statistics,
activations have means, variances and covariances close to the real ones. That is enough to choose
ranges, to assign weights with error feedback and to correct the means of layers.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np

from microlut.errors import InvalidInput
from microlut.graph.batch import Arrays, Batch, by_name
from microlut.graph.evaluate import given, settled, with_states
from microlut.graph.ir import Graph, Node
from microlut.graph.network import last_reads
from microlut.ops.arrays import FloatArray
from microlut.ops.batch_norm import ChannelStatistics
from microlut.ops.conv2d import Conv2D
from microlut.ops.dense import Dense
from microlut.ops.depthwise_conv2d import DepthwiseConv2D
from microlut.ops.linear import Linear
from microlut.ops.tensor import Tensor
from microlut.ops.windows import Window
from microlut.quantize.levels.densities import Array

InputRanges = Mapping[str, tuple[float, float]]

_MOST_INPUTS = 64
_TENSOR_VALUES = 1 << 22  # of the largest tensor over all inputs: 16 MB
_PATCH_VALUES = 1 << 22  # unfolded by a convolution at a time
_NEIGHBOURS = 0.95  # correlation of neighbouring pixels
_COMMON = 0.9  # share of the variance that is common to all channels of a pixel
_MEAN_DOUBT = 0.01  # variance of the errors in a batch norm's mean, in variances of its output


@dataclass(frozen=True, slots=True)
class Noise:
    """What is supposed of inputs within their range.

    Attributes:
        deviation: Standard deviation, in widths of the range.
        mean: The mean; None: what batch normalization tells, or else the middle of the range.
    """

    deviation: float = 1 / 8
    mean: float | None = None


@dataclass(frozen=True, slots=True)
class Activation:
    """A node with the tensors that it reads and makes, [samples, ...] each."""

    node: Node
    inputs: tuple[FloatArray, ...]
    outputs: tuple[FloatArray, ...]


def synthetic_inputs(
    graph: Graph,
    limits: InputRanges,
    seed: int = 0,
    most: int = _MOST_INPUTS,
    noise: Mapping[str, Noise] = MappingProxyType({}),
) -> Batch:
    """Return noise [n, ...] for each input within a range, with the mean that the graph tells.

    Args:
        graph: Float graph after the passes.
        limits: Smallest and largest value of real inputs, by their names.
        seed: Seed of the noise.
        most: Largest n.
        noise: What is supposed of some of the inputs, by their names.

    Raises:
        InvalidInput: The range is empty or not finite.
    """
    for low, high in limits.values():
        if not (math.isfinite(high - low) and low < high):
            raise InvalidInput(
                f"input range is {low:g} to {high:g}; give the smallest and the largest value that "
                "inputs have in use, such as 0 and 255"
            )
    largest = max(tensor.size for tensor in graph.tensors().values())
    count = max(1, min(most, _TENSOR_VALUES // largest))
    rng = np.random.default_rng(seed)
    return Batch(
        {
            tensor.name: _input(
                graph, tensor, count, limits[tensor.name], rng, noise.get(tensor.name, Noise())
            )
            for tensor in graph.inputs
        }
    )


def _input(
    graph: Graph,
    tensor: Tensor,
    count: int,
    input_range: tuple[float, float],
    rng: np.random.Generator,
    supposed: Noise,
) -> FloatArray:
    low, high = input_range
    noise = _noise(rng, (count, *tensor.shape))
    noise *= (high - low) * supposed.deviation
    if supposed.mean is None:
        noise += _input_mean(graph, tensor, low, high).astype(np.float32)
    else:
        noise += np.float32(supposed.mean)
    return np.clip(noise, np.float32(low), np.float32(high), out=noise)


def walk(graph: Graph, x: Arrays) -> Iterator[Activation]:
    """Run the nodes in order on inputs, with batch-norm statistics as in training; yield each.

    Raises:
        InvalidInput: A layer gives values beyond single precision.
    """
    live = with_states(graph, given(graph, by_name(graph.inputs, x)))
    for node, freed in zip(graph.nodes, last_reads(graph.nodes), strict=True):
        inputs = tuple(live[name] for name in node.inputs)
        with np.errstate(over="ignore", invalid="ignore"):
            outputs = tuple(map(settled, node.outputs, _outputs(node, inputs)))
        if not all(np.isfinite(values).all() for values in outputs):
            raise InvalidInput(
                f"model {graph.name}: layer {node.name!r} gives NaN or infinite values for inputs "
                "within the input range; check that range, or train the model again"
            )
        live.update(zip((tensor.name for tensor in node.outputs), outputs, strict=True))
        yield Activation(node, inputs, outputs)
        for name in freed:
            del live[name]
        del inputs, outputs


def _outputs(node: Node, inputs: tuple[FloatArray, ...]) -> tuple[FloatArray, ...]:
    op = node.op
    if not isinstance(op, Linear):
        return op.evaluate(inputs)
    output = np.empty((len(inputs[0]), *node.shape), np.float32)
    seen = math.prod(node.shape[:-1]) * op.kernel[0].size
    step = max(1, _PATCH_VALUES // seen)
    for i in range(0, len(output), step):
        output[i : i + step] = op.linear([inputs[0][i : i + step]])
    if node.statistics is not None:
        _restate(output, node.statistics)
    return (op.activation.apply(output),)


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


def _input_mean(graph: Graph, tensor: Tensor, low: float, high: float) -> Array:
    """Return an input's mean, broadcastable to it, as the first layer's batch norm implies it.

    It is the most probable one, given that layer's output means, when every column of a channel
    deviates from the channel and every channel from the middle of the range by a quarter of it.
    """
    middle, unit = (low + high) / 2, (high - low) / 4
    first = next(iter(graph.consumers(tensor.name)), None)
    if first is None or first.statistics is None:
        return np.array(middle)
    if not isinstance(first.op, Conv2D | DepthwiseConv2D | Dense):
        return np.array(middle)
    response = _mean_response(first.op, tensor.shape)
    filters = len(response)
    expected = first.op.bias + middle * response.sum(axis=(1, 2))
    deviation = first.statistics.deviation.astype(np.float64)
    scale = np.where(deviation > 0, deviation, np.inf)  # a dead channel has no information
    wrong = (first.statistics.mean - expected) / scale
    by_mean = response * (unit / scale[:, None, None])
    prior = by_mean + by_mean.sum(axis=1, keepdims=True)  # covariance of columns with the response
    flat = by_mean.reshape(filters, -1)
    joint = flat @ prior.reshape(filters, -1).T + _MEAN_DOUBT * np.eye(filters)
    shift = np.tensordot(np.linalg.solve(joint, wrong), prior, axes=1)
    mean = np.clip(middle + unit * shift, low, high)
    return mean.ravel() if len(tensor.shape) == 1 else mean


def _mean_response(op: Linear, shape: tuple[int, ...]) -> Array:
    """Return how each output channel's mean depends on the mean of each column and channel.

    The result is [output channels, columns, channels]; the features of a vector are columns.
    """
    if isinstance(op, Dense):
        kernel = op.kernel.astype(np.float64)
        return kernel[:, :, None] if len(shape) == 1 else kernel[:, None, :]
    if not isinstance(op, Conv2D | DepthwiseConv2D):
        raise TypeError(f"nothing is known of how {type(op).__name__} moves means")
    height, width, channels = shape
    rows = _reach(op.window, 0, height).sum(axis=1)
    columns = _reach(op.window, 1, width)
    if isinstance(op, Conv2D):
        return np.asarray(np.einsum("fyxc,y,xw->fwc", op.kernel, rows, columns))
    sums = np.einsum("yxf,y,xw->fw", op.kernel, rows, columns)
    own = np.repeat(np.eye(channels), op.depth_multiplier, axis=0)
    return np.asarray(sums[:, :, None] * own[:, None, :])


def _reach(window: Window, axis: int, size: int) -> Array:
    """Return [taps, pixels]: the share of positions at which a tap covers a row or column."""
    padding = (window.padding.top, window.padding.left)[axis]
    positions = window.output_size(size, size)[axis]
    met = (
        np.arange(positions) * window.strides[axis]
        + np.arange(window.size[axis])[:, None] * window.dilation[axis]
        - padding
    )
    return np.asarray((met[:, :, None] == np.arange(size)).mean(axis=1))
