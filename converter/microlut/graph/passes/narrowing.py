"""Remove channels from tensors, together with all that depends on them and on nothing else."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, replace

from microlut.graph.ir import Graph, Node
from microlut.graph.passes.channels import Indices, Mask, Mixing, Reads
from microlut.ops.arrays import frozen_array
from microlut.ops.batch_norm import ChannelStatistics
from microlut.ops.conv2d import Conv2D
from microlut.ops.dense import Dense
from microlut.ops.depthwise_conv2d import DepthwiseConv2D
from microlut.ops.reshape import Reshape
from microlut.ops.tensor import Tensor
from microlut.ops.transpose_conv2d import TransposeConv2D


@dataclass(frozen=True)
class Narrowing(ABC):
    """A graph, and what its nodes read."""

    graph: Graph
    reads: Reads

    @abstractmethod
    def needed(self, op: Mixing, node: Node, kept: Mask) -> Mask:
        """Return the input channels that a layer cannot do without, for the outputs kept."""

    @abstractmethod
    def mixing(self, op: Mixing, source: str, inputs: Mask, outputs: Mask) -> Mixing:
        """Return a layer with these inputs and outputs only, which computes what it did."""

    def narrowed(self, kept: Mapping[str, Mask]) -> Graph:
        """Return the graph with the channels that are kept; the same if all are."""
        if all(mask.all() for mask in kept.values()):
            return self.graph
        nodes = tuple(self._without(node, kept) for node in self.graph.nodes)
        return replace(self.graph, nodes=nodes)

    def spread(self, keep: Mapping[str, Mask]) -> None:
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
            keep[node.inputs[0]] |= self.needed(node.op, node, keep[node.output])
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

    def _without(self, node: Node, kept: Mapping[str, Mask]) -> Node:
        """Return a node between tensors that have only the channels that are kept."""
        outputs = tuple(_narrower(tensor, kept[tensor.name]) for tensor in node.outputs)
        op, mask = node.op, kept[node.output]
        match op:
            case Conv2D() | Dense() | TransposeConv2D():
                op = self.mixing(op, node.inputs[0], kept[node.inputs[0]], mask)
            case DepthwiseConv2D():
                op = op.with_weights(op.kernel[:, :, mask], op.bias[mask])
            case Reshape():
                op = Reshape(outputs[0].shape)
        old = node.statistics
        statistics = old and ChannelStatistics(
            frozen_array(old.mean[mask]), frozen_array(old.deviation[mask])
        )
        return replace(node, op=op, outputs=outputs, statistics=statistics)


def _narrower(tensor: Tensor, kept: Mask) -> Tensor:
    shape = (*tensor.shape[:-1], int(kept.sum())) if tensor.shape else tensor.shape
    return replace(tensor, shape=shape)
