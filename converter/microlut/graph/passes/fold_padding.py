"""Move zero padding into the convolutions that read it.

Pools keep a Pad before them: its zeros count in a mean and can be a maximum, while positions that a
pool itself pads do not count.
"""

from __future__ import annotations

from dataclasses import replace

from microlut.graph.ir import Graph, Node
from microlut.graph.passes.rewrite import rebuild, resolve
from microlut.ops.conv2d import Conv2D
from microlut.ops.depthwise_conv2d import DepthwiseConv2D
from microlut.ops.pad import Pad
from microlut.ops.windows import Padding


def fold_padding(graph: Graph) -> Graph:
    """Return the graph with each Pad folded whose readers are all convolutions or Pads."""
    folded: dict[str, Padding] = {}
    renamed: dict[str, str] = {}
    made = []
    for node in graph.nodes:
        # The padding removed from this node's input, if any.
        padding = folded.get(node.inputs[0], Padding())
        node = _padded(node, padding)
        if isinstance(node.op, Pad) and _can_fold(graph, node):
            folded[node.name] = node.op.padding
            renamed[node.name] = resolve(node.inputs[0], renamed)
        else:
            made.append(node)
    return rebuild(graph, made, renamed)


def _can_fold(graph: Graph, node: Node) -> bool:
    readers = graph.consumers(node.name)
    fits = all(isinstance(reader.op, Conv2D | DepthwiseConv2D | Pad) for reader in readers)
    return fits and node.output not in graph.kept()


def _padded(node: Node, extra: Padding) -> Node:
    """Return a node that pads its input further, which adds up since both pad with zeros."""
    match node.op:
        case Pad(padding):
            return replace(node, op=Pad(_sum(padding, extra)))
        case Conv2D(window=window) | DepthwiseConv2D(window=window):
            wider = replace(window, padding=_sum(window.padding, extra))
            return replace(node, op=replace(node.op, window=wider))
        case _:
            return node


def _sum(a: Padding, b: Padding) -> Padding:
    return Padding(a.top + b.top, a.bottom + b.bottom, a.left + b.left, a.right + b.right)
