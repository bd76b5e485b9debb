"""Let the output of a segment overlap its inputs, whose rows it is written behind."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

from microlut.integer import QuantizedGraph
from microlut.plan.buffers import Buffer, Overlap, aligned
from microlut.plan.places import Place
from microlut.plan.segments.segment import Segment


def with_overlaps(
    graph: QuantizedGraph, buffers: Sequence[Buffer], places: Mapping[str, Place]
) -> tuple[Buffer, ...]:
    """Return the buffers with those that each output of a segment may overlap.

    These are read in the segment for the last time, and the output's own one begins with it.
    """
    known = {buffer.name: buffer for buffer in buffers}
    for step, node in enumerate(graph.nodes):
        if not isinstance(node.op, Segment) or places[node.output] != Place(node.output):
            continue
        own = known[node.output]
        if own.first == step:
            read = {places[name].buffer for name in node.inputs} - {own.name}
            last = {name: known[name] for name in read if known[name].last == step}
            shared = tuple(_overlaps(node.op, own, last, places))
            known[own.name] = replace(own, shared=shared)
    return tuple(known.values())


def _overlaps(
    segment: Segment, own: Buffer, others: Mapping[str, Buffer], places: Mapping[str, Place]
) -> Iterator[Overlap]:
    """Yield how the buffer of the output may overlap those of inputs."""
    ends: dict[str, int] = {}  # by buffer, what the output must begin before, or end behind
    for tensor, lag in zip(segment.inputs, segment.course.lags, strict=True):
        place = places[tensor.name]
        end = place.offset + tensor.bytes + lag if segment.upwards else lag - place.offset
        ends[place.buffer] = max(ends.get(place.buffer, 0), end)
    for name, other in others.items():
        if segment.upwards:
            after = aligned(ends[name] - segment.output.bytes)
            yield Overlap(name, aligned(own.size), after)
        else:
            yield Overlap(name, aligned(ends[name]), aligned(other.size))
