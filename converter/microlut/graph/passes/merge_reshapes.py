"""Merge consecutive reshapes, and remove those that keep the shape."""

from __future__ import annotations

from dataclasses import replace

from microlut.graph.ir import Graph, Node
from microlut.graph.passes.rewrite import rebuild, resolve
from microlut.ops.reshape import Reshape


def merge_reshapes(graph: Graph) -> Graph:
    """Return the graph in which no Reshape reads a Reshape or keeps its input's shape."""
    made: dict[str, Node] = {}
    renamed: dict[str, str] = {}
    for node in graph.nodes:
        if isinstance(node.op, Reshape):
            source = resolve(node.inputs[0], renamed)
            producer = made.get(source)
            if producer is not None and isinstance(producer.op, Reshape):
                source = producer.inputs[0]
            if graph.shape_of(source) == node.shape:
                renamed[node.name] = source
                continue
            node = replace(node, inputs=(source,))
        made[node.name] = node
    return rebuild(graph, made.values(), renamed)
