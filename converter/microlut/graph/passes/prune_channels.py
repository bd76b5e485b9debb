"""Remove channels that tell nothing: those of one value, and those that nothing reads.

The value of a removed channel goes into the biases of the layers that read it. What stays computes
what it did: no weight changes. All channels are first taken for removable; then those are kept that
some node cannot do without, until nothing changes.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from microlut.graph.ir import Graph, Node
from microlut.graph.passes.channels import (
    Mask,
    Mixing,
    Values,
    constant_channels,
    is_dust,
    reads_of,
)
from microlut.graph.passes.narrowing import Narrowing
from microlut.ops.conv2d import Conv2D
from microlut.ops.dense import Dense
from microlut.ops.linear import Linear


def prune_channels(graph: Graph) -> Graph:
    """Return the graph without channels that change no output; each tensor keeps one at least."""
    if not any(isinstance(node.op, Linear) for node in graph.nodes):
        return graph
    reads = reads_of(graph)
    pruning = _Pruning(graph, reads, constant_channels(graph, reads))
    return pruning.narrowed(pruning.kept())


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


@dataclass(frozen=True)
class _Pruning(Narrowing):
    """What is known of a graph: what its nodes read, and the constant channels of its tensors."""

    constants: Mapping[str, Values]

    def kept(self) -> dict[str, Mask]:
        """Return, per tensor, which channels stay."""
        keep = {name: np.zeros(len(values), bool) for name, values in self.constants.items()}
        for name in (*self.graph.kept(), *(tensor.name for tensor in self.graph.given())):
            keep[name][:] = True
        self.spread(keep)
        while empty := [mask for mask in keep.values() if not mask.any()]:
            for mask in empty:
                mask[0] = True
            self.spread(keep)
        return keep

    def needed(self, op: Mixing, node: Node, kept: Mask) -> Mask:
        """Return the input channels that kept outputs read, and for which no bias can stand."""
        values = self.constants[node.inputs[0]]
        sums = self.reads.sums[node.name][kept & np.isnan(self.constants[node.output])]
        read = ~is_dust(sums, sums.sum(axis=1, keepdims=True)).all(axis=0)
        # Behind zero padding a constant is no bias, unless it is zero itself.
        even = isinstance(op, Dense) or (isinstance(op, Conv2D) and not op.window.padding)
        return np.asarray(read & (np.isnan(values) if even else values != 0.0))

    def mixing(self, op: Mixing, source: str, inputs: Mask, outputs: Mask) -> Mixing:
        """Return a layer without some channels, whose values its biases have instead."""
        values = np.where(inputs, 0.0, np.nan_to_num(self.constants[source]).astype(np.float64))
        added = (op.kernel.astype(np.float64) @ values).reshape(len(op.kernel), -1).sum(axis=1)
        with np.errstate(over="ignore"):  # as the layer itself would; calibration then tells
            return op.with_weights(op.kernel[outputs][..., inputs], (op.bias + added)[outputs])
