"""Choose which nodes run as segments: shortest paths over the cuts between nodes.

A path goes from the first cut to the last one. An edge is a node by itself, or several as a
segment; it has options, each with the bytes that are needed meanwhile and its instructions. For a
limit of bytes, the cheapest path is found by dynamic programming. Limits go from the smallest one
that any path stays within up to the peak of the nodes by themselves, which no segments are needed
for. Bytes are estimates here, for placement and sharing are decided later.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from math import inf

from microlut.integer import QuantizedGraph
from microlut.plan.arena import aligned
from microlut.plan.cost import instructions, instructions_of
from microlut.plan.kernels import Call, Tile
from microlut.plan.kernels.segment import SegmentKernel, loop_work
from microlut.plan.kernels.shares import even_shares
from microlut.plan.segments.build import Stretch, parts_of, segment_of
from microlut.plan.segments.part import Band, Part
from microlut.plan.segments.segment import Segment
from microlut.plan.sharing import last_uses

_MOST_ROWS = 8  # of the last output, per step
_MOST_PARTS = 12
_FINER = 1.15  # from one limit to the next one
_NEAR = (1.0, 0.97, 0.94, 0.9)  # limits near one that is of interest

Option = tuple[int, float]  # bytes and instructions


@dataclass(frozen=True, slots=True)
class _Edge:
    """Nodes `first` to `last`, as a segment or, if `rows` is 0, one by itself."""

    first: int
    last: int
    rows: int
    options: tuple[Option, ...]

    def cost(self, limit: float) -> float:
        """Return the instructions of the best option within a limit."""
        return min((cost for size, cost in self.options if size <= limit), default=inf)

    @property
    def least(self) -> int:
        """Bytes of the smallest option."""
        return min(size for size, _ in self.options)


@dataclass(frozen=True, slots=True)
class Alone:
    """A node by itself: bytes that are needed meanwhile without its scratch, and its tiles."""

    live: int
    tiles: tuple[Option, ...]


def segmentations(
    graph: QuantizedGraph, alone: Sequence[Alone], core: str, most: int | None = None
) -> Iterator[tuple[Stretch, ...]]:
    """Yield ways of making segments, from the one that needs the least memory on.

    Args:
        graph: The network, its nodes in execution order.
        alone: What is known of each node by itself.
        core: The core that it is to be quick on.
        most: A limit that is of interest; others are too.
    """
    edges = [
        _Edge(i, i, 0, tuple((node.live + size, cost) for size, cost in node.tiles))
        for i, node in enumerate(alone)
    ]
    peak = max((edge.least for edge in edges), default=0)
    edges += _segment_edges(graph, edges, core)
    found: set[tuple[Stretch, ...]] = {()}
    for limit in _limits(_least_limit(edges, len(alone)), peak, most):
        path = _cheapest(edges, len(alone), limit)
        if path not in found:
            found.add(path)
            yield path


def _limits(least: int, peak: int, most: int | None) -> Iterator[int]:
    """Yield the limits to try; placement often takes a little more than estimated."""
    limit = least
    while limit < peak:
        yield limit
        limit = int(limit * _FINER) + 1
    for share in _NEAR if most is not None and most < peak else ():
        yield max(least, int((most or 0) * share))


def _segment_edges(graph: QuantizedGraph, alone: Sequence[_Edge], core: str) -> Iterator[_Edge]:
    """Yield the segments in which a node takes more memory by itself than the inputs do."""
    parts, live, costs = parts_of(graph), _Live(graph), _Costs(core)
    peak = max((edge.least for edge in alone), default=0)
    floor = sum(aligned(tensor.bytes) for tensor in graph.inputs)
    for first in range(len(graph.nodes)):
        for last in range(first, min(first + _MOST_PARTS, len(graph.nodes))):
            if graph.nodes[last].name not in parts:
                break
            heavy = any(alone[i].least > floor for i in range(first, last + 1))
            if not heavy or not live.is_closed(first, last):
                continue
            for rows in _steps(graph.nodes[last].shape[0]):
                segment = segment_of(graph.nodes[first : last + 1], parts, rows)
                fixed = live.beside(first, segment)
                if fixed + segment.fixed_bytes >= peak:
                    break
                yield _Edge(first, last, rows, costs.options(segment, fixed))


def _steps(height: int) -> list[int]:
    """Return how many rows of the last output steps may make, from few on."""
    shares = even_shares(height, 1)
    return sorted(rows for rows in shares if rows <= _MOST_ROWS and rows < height)


class _Costs:
    """The instructions of bands, most of which are in many segments."""

    def __init__(self, core: str) -> None:
        self.core = core
        self.known: dict[tuple[Part, Band, Tile], float] = {}

    def options(self, segment: Segment, beside: int) -> tuple[Option, ...]:
        """Return what a segment takes with each of its tiles."""
        call: Call[Segment] = Call(segment, segment.inputs, (segment.output,))
        loop = instructions_of(loop_work(segment), call, self.core)
        found = []
        for tile in SegmentKernel().tiles(call):
            cost = sum(
                times * self._of(segment.parts[i], band, tile.parts[i])
                for (i, band), times in segment.course.bands.items()
            )
            found.append((beside + aligned(tile.scratch_bytes), loop + cost))
        return tuple(found)

    def _of(self, part: Part, band: Band, tile: Tile) -> float:
        key = (part, band, tile)
        if key not in self.known:
            self.known[key] = instructions(part.banded(band), tile, self.core)
        return self.known[key]


class _Live:
    """Which tensors are needed outside of segments, while these run."""

    def __init__(self, graph: QuantizedGraph) -> None:
        self.graph, self.last_use = graph, last_uses(graph)
        self.made = {tensor.name: -1 for tensor in graph.given()}
        for step, node in enumerate(graph.nodes):
            self.made.update({tensor.name: step for tensor in node.outputs})
        self.sizes = {name: aligned(t.bytes) for name, t in graph.tensors().items()}

    def is_closed(self, first: int, last: int) -> bool:
        """Return whether only nodes of a segment read what the others in it make."""
        names = [node.output for node in self.graph.nodes[first:last]]
        return all(first < self.last_use[name] <= last for name in names)

    def beside(self, first: int, segment: Segment) -> int:
        """Return the bytes of all tensors that are needed while a segment runs."""
        last = first + len(segment.parts) - 1
        before = {
            name: self.sizes[name]
            for name, step in self.made.items()
            if step < first <= self.last_use[name]
        }
        output = self.sizes[segment.output.name]
        lags = {
            tensor.name: aligned(lag)
            for tensor, lag in zip(segment.inputs, segment.course.lags, strict=True)
            if self.last_use[tensor.name] <= last
        }
        if lags:
            read = sum(before[name] for name in lags)
            output = max(output - read, min(output, *lags.values()))
        return sum(before.values()) + output


@dataclass(frozen=True, slots=True)
class _Label:
    """The best way to a cut: what is to be small, and the edge that it ends with."""

    value: float
    edge: _Edge | None = None


def _least_limit(edges: Sequence[_Edge], end: int) -> int:
    """Return the smallest limit that a path stays within."""
    return int(_labels(edges, end, lambda value, edge: max(value, edge.least))[end].value)


def _cheapest(edges: Sequence[_Edge], end: int, limit: int) -> tuple[Stretch, ...]:
    """Return the segments of the cheapest path within a limit that a path stays within.

    Every second segment goes upwards. An output that is written behind the rows of the input begins
    before it, or upwards ends behind it: in turns, a chain of them does not move through the arena.
    """
    labels = _labels(edges, end, lambda value, edge: value + edge.cost(limit))
    path: list[_Edge] = []
    edge = labels[end].edge
    while edge is not None:
        if edge.rows:
            path.append(edge)
        edge = labels[edge.first].edge
    return tuple(
        Stretch(edge.first, edge.last, edge.rows, upwards=i % 2 == 1)
        for i, edge in enumerate(reversed(path))
    )


def _labels(
    edges: Sequence[_Edge], end: int, extended: Callable[[float, _Edge], float]
) -> list[_Label]:
    """Return the best way to each cut."""
    best = [_Label(0.0), *(_Label(inf) for _ in range(end))]
    for edge in sorted(edges, key=lambda edge: edge.first):
        value = extended(best[edge.first].value, edge)
        if value < best[edge.last + 1].value:
            best[edge.last + 1] = _Label(value, edge)
    return best
