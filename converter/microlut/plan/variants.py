"""Choose the kernel of a layer where several can compute it."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from microlut.integer import QuantizedGraph
from microlut.ops.arrays import Shape
from microlut.ops.conv2d import QConv2D
from microlut.ops.dense import QDense
from microlut.ops.windows import Padding
from microlut.plan.cost import instructions
from microlut.plan.kernels import Call, calls_of
from microlut.plan.sharing import find_sums
from microlut.plan.tiles import whole_tile


class Variants:
    """The layers of a graph that several kernels can compute.

    A convolution of one output pixel uses no weight twice, so that decoding it ahead is for
    nothing: it becomes a dense layer where that is quicker.
    """

    def __init__(self, graph: QuantizedGraph) -> None:
        """Find these layers, whatever the core."""
        self._graph = graph
        calls = calls_of(graph)
        found = [
            node
            for node in graph.nodes
            if isinstance(node.op, QConv2D) and _sees_all(node.op, calls[node.name].source)
        ]
        sums = find_sums(graph) if found else {}
        self._calls = {node.name: _variants(calls[node.name]) for node in found}
        for name in sums.keys() & self._calls.keys():
            del self._calls[name]

    def chosen(self, core: str) -> QuantizedGraph:
        """Return the graph with the quickest form of each layer on a core."""
        quickest = {
            name: min(calls, key=lambda call: _cost(call, core)).op
            for name, calls in self._calls.items()
        }
        if not quickest:
            return self._graph
        nodes = (replace(n, op=quickest.get(n.name, n.op)) for n in self._graph.nodes)
        return replace(self._graph, nodes=tuple(nodes))


def _variants(call: Call[Any]) -> tuple[Call[Any], ...]:
    weights = replace(call.op.weights, shape=call.op.weights.indices.shape)
    return call, replace(call, op=QDense(weights, call.op.output))


def _sees_all(op: QConv2D, source: Shape) -> bool:
    """Return whether the receptive field is the input as it lies in memory."""
    window = op.window
    return window.size == source[:2] and window.dilation == (1, 1) and window.padding == Padding()


def _cost(call: Call[Any], core: str) -> float:
    return instructions(call, whole_tile(call), core)
