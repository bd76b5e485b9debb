"""Choose the order in which nodes run."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from operator import itemgetter

from microlut.integer import QNode, QuantizedGraph
from microlut.plan.buffers import live_bytes
from microlut.plan.liveness import tensor_buffers
from microlut.plan.sharing import Sharer

_MOST_ROUNDS = 8  # each moves one node; branches of common networks need one or two


def schedule(graph: QuantizedGraph, sharer: Sharer | None = None) -> QuantizedGraph:
    """Move nodes of branches to where they leave large layers the most memory for scratch.

    The peak of the tensors never grows. One node is moved at a time, to its best place, while that
    helps. A sharer of the graph, in any order of its nodes, need not be made again.
    """
    sharer = Sharer(graph) if sharer is None else sharer
    best, cost = graph, _cost(graph, sharer)
    for _ in range(_MOST_ROUNDS):
        tried = ((_cost(moved, sharer), moved) for moved in _moves(best))
        least, moved = min(tried, key=itemgetter(0), default=(cost, best))
        if least >= cost:
            break
        best, cost = moved, least
    return best


def _cost(graph: QuantizedGraph, sharer: Sharer) -> tuple[int, int]:
    """Return the tensors' peak, and the bytes that they take from every layer's weights."""
    buffers, _ = tensor_buffers(graph, sharer.find(graph))
    live = live_bytes(buffers, len(graph.nodes))
    weights = {node.name: op.weights.indices.size for node, op in graph.weighted()}
    withheld = (
        taken * weights.get(node.name, 0) for taken, node in zip(live, graph.nodes, strict=True)
    )
    return max(live, default=0), sum(withheld)


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
