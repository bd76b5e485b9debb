"""Equalize the channels between two layers: cross-layer equalization (Nagel et al. 2019).

Activations have one scale per tensor. If one channel reaches to 100 and the others to 1, these have
three of the 256 steps. A ReLU is positively homogeneous, so a channel may be divided by s in one
layer and multiplied by s in the next: the network stays the same. All s are powers of two, so it
stays the same to the last bit.

A layer that follows with one scale per row suffers from unequal columns instead. With the ranges a
and the columns' root mean squares w of the channels, s = sqrt(a / w) makes the product of both
errors least (Cauchy-Schwarz). In a depthwise layer every channel is a row, so s = a.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from microlut.graph.batch import Arrays
from microlut.graph.evaluate import outputs, walk
from microlut.graph.ir import Graph, Node
from microlut.graph.passes.channels import Reads, reads_of
from microlut.graph.passes.rewrite import sole_consumer
from microlut.ops.activation import ActivationKind
from microlut.ops.batch_norm import ChannelStatistics
from microlut.ops.conv2d import Conv2D
from microlut.ops.dense import Dense
from microlut.ops.depthwise_conv2d import DepthwiseConv2D
from microlut.ops.linear import Linear
from microlut.ops.mean import Mean
from microlut.ops.pad import Pad
from microlut.ops.pool2d import Pool2D
from microlut.ops.reshape import Reshape
from microlut.quantize.divided import Divided
from microlut.quantize.levels.densities import Array
from microlut.quantize.quality import affordable_inputs, spread, without_softmax
from microlut.quantize.ranges.choose import rounded_outputs, vectors
from microlut.quantize.ranges.measure import calibrate
from microlut.quantize.shared import kernel_owners
from microlut.quantize.weight_error import real_kernel
from microlut.quantize.weights import LayerConfigs, quantize_weights

_LAYERS = (Conv2D, DepthwiseConv2D, Dense)
_BETWEEN = (Mean, Pad, Pool2D, Reshape)  # what a factor per channel passes through
_HOMOGENEOUS = (ActivationKind.LINEAR, ActivationKind.RELU)
_BATCH = 32
_LARGEST_EXPONENT = 20
_WORTH = 0.25  # of the error of rounded activations in the next layer: 6 dB are worth a trial
_BETTER = 0.8  # of the whole network's error: what a trial must reach


@dataclass(frozen=True, slots=True)
class Equalized:
    """A graph, and the layers whose output channels were scaled."""

    graph: Graph
    layers: tuple[Divided, ...] = ()


@dataclass(frozen=True, slots=True)
class _Pair:
    """Two layers, and which output channel of the first each input channel of the second is."""

    first: str
    second: str
    channels: NDArray[np.int64]


def equalized(graph: Graph, samples: Arrays, configs: LayerConfigs) -> Equalized:
    """Return the graph with equalized channels, if that makes the quantized network better.

    The factors follow from every second sample, and the others judge, with rounded activations and
    weights at their nearest levels. Networks whose ranges were recorded in training stay as they
    are: training has got them used to these.

    Args:
        graph: Float graph after the passes.
        samples: Inputs [n, ...], like those in use.
        configs: How weights will be quantized, by layer.
    """
    pairs = _pairs(graph)
    if graph.ranges or len(samples) < 2 or not pairs:
        return Equalized(graph)
    count = affordable_inputs(graph)
    own, judges = spread(samples[::2], count), spread(samples[1::2], count)
    changed = _with_factors(graph, pairs, _reaches(graph, own, {pair.first for pair in pairs}))
    if not changed.layers:
        return Equalized(graph)
    before, after = (_error(g, own, judges, configs) for g in (graph, changed.graph))
    return changed if after < _BETTER * before else Equalized(graph)


def divided(graph: Graph, layers: Iterable[Divided]) -> Graph:
    """Return a float graph after the passes with the channels that a conversion has divided.

    Raises:
        KeyError: The graph is not the one that was converted.
    """
    pairs = {pair.first: pair for pair in _pairs(graph)}
    return _scaled_graph(graph, [(pairs[each.layer], each) for each in layers])


def _pairs(graph: Graph) -> list[_Pair]:
    """Return the pairs of layers between which channels can be scaled, in execution order."""
    reads = reads_of(graph)
    owners = list(kernel_owners(graph).values())
    alone = {name for name in owners if owners.count(name) == 1}
    found = []
    for node in graph.nodes:
        if node.name in alone and isinstance(node.op, _LAYERS):
            pair = _pair(graph, node, reads)
            if node.op.activation in _HOMOGENEOUS and pair is not None and pair.second in alone:
                found.append(pair)
    return found


def _pair(graph: Graph, node: Node, reads: Reads) -> _Pair | None:
    """Return a layer and the only one that reads it, perhaps behind a pool or a padding."""
    channels = np.arange(node.shape[-1])
    after = sole_consumer(graph, node.output)
    while after is not None and isinstance(after.op, _BETWEEN):
        read = reads.channels[after.name]
        if read is None:
            return None
        channels = channels[read[0]]
        after = sole_consumer(graph, after.output)
    if after is None or not isinstance(after.op, _LAYERS):
        return None
    whole = isinstance(after.op, DepthwiseConv2D) or after.op.kernel.shape[-1] == len(channels)
    return _Pair(node.name, after.name, channels) if whole else None


def _reaches(graph: Graph, samples: Arrays, layers: set[str]) -> dict[str, Array]:
    """Return the largest absolute value of each output channel of some layers."""
    found: dict[str, Array] = {}
    with np.errstate(over="ignore", invalid="ignore"):  # the choice of ranges refuses what is inf
        for start in range(0, len(samples), _BATCH):
            for node, made in walk(graph, samples[start : start + _BATCH]):
                if node is None or node.name not in layers:
                    continue
                values = np.abs(made[node.output]).reshape(-1, made[node.output].shape[-1])
                largest = values.max(axis=0).astype(np.float64)
                found[node.name] = np.maximum(found.get(node.name, 0.0), largest)
    return found


def _with_factors(graph: Graph, pairs: list[_Pair], reaches: Mapping[str, Array]) -> Equalized:
    """Return the graph with scaled channels where rounded activations become much better."""
    changed: list[tuple[_Pair, Divided]] = []
    ops = _linear(graph)
    for pair in pairs:  # the columns of a layer do not depend on how its own rows are scaled
        if not np.isfinite(reaches[pair.first]).all():
            continue
        reach = _estimated(ops[pair.first], reaches[pair.first])
        exponents = _exponents(ops[pair.second], pair.channels, reach)
        if exponents is not None:
            changed.append((pair, Divided(pair.first, tuple(exponents.tolist()))))
    return Equalized(_scaled_graph(graph, changed), tuple(each for _, each in changed))


def _linear(graph: Graph) -> dict[str, Linear]:
    return {node.name: node.op for node in graph.nodes if isinstance(node.op, Linear)}


def _scaled_graph(graph: Graph, changed: Iterable[tuple[_Pair, Divided]]) -> Graph:
    """Return the graph with the channels between pairs of layers scaled."""
    ops = _linear(graph)
    known = {node.name: node.statistics for node in graph.nodes}
    for pair, each in changed:
        exponents = np.array(each.exponents, np.int64)
        ops[pair.first], ops[pair.second] = _scaled(
            ops[pair.first], ops[pair.second], pair.channels, exponents
        )
        known[pair.first] = _scaled_statistics(known[pair.first], exponents)
    nodes = tuple(
        replace(node, op=ops.get(node.name, node.op), statistics=known[node.name])
        for node in graph.nodes
    )
    return replace(graph, nodes=nodes)


def _estimated(first: Linear, reach: Array) -> Array:
    """Return the reach of channels, by their weights where no sample has passed the ReLU."""
    others = tuple(i for i in range(first.kernel.ndim) if i != first.channel_axis)
    weights = np.sqrt(np.square(first.kernel, dtype=np.float64).sum(axis=others))
    known = (reach > 0) & (weights > 0)
    if not known.any():
        return reach
    return np.where(reach > 0, reach, weights * np.median(reach[known] / weights[known]))


def _exponents(
    second: Linear, channels: NDArray[np.int64], reach: Array
) -> NDArray[np.int64] | None:
    """Return the logarithms to base 2 of the factors [channels], or None if little is gained."""
    columns = _columns(second, channels, len(reach))
    used = (reach > 0) & (columns > 0)
    if np.count_nonzero(used) < 2:
        return None
    logarithms = np.zeros(len(reach))
    if isinstance(second, DepthwiseConv2D):
        logarithms[used] = np.log2(reach[used])
    else:
        logarithms[used] = np.log2(reach[used] / columns[used]) / 2.0
    logarithms[used] -= logarithms[used].mean()
    exponents = np.round(logarithms).astype(np.int64)
    exponents = np.clip(exponents, -_LARGEST_EXPONENT, _LARGEST_EXPONENT)
    factors = np.exp2(exponents)
    before, after = reach.max(), (reach / factors).max()
    gain = (after**2 * np.sum((columns * factors) ** 2)) / (before**2 * np.sum(columns**2))
    return exponents if gain < _WORTH else None


def _columns(second: Linear, channels: NDArray[np.int64], count: int) -> Array:
    """Return the root mean square of the weights that read each channel [channels].

    Rows count as much as each other, since each has its own scale.
    """
    kernel = second.kernel.astype(np.float64)
    if isinstance(second, DepthwiseConv2D):
        squares = np.square(kernel).sum(axis=(0, 1)).reshape(-1, second.depth_multiplier)
        return np.sqrt(np.bincount(channels, squares.sum(axis=1), minlength=count))
    rows = kernel.reshape(len(kernel), -1)
    energy = np.square(rows).sum(axis=1, keepdims=True)
    shares = np.square(rows) / np.where(energy > 0, energy, 1.0)
    by_input = shares.sum(axis=0).reshape(-1, kernel.shape[-1]).sum(axis=0)
    return np.sqrt(np.bincount(channels, by_input, minlength=count))


def _scaled(
    first: Linear, second: Linear, channels: NDArray[np.int64], exponents: NDArray[np.int64]
) -> tuple[Linear, Linear]:
    """Return both layers with the channels between them divided and multiplied by 2^exponent."""
    down = np.exp2(-exponents).astype(np.float32)
    kernel = first.kernel * first.by_channel(down.astype(np.float64)).astype(np.float32)
    up = np.exp2(exponents).astype(np.float32)[channels]
    if isinstance(second, DepthwiseConv2D):
        up = np.repeat(up, second.depth_multiplier)
    return (
        first.with_weights(kernel, first.bias * down),
        second.with_weights(second.kernel * up, second.bias),
    )


def _scaled_statistics(
    known: ChannelStatistics | None, exponents: NDArray[np.int64]
) -> ChannelStatistics | None:
    down = np.exp2(-exponents).astype(np.float32)
    return known and ChannelStatistics(known.mean * down, known.deviation * down)


def _error(graph: Graph, own: Arrays, judges: Arrays, configs: LayerConfigs) -> float:
    """Return the squared error of the quantized network's outputs over the squared outputs."""
    graph = without_softmax(graph)
    batches = [judges[i : i + _BATCH] for i in range(0, len(judges), _BATCH)]
    real = vectors(outputs(graph, x) for x in batches)
    rounded = replace(graph, nodes=tuple(_rounded_nodes(graph.nodes, configs)))
    found = vectors(rounded_outputs(rounded, calibrate(graph, own), batches))
    error = float(np.sum((found - real) ** 2)) / (float(np.sum(real**2)) or 1.0)
    return error if math.isfinite(error) else math.inf


def _rounded_nodes(nodes: Iterable[Node], configs: LayerConfigs) -> Iterator[Node]:
    """Yield the nodes with the real values of quantized weights."""
    for node in nodes:
        op = node.op
        if isinstance(op, Linear) and node.name in configs:
            config = configs[node.name]
            weights = quantize_weights(op.kernel, op.channel_axis, config)
            op = op.with_weights(real_kernel(weights, op.channel_axis), op.bias)
        yield replace(node, op=op)
