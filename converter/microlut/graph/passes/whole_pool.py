"""Replace average pools over the whole image by means.

A pool keeps its input's quantization. The mean of an image varies much less than its pixels, so few
of the 256 values would be used; a Mean has a separate quantization.
"""

from __future__ import annotations

from dataclasses import replace

from microlut.graph.ir import Graph, Node
from microlut.ops.mean import Mean
from microlut.ops.pool2d import AveragePool2D


def whole_pool(graph: Graph) -> Graph:
    """Return the graph with a Mean for each AveragePool2D whose window is the image."""
    return replace(graph, nodes=tuple(_rewritten(graph, node) for node in graph.nodes))


def _rewritten(graph: Graph, node: Node) -> Node:
    op = node.op
    if not isinstance(op, AveragePool2D) or op.window.padding:
        return node
    whole = op.window.size == graph.shape_of(node.inputs[0])[:2]
    return replace(node, op=Mean()) if whole else node
