"""Tell from which step to which each buffer of the arena is needed.

Steps are numbered like the nodes. The input lives from step 0 on, for the caller writes it before;
the output to the last step, for the caller reads it after.
"""

from __future__ import annotations

import math
from collections.abc import Mapping

from microlut.integer import QuantizedGraph
from microlut.plan.arena import Buffer
from microlut.plan.places import Place
from microlut.plan.sharing import Sharing, find_sharing, last_uses


def tensor_buffers(
    graph: QuantizedGraph, sharing: Sharing | None = None
) -> tuple[tuple[Buffer, ...], Mapping[str, Place]]:
    """Return the buffers that hold tensors, and where in them every tensor lies."""
    sharing = find_sharing(graph) if sharing is None else sharing
    last_use, places = last_uses(graph), sharing.places
    sizes: dict[str, int] = {}
    first: dict[str, int] = {}
    last: dict[str, int] = {}
    tensors = [(0, graph.inputs[0].name, graph.inputs[0].shape)]
    tensors += [(step, node.name, node.shape) for step, node in enumerate(graph.nodes)]
    for step, name, shape in tensors:
        place = places[name]
        holder, end = place.buffer, place.offset + math.prod(shape)
        first.setdefault(holder, step)
        sizes[holder] = max(sizes.get(holder, 0), end)
        last[holder] = max(last.get(holder, step), last_use[name])
    return tuple(Buffer(name, sizes[name], first[name], last[name]) for name in first), places
