"""Leave out repetitions of a tensor that the operators behind them do themselves."""

from __future__ import annotations

from dataclasses import replace

from microlut.graph.ir import Graph, Node
from microlut.graph.passes.rewrite import rebuild
from microlut.ops.binary import Binary
from microlut.ops.tile import Tile


def without_repetitions(graph: Graph) -> Graph:
    """Return the graph in which sums and products read what would be repeated for them.

    PyTorch's expand_as before a product, as in squeeze and excitation, is a tensor of full size,
    and needs transposes.
    """
    makers = {node.output: node for node in graph.nodes}
    nodes = [_reading_single(node, graph, makers) for node in graph.nodes]
    return rebuild(graph, nodes, {})


def _reading_single(node: Node, graph: Graph, makers: dict[str, Node]) -> Node:
    if not isinstance(node.op, Binary) or len(node.inputs) < 2:
        return node
    for place, name in enumerate(node.inputs):
        maker = makers.get(name)
        if maker is None or not isinstance(maker.op, Tile):
            continue
        (source,) = maker.inputs
        other = graph.shape_of(node.inputs[1 - place])
        counts = zip(graph.shape_of(source), maker.op.counts, strict=True)
        if other == node.shape and all(n == 1 or count == 1 for n, count in counts):
            inputs = tuple(source if i == place else each for i, each in enumerate(node.inputs))
            return replace(node, inputs=inputs)
    return node
