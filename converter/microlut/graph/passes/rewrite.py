"""What the rewrites share: rebuilding a graph from changed nodes."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace

from microlut.graph.ir import Graph, Node


def rebuild(graph: Graph, nodes: Iterable[Node], renamed: Mapping[str, str]) -> Graph:
    """Return the graph with other nodes, reading `renamed[tensor]` wherever `tensor` was read.

    Nodes that the output no longer depends on are dropped.

    Args:
        graph: where name, input and output come from.
        nodes: the new nodes, in an order that can be executed.
        renamed: for each removed tensor the one that takes its place, which may itself be removed.
    """
    read = [
        replace(node, inputs=tuple(resolve(name, renamed) for name in node.inputs))
        for node in nodes
    ]
    output = resolve(graph.output_name, renamed)
    needed, kept = {output}, []
    for node in reversed(read):
        if node.name in needed:
            needed.update(node.inputs)
            kept.append(node)
    return replace(graph, nodes=tuple(reversed(kept)), output_name=output)


def resolve(tensor: str, renamed: Mapping[str, str]) -> str:
    """Return what a tensor is called after all renamings."""
    while tensor in renamed:
        tensor = renamed[tensor]
    return tensor


def sole_consumer(graph: Graph, tensor: str) -> Node | None:
    """Return the only node that reads a tensor; None when others, or the user, read it too."""
    consumers = graph.consumers(tensor)
    return consumers[0] if len(consumers) == 1 and tensor != graph.output_name else None
