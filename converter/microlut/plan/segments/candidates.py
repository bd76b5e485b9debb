"""Yield the graph with segments, in the ways that are worth a draft of the plan."""

from __future__ import annotations

from collections.abc import Iterator

from microlut.integer import QuantizedGraph
from microlut.plan.arena import aligned, live_bytes
from microlut.plan.draft import Draft
from microlut.plan.goal import Goal
from microlut.plan.segments.build import parts_of, with_segments
from microlut.plan.segments.choose import Alone, segmentations


def in_segments(draft: Draft, goal: Goal) -> Iterator[QuantizedGraph]:
    """Yield the graph of a draft with segments in several ways."""
    graph = draft.graph
    parts, live = parts_of(graph), live_bytes(draft.buffers, len(graph.nodes))
    alone = [
        Alone(
            bytes_,
            tuple((aligned(each.tile.scratch_bytes), each.instructions) for each in possible),
        )
        for bytes_, possible in zip(live, draft.offers, strict=True)
    ]
    for stretches in segmentations(graph, alone, goal.core, goal.max_ram):
        yield with_segments(graph, parts, stretches)
