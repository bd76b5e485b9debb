"""List the segments that nodes could run as, and price all of them at once.

What a layer does in a segment depends on the layers behind it, and what its bands cost on its tile.
Both are found once for all segments that have them in common.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain

import numpy as np
from numpy.typing import NDArray

from microlut.integer import QuantizedGraph
from microlut.plan.buffers import aligned
from microlut.plan.cost import Works, sums_by
from microlut.plan.kernels import Call, Tile
from microlut.plan.kernels.base import VECTOR_CORE
from microlut.plan.kernels.segment import Steps, largest_band, loop_work, shared_scratch
from microlut.plan.kernels.shares import even_shares
from microlut.plan.segments.course import Pace, course_of, last_pace, pace, readers_of
from microlut.plan.segments.part import Band, Part
from microlut.plan.segments.segment import Segment
from microlut.plan.sharing import last_uses

_MOST_ROWS = 8  # of the last output, per step
_MOST_PARTS = 12


@dataclass(frozen=True, slots=True)
class Candidate:
    """Nodes `first` to `last` as a segment.

    Attributes:
        first: The number of the first node,
        last: and of the last one.
        segment: The segment.
        sizes: By tile, the bytes that are needed meanwhile.
        layers: By tile, the number of each layer with its bands and its own tile.
    """

    first: int
    last: int
    segment: Segment
    sizes: Sequence[int]
    layers: Sequence[tuple[int, ...]]


class Candidates:
    """The segments in which a node takes more memory by itself than the inputs do."""

    def __init__(
        self, graph: QuantizedGraph, parts: Mapping[str, Part], alone: Sequence[int]
    ) -> None:
        """Find them, for any core.

        Args:
            graph: The network, its nodes in execution order.
            parts: The nodes that can be parts of segments.
            alone: Bytes that are needed with each node by itself.
        """
        self._layers = _Layers()
        found = _candidates(graph, parts, alone, self._layers)
        self.all = sorted(found, key=lambda each: (each.first, each.last, each.segment.rows))
        self._loops = Works()
        for each in self.all:
            self._loops.add(loop_work(each.segment), _call(each.segment))
        tiles = [layers for each in self.all for layers in each.layers]
        self._tiles = np.repeat(np.arange(len(tiles)), [len(layers) for layers in tiles])
        self._used = np.array([*chain.from_iterable(tiles)], int)
        self._counts = [len(each.sizes) for each in self.all]

    def costs(self, core: str) -> NDArray[np.float64]:
        """Return the instructions of each tile of each candidate."""
        layers = sums_by(self._tiles, self._layers.costs(core)[self._used], sum(self._counts))
        found: NDArray[np.float64] = np.repeat(self._loops.costs(core), self._counts) + layers
        return found


class _Layers:
    """Layers of segments with all their bands and a tile, by their number."""

    def __init__(self) -> None:
        self._bands: dict[tuple[Part, Band, Tile], int] = {}
        self._owners: list[int] = []  # of each band of each layer, the layer,
        self._used: list[int] = []  # the band
        self._times: list[int] = []  # and how often it runs
        self._count = 0
        self._works: dict[bool, Works] = {}

    def of(self, each: Pace) -> Steps[int]:
        """Return the layers of a pace by their scratch, one per tile."""
        tiles = each.part.tiles(largest_band(each.bands))
        return Steps.of((tile.scratch_bytes, self._add(each, tile)) for tile in tiles)

    def costs(self, core: str) -> NDArray[np.float64]:
        """Return the instructions of all layers."""
        vectors = core == VECTOR_CORE
        if vectors not in self._works:
            works = self._works[vectors] = Works()
            for part, band, tile in self._bands:
                works.add(part.work(band, tile, core), part.banded(band))
        bands = self._works[vectors].costs(core)
        return sums_by(self._owners, bands[self._used] * self._times, self._count)

    def _add(self, each: Pace, tile: Tile) -> int:
        for band, times in each.bands.items():
            key = (each.part, band, tile)
            self._owners.append(self._count)
            self._used.append(self._bands.setdefault(key, len(self._bands)))
            self._times.append(times)
        self._count += 1
        return self._count - 1


def _candidates(
    graph: QuantizedGraph, parts: Mapping[str, Part], alone: Sequence[int], layers: _Layers
) -> Iterator[Candidate]:
    live = _Live(graph)
    peak = max(alone, default=0)
    floor = sum(aligned(tensor.bytes) for tensor in graph.inputs)
    for last, node in enumerate(graph.nodes):
        first = _first(live, parts, last)
        if first > last or not any(size > floor for size in alone[first : last + 1]):
            continue
        too_large = set[int]()
        for rows in _steps(node.shape[0]):
            paces, steps = list[Pace](), list[Steps[int]]()
            for number in range(last, first - 1, -1):
                part = parts[graph.nodes[number].name]
                readers = readers_of(part.call.output.name, paces)
                paces.insert(
                    0,
                    pace(part, readers, upwards=False)
                    if paces
                    else last_pace(part, rows, upwards=False),
                )
                steps.insert(0, layers.of(paces[0]))
                heavy = any(size > floor for size in alone[number : last + 1])
                if number in too_large or not heavy:
                    continue
                segment = _segment(paces, rows)
                fixed = live.beside(number, segment)
                if fixed + segment.fixed_bytes >= peak:
                    too_large.add(number)  # with more rows, it would be larger still
                    continue
                shared = list(shared_scratch(steps))
                yield Candidate(
                    first=number,
                    last=last,
                    segment=segment,
                    sizes=[fixed + aligned(segment.fixed_bytes + size) for size, _ in shared],
                    layers=[chosen for _, chosen in shared],
                )


def _first(live: _Live, parts: Mapping[str, Part], last: int) -> int:
    """Return the first node that a segment with some last one can begin with."""
    nodes, first = live.graph.nodes, last + 1
    least = max(0, last + 1 - _MOST_PARTS)
    while first > least and nodes[first - 1].name in parts:
        if first <= last and not first - 1 < live.last_use[nodes[first - 1].output] <= last:
            break  # not only nodes of the segment read what it makes
        first -= 1
    return first


def _segment(paces: Sequence[Pace], rows: int) -> Segment:
    segment = Segment(tuple(each.part for each in paces), rows)
    vars(segment)["course"] = course_of(paces, segment.inputs, upwards=False)
    return segment


def _steps(height: int) -> list[int]:
    """Return how many rows of the last output steps may make, from few on."""
    shares = even_shares(height, 1)
    return sorted(rows for rows in shares if rows <= _MOST_ROWS and rows < height)


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
