"""Count the bytes of the arena that are in use during a layer."""

from __future__ import annotations

from collections.abc import Iterable

from microlut.plan.buffers import PlacedBuffer


def occupied_bytes(buffers: Iterable[PlacedBuffer], layer: int) -> int:
    """Return the bytes in use; those that buffers share count once.

    >>> ours = PlacedBuffer("a", False, ("a",), offset=0, bytes=10, first=0, last=1)
    >>> over = PlacedBuffer("b", False, ("b",), offset=4, bytes=10, first=1, last=2)
    >>> [occupied_bytes((ours, over), layer) for layer in range(3)]
    [10, 14, 10]
    """
    alive = sorted((b.offset, b.offset + b.bytes) for b in buffers if b.first <= layer <= b.last)
    total = end = 0
    for start, stop in alive:
        total += max(0, stop - max(start, end))
        end = max(end, stop)
    return total
