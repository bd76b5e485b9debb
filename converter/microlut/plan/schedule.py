"""Choose the order in which nodes run."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from microlut.integer import QNode, QuantizedGraph
from microlut.plan.arena import live_bytes, lower_bound
from microlut.plan.liveness import tensor_buffers

_MOST_ROUNDS = 8  # each moves one node; branches of common networks need one or two


def schedule(graph: QuantizedGraph) -> QuantizedGraph:
    """Move nodes of branches to where they leave large layers the most memory for scratch.

    The peak of the tensors never grows. One node is moved at a time, to its best place, while that
    helps.
    """
    best, cost = graph, _cost(graph)
    for _ in range(_MOST_ROUNDS):
        moved = min(_moves(best), key=_cost, default=best)
        if _cost(moved) >= cost:
            break
        best, cost = moved, _cost(moved)
    return best


def _cost(graph: QuantizedGraph) -> tuple[int, int]:
    """Return the tensors' peak, and the bytes that they take from every layer's weights."""
    buffers, _ = tensor_buffers(graph)
    weights = {node.name: op.weights.indices.size for node, op in graph.weighted()}
    withheld = (
        live * weights.get(node.name, 0)
        for live, node in zip(live_bytes(buffers, len(graph.nodes)), graph.nodes, strict=True)
    )
    return lower_bound(buffers), sum(withheld)


def _moves(graph: QuantizedGraph) -> Iterator[QuantizedGraph]:
    """Yield the graph with one node moved forward, in all ways that keep it after its inputs."""
    nodes = graph.nodes
    for old, node in enumerate(nodes):
        for new in range(old - 1, -1, -1):
            if any(tensor.name in node.inputs for tensor in nodes[new].outputs):
                break
            yield replace(graph, nodes=_moved(nodes, old, new))


def _moved(nodes: tuple[QNode, ...], old: int, new: int) -> tuple[QNode, ...]:
    rest = [*nodes[:old], *nodes[old + 1 :]]
    return (*rest[:new], nodes[old], *rest[new:])
