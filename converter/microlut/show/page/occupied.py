"""Tell which bytes of the arena are in use during a layer, and during which layer most are."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

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


def peak_of(buffers: Sequence[PlacedBuffer], layers: int) -> int:
    """Return the number of the layer, of so many, that needs most; the first of several.

    >>> ours = PlacedBuffer("a", False, ("a",), offset=0, bytes=10, first=0, last=1)
    >>> over = PlacedBuffer("b", False, ("b",), offset=4, bytes=10, first=1, last=2)
    >>> peak_of((ours, over), 3)
    1
    """
    return max(range(layers), key=lambda layer: occupied_bytes(buffers, layer))


def buffers_in(report: Mapping[str, Any]) -> list[PlacedBuffer]:
    """Return what the arena holds by a report.json; nothing if its version had no buffers there."""
    found = report.get("buffers", ())
    return [PlacedBuffer(**{**each, "tensors": tuple(each["tensors"])}) for each in found]
