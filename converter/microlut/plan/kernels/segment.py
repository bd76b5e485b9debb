"""Segments: one call runs several layers band by band, see `microlut.plan.segments`."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from microlut.ops.base import FloatOp
from microlut.plan.kernels.base import Call, Kernel, Shapes, Size, Tile
from microlut.plan.segments.part import Band
from microlut.plan.segments.segment import Segment

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
            part.tiles(_largest(segment, number)) for number, part in enumerate(segment.parts)
        ]
        least = max(min(tile.scratch_bytes for tile in tiles) for tiles in possible)
        sizes = {tile.scratch_bytes for tiles in possible for tile in tiles}
        last = 0
        for size in sorted((size for size in sizes if size >= least), reverse=True):
            if not last or size == least or size * _APART <= last:
                chosen = tuple(
                    next(tile for tile in tiles if tile.scratch_bytes <= size) for tiles in possible
                )
                yield SegmentTile(0, segment.fixed_bytes + size, segment.rows, parts=chosen)
                last = size

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
            "segment band": sum(course.bands.values()),
            "segment move": course.moves,
            "segment moved": course.moved,
        }
    )


def part_work(segment: Segment, number: int, tile: SegmentTile, core: str) -> Counter[str]:
    """Return how often each part of a layer's kernel runs in all its bands."""
    found: Counter[str] = Counter()
    part, own = segment.parts[number], tile.parts[number]
    for (owner, band), times in segment.course.bands.items():
        if owner == number:
            for name, count in part.work(band, own, core).items():
                found[name] += times * count  # type: ignore[assignment]
    return found


def _largest(segment: Segment, number: int) -> Band:
    """Return the band of a part that has the most rows."""
    bands = (band for owner, band in segment.course.bands if owner == number)
    return max(bands, key=lambda band: band.out_rows)
