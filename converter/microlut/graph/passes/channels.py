"""Tell which channels of a tensor always have one value, and which input channels nodes read.

A channel is the last dimension of a tensor. Trained networks have channels whose weights shrank to
almost nothing (batch normalization with weight decay does that) and whose output is their bias.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from microlut.graph.ir import Graph, Node
from microlut.ops.add import Add
from microlut.ops.arrays import FloatArray, Shape
from microlut.ops.concatenate import Concatenate
from microlut.ops.conv2d import Conv2D
from microlut.ops.dense import Dense
from microlut.ops.depthwise_conv2d import DepthwiseConv2D
from microlut.ops.elementwise import Elementwise
from microlut.ops.mean import Mean
from microlut.ops.mul import Mul
from microlut.ops.pad import Pad
from microlut.ops.pool2d import Pool2D
from microlut.ops.relu import Relu
from microlut.ops.reshape import Reshape
from microlut.ops.scale import Scale
from microlut.ops.sigmoid import Sigmoid
from microlut.ops.tanh import Tanh
from microlut.ops.transpose_conv2d import TransposeConv2D

Indices = NDArray[np.int64]
Values = NDArray[np.float32]
Mask = NDArray[np.bool_]
Mixing = Conv2D | TransposeConv2D | Dense  # every output channel may read every input channel
_ALONE = (Elementwise, Sigmoid, Tanh, Relu, Scale, Pool2D, Pad, Mean)

# Weights of a channel that sum up to this part of those of the layer's largest channel change its
# output by less than a 16th of a step, even where activations have 16 bits.
DUST = 1e-6


@dataclass(frozen=True, slots=True)
class Reads:
    """What the nodes of a graph read, by their names.

    Attributes:
        shapes: Shapes of all tensors, by their names.
        channels: Per input, which channel each output channel reads; None if it may read several.
        sums: Sums of absolute weights [output channels, input channels] of the nodes that mix all
            input channels, instead of `channels`.
    """

    shapes: Mapping[str, Shape]
    channels: Mapping[str, tuple[Indices, ...] | None]
    sums: Mapping[str, NDArray[np.float64]]


def reads_of(graph: Graph) -> Reads:
    """Return what the nodes of a graph read."""
    shapes = {name: tensor.shape for name, tensor in graph.tensors().items()}
    channels, sums = {}, {}
    for node in graph.nodes:
        if isinstance(node.op, Mixing):
            sums[node.name] = _sums_by_channel(node.op)
        else:
            alone = len(node.outputs) == 1
            channels[node.name] = _channels_read(node, shapes) if alone else None
    return Reads(shapes, channels, sums)


def _channels_read(node: Node, shapes: Mapping[str, Shape]) -> tuple[Indices, ...] | None:
    """Return, per input, which of its channels each output channel reads: [output channels].

    -1 is none of this input. None: an output channel may read several, or it is not known.
    """
    sources = [shapes[name] for name in node.inputs]
    if not sources or not node.shape or not all(sources):
        return None
    last = node.shape[-1]
    own = np.arange(last)
    match node.op:
        case DepthwiseConv2D(depth_multiplier=multiplier):
            return (own // multiplier,)
        case Concatenate(axis) if axis == len(node.shape) - 1:
            starts = np.cumsum([0, *(shape[-1] for shape in sources)])
            return tuple(
                np.where((own >= start) & (own < end), own - start, -1)
                for start, end in pairwise(starts)
            )
        case Reshape() if last % sources[0][-1] == 0:
            return (own % sources[0][-1],)
        case Add(constant=None) | Mul(constant=None) | Concatenate():
            same = all(shape[-1] == last for shape in sources)
            return (own,) * len(sources) if same else None
        case op if isinstance(op, _ALONE) and sources[0][-1] == last:
            return (own,)
        case _:
            return None


def constant_channels(graph: Graph, reads: Reads) -> dict[str, Values]:
    """Return the value that each channel of each tensor always has: [channels]; NaN if it varies.

    Differences are as small as `DUST` says.
    """
    found = {tensor.name: _unknown(tensor.shape) for tensor in graph.given()}
    for node in graph.nodes:
        known = _known_outputs(node, reads, found)
        values = {tensor.name: _unknown(tensor.shape) for tensor in node.outputs}
        if known is not None and known.any():
            values[node.output] = _values(node, reads.shapes, found, known)
        found.update(values)
    return found


def is_dust(weights: NDArray[np.float64], largest: NDArray[np.float64] | float) -> Mask:
    """Return which sums of absolute weights are so small that they change no output."""
    return np.asarray(weights <= DUST * largest)


def _sums_by_channel(op: Mixing) -> NDArray[np.float64]:
    weights = np.abs(op.kernel.astype(np.float64))
    sums: NDArray[np.float64] = weights.reshape(len(weights), -1, weights.shape[-1]).sum(axis=1)
    return sums


def _unknown(shape: Shape) -> Values:
    return np.full(shape[-1] if shape else 1, np.nan, np.float32)


def _known_outputs(node: Node, reads: Reads, found: Mapping[str, Values]) -> Mask | None:
    """Return which output channels depend on nothing that varies."""
    op = node.op
    if isinstance(op, Mixing):
        sums = reads.sums[node.name]
        varying = sums @ np.isnan(found[node.inputs[0]]).astype(np.float64)
        return is_dust(varying, sums.sum(axis=1).max())
    read = reads.channels[node.name]
    if read is None:
        return None
    constant = [
        (channels < 0) | ~np.isnan(found[name][channels])
        for name, channels in zip(node.inputs, read, strict=True)
    ]
    known: Mask = np.logical_and.reduce(constant)
    if isinstance(op, DepthwiseConv2D):
        sums = np.abs(op.kernel.astype(np.float64)).sum(axis=(0, 1))
        known = known | is_dust(sums, sums.max())
    return known


def _values(
    node: Node, shapes: Mapping[str, Shape], found: Mapping[str, Values], known: Mask
) -> Values:
    """Return the known outputs that are the same everywhere, also at the edges of pictures."""
    inputs = [
        np.broadcast_to(np.nan_to_num(found[name]), (1, *shapes[name])).astype(np.float32)
        for name in node.inputs
    ]
    with np.errstate(over="ignore", invalid="ignore"):
        (output,) = node.op.evaluate(inputs)
    flat: FloatArray = output.reshape(-1, node.shape[-1])
    low, high = flat.min(axis=0), flat.max(axis=0)
    even = np.isfinite(low) & np.isfinite(high)
    even[even] = high[even] - low[even] <= DUST * np.abs(flat[:, even]).max(initial=0.0)
    return np.where(known & even, flat[0], np.float32(np.nan))
