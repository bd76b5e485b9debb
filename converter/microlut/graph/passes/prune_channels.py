"""Remove channels that tell nothing: those of one value, and those that nothing reads.

The value of a removed channel goes into the biases of the layers that read it. What stays computes
what it did: no weight changes. All channels are first taken for removable; then those are kept that
some node cannot do without, until nothing changes.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np

from microlut.graph.ir import Graph, Node
from microlut.graph.passes.channels import (
    Indices,
    Mask,
    Mixing,
    Reads,
    Values,
    constant_channels,
    is_dust,
    reads_of,
)
from microlut.ops.arrays import frozen_array
from microlut.ops.batch_norm import ChannelStatistics
from microlut.ops.conv2d import Conv2D
from microlut.ops.dense import Dense
from microlut.ops.depthwise_conv2d import DepthwiseConv2D
from microlut.ops.linear import Linear
from microlut.ops.reshape import Reshape
from microlut.ops.tensor import Tensor
from microlut.ops.transpose_conv2d import TransposeConv2D


def prune_channels(graph: Graph) -> Graph:
    """Return the graph without channels that change no output; each tensor keeps one at least."""
    if not any(isinstance(node.op, Linear) for node in graph.nodes):
        return graph
    reads = reads_of(graph)
    pruning = _Pruning(graph, reads, constant_channels(graph, reads))
    kept = pruning.kept()
    if all(mask.all() for mask in kept.values()):
        return graph
    return replace(graph, nodes=tuple(pruning.without(node, kept) for node in graph.nodes))


@dataclass(frozen=True, slots=True)
class Pruned:
    """Output channels of a layer that were removed.

    Attributes:
        layer: The layer's name.
        channels: How many there were.
        removed: How many of them are gone.
    """

    layer: str
    channels: int
    removed: int


def pruned_layers(before: Graph, after: Graph) -> tuple[Pruned, ...]:
    """Return the layers with weights that lost output channels between two forms of a graph."""
    counts = {node.name: len(op.bias) for node, op in after.weighted()}
    return tuple(
        Pruned(node.name, len(op.bias), len(op.bias) - counts[node.name])
        for node, op in before.weighted()
        if isinstance(op, Linear) and counts.get(node.name, len(op.bias)) < len(op.bias)
    )


@dataclass(frozen=True, slots=True)
class _Pruning:
    """What is known of a graph: what its nodes read, and the constant channels of its tensors."""

    graph: Graph
    reads: Reads
    constants: Mapping[str, Values]

    def kept(self) -> dict[str, Mask]:
        """Return, per tensor, which channels stay."""
        keep = {name: np.zeros(len(values), bool) for name, values in self.constants.items()}
        for name in (*self.graph.kept(), *(tensor.name for tensor in self.graph.given())):
            keep[name][:] = True
        self._spread(keep)
        while empty := [mask for mask in keep.values() if not mask.any()]:
            for mask in empty:
                mask[0] = True
            self._spread(keep)
        return keep

    def _spread(self, keep: Mapping[str, Mask]) -> None:
        """Keep what belongs to channels that are kept, before and behind every node."""
        before, after = -1, sum(int(mask.sum()) for mask in keep.values())
        while before != after:
            for node in reversed(self.graph.nodes):
                self._spread_back(node, keep)
            for node in self.graph.nodes:
                self._spread_forth(node, keep)
            before, after = after, sum(int(mask.sum()) for mask in keep.values())

    def _spread_back(self, node: Node, keep: Mapping[str, Mask]) -> None:
        """Keep the input channels that a node needs for those of its outputs that are kept."""
        if isinstance(node.op, Mixing):
            keep[node.inputs[0]] |= self._needed(node.op, node, keep[node.output])
            return
        for name, channels in self._read(node):
            wanted = ... if channels is None else channels[keep[node.output] & (channels >= 0)]
            keep[name][wanted] = True

    def _spread_forth(self, node: Node, keep: Mapping[str, Mask]) -> None:
        """Keep the output channels that a node makes of input channels that are kept."""
        if isinstance(node.op, Mixing):
            return
        for name, channels in self._read(node):
            if channels is None:
                for tensor in node.outputs:
                    keep[tensor.name][:] = True
            else:
                keep[node.output][(channels >= 0) & keep[name][channels]] = True

    def _read(self, node: Node) -> tuple[tuple[str, Indices | None], ...]:
        """Return, per input of a node, the channel that each output channel reads, if it is one."""
        read = self.reads.channels[node.name]
        return tuple(zip(node.inputs, read or (None,) * len(node.inputs), strict=True))

    def _needed(self, op: Mixing, node: Node, kept: Mask) -> Mask:
        """Return the input channels that kept outputs read, and for which no bias can stand."""
        values = self.constants[node.inputs[0]]
        sums = self.reads.sums[node.name][kept & np.isnan(self.constants[node.output])]
        read = ~is_dust(sums, sums.sum(axis=1, keepdims=True)).all(axis=0)
        # Behind zero padding a constant is no bias, unless it is zero itself.
        even = isinstance(op, Dense) or (isinstance(op, Conv2D) and not op.window.padding)
        return np.asarray(read & (np.isnan(values) if even else values != 0.0))

    def without(self, node: Node, kept: Mapping[str, Mask]) -> Node:
        """Return a node between tensors that have only the channels that are kept."""
        outputs = tuple(_narrower(tensor, kept[tensor.name]) for tensor in node.outputs)
        op, mask = node.op, kept[node.output]
        match op:
            case Conv2D() | Dense() | TransposeConv2D():
                op = self._mixing(op, node.inputs[0], kept[node.inputs[0]], mask)
            case DepthwiseConv2D():
                op = op.with_weights(op.kernel[:, :, mask], op.bias[mask])
            case Reshape():
                op = Reshape(outputs[0].shape)
        old = node.statistics
        statistics = old and ChannelStatistics(
            frozen_array(old.mean[mask]), frozen_array(old.deviation[mask])
        )
        return replace(node, op=op, outputs=outputs, statistics=statistics)

    def _mixing(self, op: Mixing, source: str, inputs: Mask, outputs: Mask) -> Mixing:
        """Return a layer without some channels, whose values its biases have instead."""
        values = np.where(inputs, 0.0, np.nan_to_num(self.constants[source]).astype(np.float64))
        added = (op.kernel.astype(np.float64) @ values).reshape(len(op.kernel), -1).sum(axis=1)
        with np.errstate(over="ignore"):  # as the layer itself would; calibration then tells
            return op.with_weights(op.kernel[outputs][..., inputs], (op.bias + added)[outputs])


def _narrower(tensor: Tensor, kept: Mask) -> Tensor:
    shape = (*tensor.shape[:-1], int(kept.sum())) if tensor.shape else tensor.shape
    return replace(tensor, shape=shape)
