"""Draft plans: one for each way of sharing bytes, with any tiles, in the arena that they need."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from microlut.integer import QuantizedGraph
from microlut.plan.arena import Arena, Buffer, live_bytes, place
from microlut.plan.curve import Point, reachable
from microlut.plan.kernels import Call, calls_of, kernel_for
from microlut.plan.liveness import tensor_buffers
from microlut.plan.places import Place
from microlut.plan.segments.overlaps import with_overlaps
from microlut.plan.segments.segment import Segment
from microlut.plan.sharing import WHOLE_IN_PLACE, Sharing, find_sharing
from microlut.plan.states import Ending, find_ending
from microlut.plan.tiles import Offer, possible_tiles, quickest, worthwhile

# Ways of sharing where memory is short; the first of those that are equally small is taken.
_WAYS = tuple(
    (WHOLE_IN_PLACE[first:], gather)
    for gather in (True, False)
    for first in range(len(WHOLE_IN_PLACE) + 1)
)


@dataclass(frozen=True, slots=True)
class Draft:
    """Tiles for one way of sharing, and the arena that they need."""

    graph: QuantizedGraph
    core: str
    sharing: Sharing
    calls: Sequence[Call[Any]]
    buffers: Sequence[Buffer]
    places: Mapping[str, Place]
    ending: Ending
    offers: Sequence[Sequence[Offer]]  # of each step, the tiles that it may have
    chosen: Sequence[Offer]
    arena: Arena

    def within(self, limit: float) -> Draft:
        """Return the tiles that are the quickest in an arena, if all buffers found a place."""
        live = live_bytes(self.buffers, len(self.calls))
        return self.choosing(
            [
                quickest(possible, limit - taken)
                for possible, taken in zip(self.offers, live, strict=True)
            ]
        )

    def choosing(self, chosen: Sequence[Offer], enough: float = 0) -> Draft:
        """Return the draft with these tiles, and a place for them: any in `enough` bytes."""
        tiles = enumerate(offer.tile for offer in chosen)
        scratch = [Buffer(i, tile.scratch_bytes, i, i) for i, tile in tiles if tile.scratch_bytes]
        return replace(self, chosen=chosen, arena=place([*self.buffers, *scratch], enough))

    @property
    def in_bands(self) -> bool:
        """Whether some layers run band by band."""
        return any(isinstance(node.op, Segment) for node in self.graph.nodes)

    @property
    def has_winograd(self) -> bool:
        """Whether some convolutions may run by Winograd's method."""
        return any(offer.tile.winograd for possible in self.offers for offer in possible)

    @property
    def point(self) -> Point:
        """The size of the arena, and what an inference executes."""
        return Point(self.arena.size, sum(offer.instructions for offer in self.chosen))

    def points(self) -> Iterator[Point]:
        """Yield what larger arenas might give, from this one on."""
        live = live_bytes(self.buffers, len(self.calls))
        return reachable(self.offers, live, self.arena.size)

    def offset(self, place: Place) -> int:
        """Return where in the arena a place is."""
        return self.arena.offsets[place.buffer] + place.offset


def drafts_of(graph: QuantizedGraph, core: str) -> list[Draft]:
    """Return the ways of sharing with the smallest tiles."""
    known: dict[object, list[Offer]] = {}  # most calls are the same in every way
    return [_draft(graph, core, sharing, known) for sharing in _ways(graph)]


def with_winograd(draft: Draft) -> Draft:
    """Return a draft whose convolutions may run by Winograd's method, too."""
    given = draft.sharing.whole | draft.sharing.merged
    offers = [
        possible if node.name in given else possible_tiles(call, draft.core, winograd=True)
        for node, call, possible in zip(draft.graph.nodes, draft.calls, draft.offers, strict=True)
    ]
    return replace(draft, offers=offers).choosing([possible[0] for possible in offers])


def realized(draft: Draft, point: Point) -> list[Draft]:
    """Return what keeps the promise of a point best.

    Where buffers need more memory than it says, that is a slower plan within this memory, and one
    that uses all that they need.
    """
    wider = draft.within(point.arena_bytes)
    if wider.arena.size <= point.arena_bytes:
        return [wider]
    return [grown(draft, point.arena_bytes), grown(wider, wider.arena.size)]


def grown(draft: Draft, limit: float) -> Draft:
    """Return the quickest tiles that were found for an arena of at most `limit` bytes.

    Where not all of them find a place, those go first that gain most.
    """
    wanted = draft.within(limit)
    if wanted.arena.size <= limit:
        return wanted
    pairs = list(zip(draft.chosen, wanted.chosen, strict=True))
    gains = [now.instructions - then.instructions for now, then in pairs]
    for step in sorted(range(len(gains)), key=lambda step: -gains[step]):
        draft = _with_quicker(draft, step, wanted.chosen[step], limit)
    return draft.choosing(draft.chosen)


def _with_quicker(draft: Draft, step: int, most: Offer, limit: float) -> Draft:
    """Return the draft with a step's tile or a smaller one, if the arena has a place for it."""
    possible = draft.offers[step]
    least, beyond = possible.index(draft.chosen[step]), possible.index(most) + 1
    middle = beyond - 1
    while least < middle:  # by halves, beginning with the largest
        offer = possible[middle]
        wider = draft.choosing([*draft.chosen[:step], offer, *draft.chosen[step + 1 :]], limit)
        if wider.arena.size <= limit:
            draft, least = wider, middle
        else:
            beyond = middle
        middle = (least + beyond) // 2
    return draft


def _ways(graph: QuantizedGraph) -> list[Sharing]:
    """Return the ways of sharing that differ."""
    found = [find_sharing(graph, *way) for way in _WAYS]
    return [
        sharing
        for i, sharing in enumerate(found)
        if all(sharing.places != other.places for other in found[:i])
    ]


def _draft(
    graph: QuantizedGraph, core: str, sharing: Sharing, known: dict[object, list[Offer]]
) -> Draft:
    buffers, places = tensor_buffers(graph, sharing)
    calls = calls_of(graph)
    shared = [
        replace(
            call,
            sum=calls[sharing.sums[name].name] if name in sharing.sums else None,
            in_place=sharing.in_place.get(name, frozenset()),
        )
        for name, call in calls.items()
    ]
    offers = []
    for node, call in zip(graph.nodes, shared, strict=True):
        key = node.name, call.in_place
        if key not in known:
            known[key] = possible_tiles(call, core)
        offers.append(_allowed(node.name, call, core, sharing, known[key]))
    ending = find_ending(graph, places)
    buffers = (*with_overlaps(graph, buffers, places), *ending.spares)
    smallest = [possible[0] for possible in offers]
    draft = Draft(graph, core, sharing, shared, buffers, places, ending, offers, (), place(()))
    return draft.choosing(smallest)


def _allowed(
    name: str, call: Call[Any], core: str, sharing: Sharing, known: list[Offer]
) -> list[Offer]:
    """Return the tiles of a step: those in place have not all of them, and merged ones are free."""
    if name in sharing.merged:
        return [Offer(known[0].tile, 0.0)]
    if name in sharing.whole:
        return worthwhile(call, kernel_for(call).tiles_in_place(call), core)
    return known
