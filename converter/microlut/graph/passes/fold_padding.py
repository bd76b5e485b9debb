"""Move padding into the convolutions that read it, and into maxima.

Maxima of a network of integers take over padding with the least value, which never wins. Other
pools keep a Pad before them: its values count in a mean and can be a maximum, while positions that
a pool itself pads do not count.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TypeVar

from microlut.graph.ir import Graph, Node
from microlut.graph.passes.rewrite import rebuild, resolve
from microlut.ops.base import FloatOp, IntegerOp
from microlut.ops.conv2d import Conv2D, QConv2D
from microlut.ops.depthwise_conv2d import DepthwiseConv2D, QDepthwiseConv2D
from microlut.ops.pad import Pad, QPad
from microlut.ops.pool2d import MaxPool2D, QPool2D
from microlut.ops.tensor import integer_limits
from microlut.ops.windows import Padding

T = TypeVar("T", FloatOp, IntegerOp)
_Windowed = (Conv2D, DepthwiseConv2D, MaxPool2D, QConv2D, QDepthwiseConv2D, QPool2D)


def fold_padding(graph: Graph) -> Graph:
    """Return the graph with each Pad folded whose readers can all pad themselves."""
    folded: dict[str, Padding] = {}
    renamed: dict[str, str] = {}
    exact = dict(graph.exact)
    made = []
    for node in graph.nodes:
        # The padding removed from this node's input, if any.
        padding = folded.get(node.inputs[0], Padding())
        node = replace(node, op=_padded(node.op, padding))
        if node.name in exact:
            exact[node.name] = _padded(exact[node.name], padding)
        if isinstance(node.op, Pad) and _can_fold(graph, node):
            folded[node.output] = node.op.padding
            renamed[node.output] = resolve(node.inputs[0], renamed)
        else:
            made.append(node)
    found = rebuild(graph, made, renamed)
    kept = {node.name: exact[node.name] for node in found.nodes if node.name in exact}
    return replace(found, exact=kept)


def _can_fold(graph: Graph, node: Node) -> bool:
    readers = graph.consumers(node.output)
    return node.output not in graph.kept() and all(_takes(graph, node, each) for each in readers)


def _takes(graph: Graph, node: Node, reader: Node) -> bool:
    """Return whether a reader can pad as a node does."""
    value = _filling(graph, node)
    match reader.op:
        case MaxPool2D():
            return value == integer_limits("int8")[0]
        case Pad():
            return value == _filling(graph, reader)
        case Conv2D() | DepthwiseConv2D():
            return value is None or value == node.outputs[0].zero_point
        case _:
            return False


def _filling(graph: Graph, node: Node) -> int | None:
    """Return what a Pad of a network of int8 pads with; None of others, which pad with zeros."""
    integer, output = graph.exact.get(node.name), node.outputs[0]
    return integer.filling(output) if isinstance(integer, QPad) and output.dtype == "int8" else None


def _padded(op: T, extra: Padding) -> T:
    """Return an operator that pads its input further, which adds up as both pad alike."""
    if isinstance(op, Pad | QPad):
        return replace(op, padding=op.padding + extra)
    if extra and isinstance(op, _Windowed):
        return replace(op, window=replace(op.window, padding=op.window.padding + extra))
    return op
