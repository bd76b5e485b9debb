"""Merge channels that are always equal: those with the same weights of the same inputs.

Of such channels one stays, and the layers behind it read it with the sum of their weights. So later
layers can have equal channels, too: labels say which ones are, before anything is removed.
"""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from microlut.graph.ir import Graph, Node
from microlut.graph.passes.channels import Indices, Mask, Mixing, Reads, reads_of
from microlut.graph.passes.narrowing import Narrowing
from microlut.ops.arrays import FloatArray
from microlut.ops.depthwise_conv2d import DepthwiseConv2D
from microlut.ops.reshape import Reshape

Labels = Mapping[str, Indices]  # by tensor: channels with equal numbers have equal values


def merge_channels(graph: Graph) -> Graph:
    """Return the graph without channels that equal others bit for bit."""
    reads = reads_of(graph)
    merging = _Merging(graph, reads, _labels_of(graph, reads))
    return merging.narrowed(merging.kept())


def _labels_of(graph: Graph, reads: Reads) -> Labels:
    """Return, for each channel of each tensor, the first one of the tensor that equals it."""
    found = {tensor.name: _all_different(tensor.shape) for tensor in graph.given()}
    for node in graph.nodes:
        found.update({tensor.name: _all_different(tensor.shape) for tensor in node.outputs})
        keys = _keys(node, reads, found)
        if keys is not None:
            first: dict[Hashable, int] = {}
            labels = [first.setdefault(key, channel) for channel, key in enumerate(keys)]
            found[node.output] = np.array(labels, np.int64)
    return found


def _all_different(shape: Sequence[int]) -> Indices:
    return np.arange(shape[-1] if shape else 1)


def _keys(node: Node, reads: Reads, labels: Labels) -> list[Hashable] | None:
    """Return, per output channel, all that its values follow from; None if it is not known."""
    op = node.op
    if isinstance(op, Mixing):
        merged = _summed(op.kernel, labels[node.inputs[0]])
        return [(w.tobytes(), b.tobytes()) for w, b in zip(merged, op.bias, strict=True)]
    read = reads.channels[node.name]
    if read is None:
        return None
    own: list[list[Hashable]] = [
        [int(labels[name][channel]) if channel >= 0 else -1 for channel in channels]
        for name, channels in zip(node.inputs, read, strict=True)
    ]
    match op:
        case DepthwiseConv2D():
            weights = np.moveaxis(op.kernel, -1, 0)
            own.append([(w.tobytes(), b.tobytes()) for w, b in zip(weights, op.bias, strict=True)])
        case Reshape():  # equal channels of one pixel only
            own.append([o // reads.shapes[node.inputs[0]][-1] for o in range(node.shape[-1])])
    return list(zip(*own, strict=True))


def _summed(kernel: FloatArray, labels: Indices) -> FloatArray:
    """Return weights, those of equal inputs together, with zeros for all but the first of these."""
    if (labels == np.arange(len(labels))).all():
        return kernel
    summed = np.zeros(kernel.shape, np.float64)
    np.add.at(np.moveaxis(summed, -1, 0), labels, np.moveaxis(kernel, -1, 0))
    return summed.astype(np.float32)


@dataclass(frozen=True)
class _Merging(Narrowing):
    """What is known of a graph: what its nodes read, and which channels are equal."""

    labels: Labels

    def kept(self) -> dict[str, Mask]:
        """Return, per tensor, which channels stay: the first of each kind, and what is needed."""
        keep = {name: labels == np.arange(len(labels)) for name, labels in self.labels.items()}
        for name in (*self.graph.kept(), *(tensor.name for tensor in self.graph.given())):
            keep[name][:] = True
        self.spread(keep)
        return keep

    def needed(self, op: Mixing, node: Node, kept: Mask) -> Mask:
        """Return no channels: the first ones are there, and can stand for the others."""
        del op, kept
        return np.zeros(len(self.labels[node.inputs[0]]), bool)

    def mixing(self, op: Mixing, source: str, inputs: Mask, outputs: Mask) -> Mixing:
        """Return a layer without some channels, whose weights their equals have instead."""
        own = np.arange(len(inputs))
        kernel = _summed(op.kernel, np.where(inputs, own, self.labels[source]))
        return op.with_weights(kernel[outputs][..., inputs], op.bias[outputs])
