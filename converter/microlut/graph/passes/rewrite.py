"""Rebuild a graph from changed nodes, for all rewrites."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace

from microlut.graph.ir import Graph, Node


def rebuild(graph: Graph, nodes: Iterable[Node], renamed: Mapping[str, str]) -> Graph:
    """Return the graph with other nodes, reading `renamed[tensor]` wherever `tensor` was read.

    Nodes that no output and no state depends on any more are dropped.

    Args:
        graph: The graph, for everything else.
        nodes: The new nodes, in an executable order.
        renamed: For each removed tensor its replacement, which may itself be removed.
    """
    ends = dict(renamed)
    read = [
        replace(node, inputs=tuple(_resolved(name, ends) for name in node.inputs)) for node in nodes
    ]
    outputs = tuple(_resolved(name, ends) for name in graph.outputs)
    states = tuple(replace(s, source=_resolved(s.source, ends)) for s in graph.states)
    needed, kept = {*outputs, *(state.source for state in states)}, []
    for node in reversed(read):
        if any(tensor.name in needed for tensor in node.outputs):
            needed.update(node.inputs)
            kept.append(node)
    return replace(graph, nodes=tuple(reversed(kept)), outputs=outputs, states=states)


def resolve(tensor: str, renamed: Mapping[str, str]) -> str:
    """Return the name of a tensor after all renamings."""
    while tensor in renamed:
        tensor = renamed[tensor]
    return tensor


def _resolved(tensor: str, renamed: dict[str, str]) -> str:
    """Do as `resolve` does, and shorten the way there for the next time."""
    end = resolve(tensor, renamed)
    while tensor != end:
        after = renamed[tensor]
        renamed[tensor] = end
        tensor = after
    return end


def sole_consumer(graph: Graph, tensor: str) -> Node | None:
    """Return the only node that reads a tensor; None if others, or the user, read it too."""
    consumers = graph.consumers(tensor)
    return consumers[0] if len(consumers) == 1 and tensor not in graph.kept() else None


def free_name(wanted: str, taken: set[str]) -> str:
    """Return a name that is not taken, and take it."""
    while wanted in taken:
        wanted += "_"
    taken.add(wanted)
    return wanted
