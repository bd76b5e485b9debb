"""Make segments of the nodes of a graph."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from microlut.integer import QNode, QuantizedGraph
from microlut.plan.kernels import Call, calls_of, kernel_for
from microlut.plan.segments.part import Part, runs_in_bands
from microlut.plan.segments.segment import Segment


@dataclass(frozen=True, slots=True)
class Stretch:
    """Nodes number `first` to `last` as a segment that makes `rows` rows per step."""

    first: int
    last: int
    rows: int
    upwards: bool = False


def parts_of(
    graph: QuantizedGraph, calls: Mapping[str, Call[Any]] | None = None
) -> Mapping[str, Part]:
    """Return the nodes that can be parts of segments, by name; calls may be known already."""
    known = calls_of(graph) if calls is None else calls
    pairs = ((node, known[node.name]) for node in graph.nodes)
    return {
        node.name: Part(node, call, kernel_for(call))
        for node, call in pairs
        if runs_in_bands(node.op, call)
    }


def segment_of(
    nodes: Sequence[QNode], parts: Mapping[str, Part], rows: int, *, upwards: bool = False
) -> Segment:
    """Return nodes as a segment."""
    return Segment(tuple(parts[node.name] for node in nodes), rows, upwards)


def with_segments(
    graph: QuantizedGraph, parts: Mapping[str, Part], stretches: Iterable[Stretch]
) -> QuantizedGraph:
    """Return the graph with a node for each of some stretches of its nodes, in order."""
    nodes: list[QNode] = []
    end = 0
    for stretch in stretches:
        nodes += graph.nodes[end : stretch.first]
        end = stretch.last + 1
        inside = graph.nodes[stretch.first : end]
        segment = segment_of(inside, parts, stretch.rows, upwards=stretch.upwards)
        inputs = tuple(tensor.name for tensor in segment.inputs)
        last = graph.nodes[stretch.last]
        nodes.append(QNode(last.name, segment, inputs, last.outputs))
    return replace(graph, nodes=(*nodes, *graph.nodes[end:]))
