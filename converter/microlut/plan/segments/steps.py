"""The steps of a plan that a segment is."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from microlut.plan.buffers import aligned
from microlut.plan.cost import instructions, instructions_of
from microlut.plan.kernels import Call, Tile
from microlut.plan.kernels.segment import SegmentTile, part_work
from microlut.plan.plan import Lines, PlannedSegment, Step
from microlut.plan.segments.course import row_bytes
from microlut.plan.segments.segment import PROGRESS_BYTES, Segment


def segment_steps(
    call: Call[Segment], tile: Tile, offsets: Mapping[str, int], scratch: int, core: str
) -> Iterator[Step]:
    """Yield a step per part; the last one is the call of the segment.

    Args:
        call: Of the segment.
        tile: Its tile.
        offsets: Of its inputs and its output.
        scratch: The offset of its scratch, where the buffers between the parts come first.
        core: The core that instructions are estimated for.
    """
    assert isinstance(tile, SegmentTile)
    planned = _planned(call.op, tile, offsets, scratch)
    at = {lines.name: lines.offset for lines in planned.lines}
    costs = [
        instructions_of(part_work(call.op, i, tile, core), part.call, core)
        for i, part in enumerate(call.op.parts)
    ]
    costs[-1] += instructions(call, tile, core) - sum(costs)  # the loop over the bands
    for part, own, cost in zip(planned.parts, tile.parts, costs, strict=True):
        yield Step(
            node=part.node,
            call=part.call,
            input_offsets=tuple(at[name] for name in part.node.inputs),
            output_offsets=(at[part.node.output],),
            scratch_offset=planned.scratch_offset,
            scratch_bytes=own.scratch_bytes,
            tile=own.channels,
            rows=own.rows,
            instructions=round(cost),
            stage=part.call.stage,
            sum=None,
            merged=False,
            segment=planned,
        )


def _planned(
    segment: Segment, tile: SegmentTile, offsets: Mapping[str, int], scratch: int
) -> PlannedSegment:
    lines = [
        Lines(t.name, offsets[t.name], row_bytes(t), t.shape[0], t.shape[0]) for t in segment.inputs
    ]
    for part, room in zip(segment.parts, segment.course.room, strict=True):
        tensor = part.call.output
        offset = offsets.get(tensor.name, scratch)
        lines.append(Lines(tensor.name, offset, row_bytes(tensor), tensor.shape[0], room))
        if tensor.name not in offsets:
            scratch += aligned(room * row_bytes(tensor))
    return PlannedSegment(
        parts=segment.parts,
        rows=segment.rows,
        upwards=segment.upwards,
        lines=tuple(lines),
        progress_offset=scratch,
        scratch_offset=scratch + aligned(PROGRESS_BYTES * len(lines)),
        scratch_bytes=max(own.scratch_bytes for own in tile.parts),
    )
