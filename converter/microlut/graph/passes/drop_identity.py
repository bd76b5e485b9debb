"""Remove operators that do nothing at inference."""

from __future__ import annotations

from microlut.graph.ir import Graph
from microlut.graph.passes.rewrite import rebuild
from microlut.ops.base import FloatOp
from microlut.ops.identity import Identity
from microlut.ops.pad import Pad


def drop_identity(graph: Graph) -> Graph:
    """Return the graph with each such operator's consumers reading its input instead."""
    renamed = {n.name: n.inputs[0] for n in graph.nodes if _does_nothing(n.op)}
    return rebuild(graph, (n for n in graph.nodes if n.name not in renamed), renamed)


def _does_nothing(op: FloatOp) -> bool:
    if isinstance(op, Identity):
        return op.limits is None
    return isinstance(op, Pad) and not op.padding
