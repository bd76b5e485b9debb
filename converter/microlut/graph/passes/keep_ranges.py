"""Give tensors the ranges that training has recorded, and drop the operators that tell them."""

from __future__ import annotations

from dataclasses import replace

from microlut.graph.ir import Graph
from microlut.graph.passes.rewrite import rebuild, resolve
from microlut.ops.identity import Identity
from microlut.ops.reshape import Reshape


def keep_ranges(graph: Graph) -> Graph:
    """Return the graph without identities, and with the ranges that they tell.

    A tensor with several takes the first one: that is the one next to what computes it. A reshape
    has the range of what it reads.
    """
    renamed: dict[str, str] = {}
    same: dict[str, str] = {}
    ranges: dict[str, tuple[float, float]] = {}
    for node in graph.nodes:
        if isinstance(node.op, Identity | Reshape):
            same[node.output] = node.inputs[0]
        if isinstance(node.op, Identity):
            renamed[node.output] = node.inputs[0]
            if node.op.limits is not None:
                ranges.setdefault(resolve(node.output, same), node.op.limits)
    kept = (node for node in graph.nodes if node.output not in renamed)
    return replace(rebuild(graph, kept, renamed), ranges=ranges)
