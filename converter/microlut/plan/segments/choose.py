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
from itertools import chain
from math import inf
from operator import add

import numpy as np
from numpy.typing import NDArray

from microlut.integer import QuantizedGraph
from microlut.plan.buffers import aligned
from microlut.plan.segments.build import Stretch
from microlut.plan.segments.candidates import Candidates
from microlut.plan.segments.part import Part
from microlut.plan.tiles import Offer

_FINER = 1.15  # from one limit to the next one
_NEAR = (1.0, 0.97, 0.94, 0.9)  # limits near one that is of interest


@dataclass(frozen=True, slots=True)
class _Edge:
    """Nodes `first` to `last`, as a segment or, if `rows` is 0, one by itself."""

    first: int
    last: int
    rows: int


@dataclass(frozen=True, slots=True)
class _Edges:
    """All edges, in the order of their first nodes, with the options of each.

    Attributes:
        edges: The edges.
        begins: Where the options of each begin.
        sizes: Bytes of all options,
        costs: and their instructions.
    """

    edges: Sequence[_Edge]
    begins: NDArray[np.int64]
    sizes: NDArray[np.int64]
    costs: NDArray[np.float64]

    def least(self) -> list[int]:
        """Return the bytes of the smallest option of each."""
        return [int(size) for size in np.minimum.reduceat(self.sizes, self.begins)]

    def within(self, limit: float) -> list[float]:
        """Return the instructions of the best option of each within a limit."""
        costs = np.where(self.sizes <= limit, self.costs, inf)
        return [float(cost) for cost in np.minimum.reduceat(costs, self.begins)]


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
        self._candidates = Candidates(graph, parts, alone)

    def segmentations(
        self, tiles: Sequence[Sequence[Offer]], core: str, most: int | None = None
    ) -> Iterator[tuple[Stretch, ...]]:
        """Yield ways of making segments, from the one that needs the least memory on.

        Args:
            tiles: Those of each node by itself.
            core: The core that it is to be quick on.
            most: A limit that is of interest; others are too.
        """
        if not self._candidates.all:
            return
        edges = self._edges(tiles, core)
        found: set[tuple[Stretch, ...]] = {()}
        end = len(self._live)
        for limit in _limits(_least_limit(edges, end), self._peak, most):
            path = _cheapest(edges, end, limit)
            if path not in found:
                found.add(path)
                yield path

    def _edges(self, tiles: Sequence[Sequence[Offer]], core: str) -> _Edges:
        """Return the nodes by themselves, and the segments, as edges."""
        found = [_Edge(i, i, 0) for i in range(len(tiles))]
        found += [_Edge(c.first, c.last, c.segment.rows) for c in self._candidates.all]
        options = [len(offers) for offers in tiles]
        options += [len(each.sizes) for each in self._candidates.all]
        sizes = [
            taken + aligned(offer.tile.scratch_bytes)
            for taken, offers in zip(self._live, tiles, strict=True)
            for offer in offers
        ]
        sizes += chain.from_iterable(each.sizes for each in self._candidates.all)
        alone = [offer.instructions for offers in tiles for offer in offers]
        begins = np.cumsum([0, *options[:-1]])
        costs = np.concatenate([alone, self._candidates.costs(core)])
        return _Edges(found, begins, np.array(sizes), costs)


def _limits(least: int, peak: int, most: int | None) -> Iterator[int]:
    """Yield the limits to try; placement often takes a little more than estimated."""
    limit = least
    while limit < peak:
        yield limit
        limit = int(limit * _FINER) + 1
    for share in _NEAR if most is not None and most < peak else ():
        yield max(least, int((most or 0) * share))


@dataclass(frozen=True, slots=True)
class _Label:
    """The best way to a cut: what is to be small, and the edge that it ends with."""

    value: float
    edge: _Edge | None = None


def _least_limit(edges: _Edges, end: int) -> int:
    """Return the smallest limit that a path stays within."""
    return int(_labels(edges.edges, edges.least(), end, max)[end].value)


def _cheapest(edges: _Edges, end: int, limit: int) -> tuple[Stretch, ...]:
    """Return the segments of the cheapest path within a limit that a path stays within.

    Every second segment goes upwards. An output that is written behind the rows of the input begins
    before it, or upwards ends behind it: in turns, a chain of them does not move through the arena.
    """
    labels = _labels(edges.edges, edges.within(limit), end, add)
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
    edges: Sequence[_Edge],
    values: Sequence[float],
    end: int,
    extended: Callable[[float, float], float],
) -> list[_Label]:
    """Return the best way to each cut, whose edges have values."""
    best = [_Label(0.0), *(_Label(inf) for _ in range(end))]
    for edge, value in sorted(zip(edges, values, strict=True), key=lambda pair: pair[0].first):
        total = extended(best[edge.first].value, value)
        if total < best[edge.last + 1].value:
            best[edge.last + 1] = _Label(total, edge)
    return best
