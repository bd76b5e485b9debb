"""Tell from which step to which each buffer of the arena is needed.

Steps are numbered like the nodes. Inputs live from step 0 on, for the caller writes them before;
outputs to the step after the last one, for the caller reads them then; states always.
"""

from __future__ import annotations

from collections.abc import Mapping

from microlut.integer import QuantizedGraph
from microlut.plan.buffers import Buffer
from microlut.plan.places import Place
from microlut.plan.sharing import Sharing, find_sharing, last_uses


def tensor_buffers(
    graph: QuantizedGraph, sharing: Sharing | None = None
) -> tuple[tuple[Buffer, ...], Mapping[str, Place]]:
    """Return the buffers that hold tensors, and where in them every tensor lies."""
    sharing = find_sharing(graph) if sharing is None else sharing
    last_use, places = last_uses(graph), sharing.places
    last_use.update({state.tensor.name: len(graph.nodes) for state in graph.states})
    sizes: dict[str, int] = {}
    first: dict[str, int] = {}
    last: dict[str, int] = {}
    tensors = [(0, tensor) for tensor in graph.given()]
    tensors += [(step, made) for step, node in enumerate(graph.nodes) for made in node.outputs]
    for step, tensor in tensors:
        place = places[tensor.name]
        holder, end = place.buffer, place.offset + tensor.bytes
        first.setdefault(holder, step)
        sizes[holder] = max(sizes.get(holder, 0), end)
        last[holder] = max(last.get(holder, step), last_use[tensor.name])
    return tuple(Buffer(name, sizes[name], first[name], last[name]) for name in first), places
