"""Find how the time of a network falls as its arena grows, before anything is placed.

Scratch lives for one step only. If buffers could be placed without gaps, every step might take what
the arena has beside the tensors that live then, whatever other steps take. That gives the quickest
tiles for every size of the arena at once.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from microlut.plan.buffers import aligned
from microlut.plan.tiles import Offer, quickest


@dataclass(frozen=True, slots=True)
class Point:
    """An arena, and about how many instructions per inference it allows."""

    arena_bytes: int
    instructions: float


def reachable(
    offers: Sequence[Sequence[Offer]], live: Sequence[int], least: int
) -> Iterator[Point]:
    """Yield a point for every arena from `least` bytes on in which a step gets a quicker tile.

    Args:
        offers: The tiles of each step, the smallest first.
        live: Bytes of the tensors that each step leaves in the arena.
        least: An arena with room for the smallest tiles.
    """
    total, sizes = 0.0, []
    for possible, taken in zip(offers, live, strict=True):
        now = quickest(possible, least - taken)
        total += now.instructions
        for offer in possible[possible.index(now) + 1 :]:
            sizes.append(
                (taken + aligned(offer.tile.scratch_bytes), offer.instructions - now.instructions)
            )
            now = offer
    yield Point(least, total)
    for size, change in sorted(sizes):
        total += change
        yield Point(size, total)


def frontier(points: Iterable[Point]) -> list[Point]:
    """Return the points that none of the others is better than, the smallest arena first."""
    best: list[Point] = []
    for point in sorted(points, key=lambda point: (point.arena_bytes, point.instructions)):
        if not best or point.instructions < best[-1].instructions:
            best.append(point)
    return best
