"""When each tensor's bytes must exist: quantized graph in, buffers with lifetimes out.

Steps are numbered like the nodes. The input lives from step 0 on, for the caller writes it before;
the output to the last step, for the caller reads it after.
"""

from __future__ import annotations

import math

from microlut.integer import QuantizedGraph
from microlut.plan.arena import Buffer
from microlut.plan.sharing import Sharing, find_sharing, last_uses


def tensor_buffers(
    graph: QuantizedGraph, sharing: Sharing | None = None
) -> tuple[tuple[Buffer, ...], dict[str, str]]:
    """Return the buffers that hold tensors, and for every tensor the name of its buffer.

    A buffer may hold several tensors, one after the other: `find_sharing` says which.
    """
    sharing = find_sharing(graph) if sharing is None else sharing
    last_use = last_uses(graph)
    owner = {graph.inputs[0].name: graph.inputs[0].name}
    first = {graph.inputs[0].name: 0}
    last = {graph.inputs[0].name: last_use[graph.inputs[0].name]}
    for step, node in enumerate(graph.nodes):
        shared = sharing.input_of.get(node.name)
        owner[node.name] = owner[shared] if shared else node.name
        holder = owner[node.name]
        first.setdefault(holder, step)
        last[holder] = max(last.get(holder, step), last_use[node.name])
    buffers = tuple(
        Buffer(name, math.prod(graph.shape_of(name)), first[name], last[name]) for name in first
    )
    return buffers, owner
