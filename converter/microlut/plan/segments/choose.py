"""Choose which nodes run as segments: shortest paths over the cuts between nodes.

A path goes from the first cut to the last one. An edge is a node by itself, or several as a
segment; it has options, each with the bytes that are needed meanwhile and its instructions. For a
limit of bytes, the cheapest path is found by dynamic programming. Limits go from the smallest one
that any path stays within up to the peak of the nodes by themselves, which no segments are needed
for. Bytes are estimates here, for placement and sharing are decided later.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from math import inf
from operator import mul

from microlut.integer import QuantizedGraph
from microlut.plan.buffers import aligned
from microlut.plan.cost import instructions_of
from microlut.plan.kernels import Call, Tile
from microlut.plan.kernels.segment import SegmentKernel, loop_work
from microlut.plan.kernels.shares import even_shares
from microlut.plan.segments.build import Stretch, segment_of
from microlut.plan.segments.part import Band, Part
from microlut.plan.segments.segment import Segment
from microlut.plan.sharing import last_uses
from microlut.plan.tiles import Offer

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
class _Tiled:
    """A segment with one of its tiles.

    Attributes:
        bytes: What is needed meanwhile.
        bands: Numbers of all the bands that run, among those of all segments.
        times: How often each of them does.
    """

    bytes: int
    bands: tuple[int, ...]
    times: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class _Possible:
    """A segment of nodes `first` to `last`, with each of its tiles."""

    first: int
    last: int
    segment: Segment
    tiled: tuple[_Tiled, ...]


class Segmenter:
    """Makes segments of the nodes of a graph; only what they cost depends on the core."""

    def __init__(
        self,
        graph: QuantizedGraph,
        parts: Mapping[str, Part],
        live: Sequence[int],
        least: Sequence[int],
    ) -> None:
        """Find the segments that are possible.

        Args:
            graph: The network, its nodes in execution order.
            parts: The nodes that can be parts of segments.
            live: Bytes that are needed with each node by itself, without its scratch.
            least: The least scratch of each.
        """
        self._live = live
        alone = [taken + aligned(size) for taken, size in zip(live, least, strict=True)]
        self._peak = max(alone, default=0)
        self._bands = _Bands()
        self._possible = list(_possible(graph, parts, alone, self._bands))

    def segmentations(
        self, tiles: Sequence[Sequence[Offer]], core: str, most: int | None = None
    ) -> Iterator[tuple[Stretch, ...]]:
        """Yield ways of making segments, from the one that needs the least memory on.

        Args:
            tiles: Those of each node by itself.
            core: The core that it is to be quick on.
            most: A limit that is of interest; others are too.
        """
        edges = []
        for i, (taken, offers) in enumerate(zip(self._live, tiles, strict=True)):
            options = [(taken + aligned(o.tile.scratch_bytes), o.instructions) for o in offers]
            edges.append(_Edge(i, i, 0, tuple(options)))
        costs = self._bands.costs(core)
        for each in self._possible:
            priced = tuple(_options(each, costs, core))
            edges.append(_Edge(each.first, each.last, each.segment.rows, priced))
        found: set[tuple[Stretch, ...]] = {()}
        end = len(self._live)
        for limit in _limits(_least_limit(edges, end), self._peak, most):
            path = _cheapest(edges, end, limit)
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


def _possible(
    graph: QuantizedGraph, parts: Mapping[str, Part], alone: Sequence[int], bands: _Bands
) -> Iterator[_Possible]:
    """Yield the segments in which a node takes more memory by itself than the inputs do."""
    live = _Live(graph)
    peak = max(alone, default=0)
    floor = sum(aligned(tensor.bytes) for tensor in graph.inputs)
    for first in range(len(graph.nodes)):
        for last in range(first, min(first + _MOST_PARTS, len(graph.nodes))):
            if graph.nodes[last].name not in parts:
                break
            heavy = any(alone[i] > floor for i in range(first, last + 1))
            if not heavy or not live.is_closed(first, last):
                continue
            for rows in _steps(graph.nodes[last].shape[0]):
                segment = segment_of(graph.nodes[first : last + 1], parts, rows)
                fixed = live.beside(first, segment)
                if fixed + segment.fixed_bytes >= peak:
                    break
                yield _Possible(first, last, segment, bands.tiled(segment, fixed))


def _steps(height: int) -> list[int]:
    """Return how many rows of the last output steps may make, from few on."""
    shares = even_shares(height, 1)
    return sorted(rows for rows in shares if rows <= _MOST_ROWS and rows < height)


class _Bands:
    """Bands of layers with their tiles, most of which are in many segments, by their number."""

    def __init__(self) -> None:
        self._numbers: dict[tuple[Part, Band, Tile], int] = {}

    def tiled(self, segment: Segment, beside: int) -> tuple[_Tiled, ...]:
        """Return a segment with each of its tiles, beside tensors of some bytes."""
        numbers, bands = self._numbers, segment.course.bands
        times = tuple(bands.values())
        found = []
        for tile in SegmentKernel().tiles(_call(segment)):
            keys = [(segment.parts[i], band, tile.parts[i]) for i, band in bands]
            run = tuple(numbers.setdefault(key, len(numbers)) for key in keys)
            found.append(_Tiled(beside + aligned(tile.scratch_bytes), run, times))
        return tuple(found)

    def costs(self, core: str) -> list[float]:
        """Return the instructions of all bands."""
        return [
            instructions_of(part.work(band, tile, core), part.banded(band), core)
            for part, band, tile in self._numbers
        ]


def _options(possible: _Possible, costs: Sequence[float], core: str) -> Iterator[Option]:
    """Yield what a segment takes with each of its tiles."""
    loop = instructions_of(loop_work(possible.segment), _call(possible.segment), core)
    for each in possible.tiled:
        yield each.bytes, loop + sum(map(mul, each.times, map(costs.__getitem__, each.bands)))


def _call(segment: Segment) -> Call[Segment]:
    return Call(segment, segment.inputs, (segment.output,))


class _Live:
    """Which tensors are needed outside of segments, while these run."""

    def __init__(self, graph: QuantizedGraph) -> None:
        self.graph, self.last_use = graph, last_uses(graph)
        self.made = {tensor.name: -1 for tensor in graph.given()}
        for step, node in enumerate(graph.nodes):
            self.made.update({tensor.name: step for tensor in node.outputs})
        self.sizes = {name: aligned(t.bytes) for name, t in graph.tensors().items()}
        self.before: dict[int, int] = {}

    def is_closed(self, first: int, last: int) -> bool:
        """Return whether only nodes of a segment read what the others in it make."""
        names = [node.output for node in self.graph.nodes[first:last]]
        return all(first < self.last_use[name] <= last for name in names)

    def beside(self, first: int, segment: Segment) -> int:
        """Return the bytes of all tensors that are needed while a segment runs."""
        last, before = first + len(segment.parts) - 1, self._before(first)
        output = self.sizes[segment.output.name]
        lags = {
            tensor.name: aligned(lag)
            for tensor, lag in zip(segment.inputs, segment.course.lags, strict=True)
            if self.last_use[tensor.name] <= last
        }
        if lags:
            read = sum(self.sizes[name] for name in lags)
            output = max(output - read, min(output, *lags.values()))
        return before + output

    def _before(self, first: int) -> int:
        """Return the bytes of the tensors that are there before a step, and needed from then on."""
        if first not in self.before:
            self.before[first] = sum(
                self.sizes[name]
                for name, step in self.made.items()
                if step < first <= self.last_use[name]
            )
        return self.before[first]


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
