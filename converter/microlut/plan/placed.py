"""Tell where in the arena each buffer of a plan lies, and for which layers."""

from __future__ import annotations

from collections.abc import Sequence

from microlut.plan.buffers import PlacedBuffer
from microlut.plan.draft import Draft


def placed_buffers(draft: Draft, layers: Sequence[int]) -> tuple[PlacedBuffer, ...]:
    """Return the buffers of a draft by their first layers.

    Args:
        draft: The tiles, and the arena.
        layers: How many layers each of its steps is.
    """
    starts = [0]
    for count in layers:
        starts.append(starts[-1] + count)
    holds: dict[str, list[str]] = {}
    for tensor, place in draft.way.places.items():
        holds.setdefault(place.buffer, []).append(tensor)
    found = []
    for name, (first, last), size in draft.way.site.buffers(draft.scratch):
        offset = draft.arena.offsets.get(name)
        if not size or offset is None:
            continue
        scratch = isinstance(name, int)
        found.append(
            PlacedBuffer(
                name=draft.way.graph.nodes[name].name if isinstance(name, int) else name,
                scratch=scratch,
                tensors=() if isinstance(name, int) else tuple(holds.get(name, (name,))),
                offset=offset,
                bytes=size,
                first=starts[min(first, len(layers))],
                last=starts[last + 1] - 1 if last < len(layers) else starts[-1],
            )
        )
    return tuple(sorted(found, key=lambda buffer: (buffer.first, buffer.offset)))
