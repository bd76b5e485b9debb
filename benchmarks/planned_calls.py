"""The kernel calls of a plan, as the cost model sees them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from microlut.plan import Plan
from microlut.plan.kernels import Call, Tile
from microlut.plan.kernels.segment import SegmentTile
from microlut.plan.plan import PlannedSegment, Step
from microlut.plan.segments.segment import Segment


def planned_calls(plan: Plan) -> Iterator[tuple[str, Call[Any], Tile]]:
    """Yield the name of each call's node, the call and its tile; a segment is one call."""
    parts: list[Tile] = []
    for step in plan.steps:
        tile = Tile(step.tile, step.scratch_bytes, step.rows, winograd=step.winograd)
        if step.segment is not None:
            parts.append(tile)
            if step.is_called:
                yield step.node.name, *_segment(step.segment, step, tuple(parts))
                parts = []
        elif step.is_called:
            yield step.node.name, step.call, tile


def _segment(
    planned: PlannedSegment, last: Step, parts: tuple[Tile, ...]
) -> tuple[Call[Segment], SegmentTile]:
    segment = Segment(planned.parts, planned.rows, planned.upwards)
    call = Call(segment, segment.inputs, last.call.outputs)
    return call, SegmentTile(0, planned.scratch_bytes, planned.rows, parts=parts)
