"""Choose the kernel of a layer where several can compute it."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from microlut.integer import QNode, QuantizedGraph
from microlut.ops.arrays import Shape
from microlut.ops.conv2d import QConv2D
from microlut.ops.dense import QDense
from microlut.ops.windows import Padding
from microlut.plan.cost import instructions
from microlut.plan.kernels import Call, calls_of
from microlut.plan.sharing import find_sums
from microlut.plan.tiles import whole_tile


def choose_variants(graph: QuantizedGraph, core: str) -> QuantizedGraph:
    """Make convolutions of one output pixel dense layers where that is quicker.

    Such a convolution uses no weight twice, so that decoding it ahead is for nothing.
    """
    sums, calls = find_sums(graph), calls_of(graph)
    nodes = (
        node if node.name in sums else _quickest(node, calls[node.name], core)
        for node in graph.nodes
    )
    return replace(graph, nodes=tuple(nodes))


def _quickest(node: QNode, call: Call[Any], core: str) -> QNode:
    if not isinstance(node.op, QConv2D) or not _sees_all(node.op, call.source):
        return node
    weights = replace(node.op.weights, shape=node.op.weights.indices.shape)
    variants = (node, replace(node, op=QDense(weights, node.op.output)))
    return min(variants, key=lambda variant: _cost(replace(call, op=variant.op), core))


def _sees_all(op: QConv2D, source: Shape) -> bool:
    """Return whether the receptive field is the input as it lies in memory."""
    window = op.window
    return window.size == source[:2] and window.dilation == (1, 1) and window.padding == Padding()


def _cost(call: Call[Any], core: str) -> float:
    return instructions(call, whole_tile(call), core)
