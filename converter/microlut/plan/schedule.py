"""Choose the order in which nodes run."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from itertools import chain
from operator import itemgetter

from microlut.integer import QNode, QuantizedGraph
from microlut.plan.buffers import live_bytes
from microlut.plan.liveness import tensor_buffers
from microlut.plan.sharing import Sharer, last_uses

_MOST_ROUNDS = 8  # each moves one node; branches of common networks need one or two
# Nodes that the trials of a round may go through, a second or so. Each trial goes through all.
_MOST_VISITS = 50_000


def schedule(graph: QuantizedGraph, sharer: Sharer | None = None) -> QuantizedGraph:
    """Move nodes of branches to where they leave large layers the most memory for scratch.

    The peak of the tensors never grows. One node is moved at a time, to its best place, while that
    helps. Where only one tensor is needed later on, no node can move past; so the nodes before and
    behind are put in order separately. Among more than 40 nodes they move near, among more than 200
    not at all. A sharer of the graph, in any order of its nodes, need not
    be made again.
    """
    sharer = Sharer(graph) if sharer is None else sharer
    stretches = [] if graph.states else list(_stretches(graph))
    if len(stretches) < 2:
        return _ordered(graph, sharer, 0)[0]
    sharers = [Sharer(each, sharer.facts) for each in stretches]
    peaks = [_cost(*pair, 0)[0] for pair in zip(stretches, sharers, strict=True)]
    for i in sorted(range(len(peaks)), key=lambda i: -peaks[i]):
        others = max(peak for j, peak in enumerate(peaks) if j != i)
        stretches[i], peaks[i] = _ordered(stretches[i], sharers[i], others)
    made = replace(graph, nodes=tuple(chain.from_iterable(each.nodes for each in stretches)))
    return made if _cost(made, sharer, 0) < _cost(graph, sharer, 0) else graph


def _stretches(graph: QuantizedGraph) -> Iterator[QuantizedGraph]:
    """Yield the networks between the tensors that are the only ones needed later on."""
    tensors, uses = graph.tensors(), last_uses(graph)
    inputs, first = graph.inputs, 0
    needed = {tensor.name for tensor in inputs}
    for step, node in enumerate(graph.nodes):
        needed |= {tensor.name for tensor in node.outputs}
        needed = {name for name in needed if uses[name] > step}
        if len(needed) == 1 and step + 1 < len(graph.nodes):
            nodes = graph.nodes[first : step + 1]
            yield QuantizedGraph(graph.name, inputs, nodes, tuple(needed))
            inputs, first = tuple(tensors[name] for name in needed), step + 1
    yield QuantizedGraph(graph.name, inputs, graph.nodes[first:], graph.outputs)


def _ordered(graph: QuantizedGraph, sharer: Sharer, others: int) -> tuple[QuantizedGraph, int]:
    """Return a graph with its nodes in order, and its peak, if that of other stretches is known."""
    best, cost = graph, _cost(graph, sharer, others)
    for _ in range(_MOST_ROUNDS):
        tried = ((_cost(moved, sharer, others), moved) for moved in _moves(best))
        least, moved = min(tried, key=itemgetter(0), default=(cost, best))
        if least >= cost:
            break
        best, cost = moved, least
    return best, _cost(best, sharer, 0)[0]


def _cost(graph: QuantizedGraph, sharer: Sharer, others: int) -> tuple[int, int]:
    """Return the tensors' peak, and the bytes that they take from every layer's weights."""
    buffers, _ = tensor_buffers(graph, sharer.find(graph))
    live = live_bytes(buffers, len(graph.nodes))
    weights = {node.name: op.weights.indices.size for node, op in graph.weighted()}
    withheld = (
        taken * weights.get(node.name, 0) for taken, node in zip(live, graph.nodes, strict=True)
    )
    return max([others, *live]), sum(withheld)


def _moves(graph: QuantizedGraph) -> Iterator[QuantizedGraph]:
    """Yield the graph with one node moved forward, in the ways that keep it after its inputs."""
    nodes = graph.nodes
    farthest = _MOST_VISITS // len(nodes) ** 2
    for old, node in enumerate(nodes):
        for new in range(old - 1, max(old - 1 - farthest, -1), -1):
            if any(tensor.name in node.inputs for tensor in nodes[new].outputs):
                break
            yield replace(graph, nodes=_moved(nodes, old, new))


def _moved(nodes: tuple[QNode, ...], old: int, new: int) -> tuple[QNode, ...]:
    rest = [*nodes[:old], *nodes[old + 1 :]]
    return (*rest[:new], nodes[old], *rest[new:])
