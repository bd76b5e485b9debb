"""Tell what other arenas would cost and gain."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from microlut.plan import Point

_LEAST = 0.01  # of the time; smaller differences are within the error of estimates


def curve_lines(curve: Sequence[Point], now: Point) -> list[str]:
    """Return a heading and a line for each arena that changes the time; or nothing.

    Args:
        curve: Arenas with the best trade between memory and time, the smallest first.
        now: The present arena.
    """
    smaller = [point for point in curve if point.arena_bytes < now.arena_bytes]
    larger = [point for point in curve if point.arena_bytes > now.arena_bytes]
    told = [*reversed([*_told(reversed(smaller), now)]), *_told(larger, now)]
    if not told:
        return []
    size = len(f"{told[-1].arena_bytes:,}")
    lines = [f"  {point.arena_bytes:{size},} bytes: {_change(point, now)}" for point in told]
    return ["with another arena (--max-ram):", *lines]


def _told(points: Iterable[Point], now: Point) -> Iterator[Point]:
    """Yield the points that differ from the one before."""
    last = now
    for point in points:
        if abs(point.instructions - last.instructions) >= _LEAST * now.instructions:
            yield point
            last = point


def _change(point: Point, now: Point) -> str:
    change = point.instructions / now.instructions - 1
    return f"{abs(change):.0%} {'slower' if change > 0 else 'faster'}".replace("%", " %")
