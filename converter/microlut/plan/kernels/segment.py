"""Segments: one call runs several layers band by band, see `microlut.plan.segments`."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from operator import attrgetter
from typing import Generic, TypeVar

from microlut.ops.base import FloatOp
from microlut.plan.kernels.base import Call, Kernel, Shapes, Size, Tile
from microlut.plan.segments.part import Band
from microlut.plan.segments.segment import Segment

T = TypeVar("T")

_APART = 1.1  # what the scratch of a tile is larger than that of the next one


@dataclass(frozen=True, slots=True)
class SegmentTile(Tile):
    """Tiles of all parts, and scratch for buffers and the largest of these."""

    parts: tuple[Tile, ...] = ()


class SegmentKernel(Kernel[Segment, FloatOp]):
    """The function mlut_segment."""

    def tiles(self, call: Call[Segment]) -> Iterator[SegmentTile]:
        """Yield the largest tiles of all parts within the scratch that one of them needs."""
        segment = call.op
        possible = [
            Steps.of((tile.scratch_bytes, tile) for tile in part.tiles(largest_band(pace.bands)))
            for part, pace in zip(segment.parts, segment.course.paces, strict=True)
        ]
        for size, chosen in shared_scratch(possible):
            yield SegmentTile(0, segment.fixed_bytes + size, segment.rows, parts=chosen)

    def overwrites(self, call: Call[Segment]) -> Iterable[int]:
        """Return none; what the output may overlap, `Segment.course` says."""
        return ()

    def work(self, call: Call[Segment], tile: Tile, core: str) -> Counter[str]:
        """Count the work of all bands, and of the loop over them."""
        assert isinstance(tile, SegmentTile)
        found = loop_work(call.op)
        for number in range(len(call.op.parts)):
            found.update(part_work(call.op, number, tile, core))
        return found

    def sizes(self, op: Segment | FloatOp, inputs: Shapes, outputs: Shapes) -> Iterable[Size]:
        """Return none, for those of the parts are checked before there are segments."""
        return ()

    def fields(self, call: Call[Segment]) -> Mapping[str, object]:
        """Return none."""
        return {}


def loop_work(segment: Segment) -> Counter[str]:
    """Return the work of the loop over the bands."""
    course = segment.course
    return Counter(
        {
            "segment": 1,
            "segment step": course.steps * len(segment.parts),
            "segment band": course.runs,
            "segment move": course.moves,
            "segment moved": course.moved,
        }
    )


def part_work(segment: Segment, number: int, tile: SegmentTile, core: str) -> Counter[str]:
    """Return how often each part of a layer's kernel runs in all its bands."""
    found: Counter[str] = Counter()
    part, own = segment.parts[number], tile.parts[number]
    for band, times in segment.course.paces[number].bands.items():
        for name, count in part.work(band, own, core).items():
            found[name] += times * count  # type: ignore[assignment]
    return found


def largest_band(bands: Iterable[Band]) -> Band:
    """Return the band of a part that has the most rows."""
    return max(bands, key=attrgetter("out_rows"))


@dataclass(frozen=True, slots=True)
class Steps(Generic[T]):
    """The tiles of a part, or what stands for them.

    Attributes:
        sizes: Their scratch.
        falling: Those that are smaller than all before them, with their scratch.
    """

    sizes: frozenset[int]
    falling: tuple[tuple[int, T], ...]

    @classmethod
    def of(cls, tiles: Iterable[tuple[int, T]]) -> Steps[T]:
        """Return some tiles, each behind its scratch."""
        sizes, falling = set(), list[tuple[int, T]]()
        for size, tile in tiles:
            sizes.add(size)
            if not falling or size < falling[-1][0]:
                falling.append((size, tile))
        return cls(frozenset(sizes), tuple(falling))


def shared_scratch(parts: Sequence[Steps[T]]) -> Iterator[tuple[int, tuple[T, ...]]]:
    """Yield sizes of the scratch that parts share, with the first tile of each that it holds."""
    least = max(part.falling[-1][0] for part in parts)
    sizes = frozenset[int]().union(*(part.sizes for part in parts))
    last, now = 0, [0] * len(parts)
    for size in sorted((size for size in sizes if size >= least), reverse=True):
        if not last or size == least or size * _APART <= last:
            for i, part in enumerate(parts):
                while part.falling[now[i]][0] > size:
                    now[i] += 1
            yield size, tuple(part.falling[j][1] for part, j in zip(parts, now, strict=True))
            last = size
