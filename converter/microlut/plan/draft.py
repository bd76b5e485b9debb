"""Draft plans: one for each way of sharing bytes, with any tiles, in the arena that they need."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from microlut.plan.arena import Arena
from microlut.plan.buffers import ArenaPart
from microlut.plan.curve import Point, reachable
from microlut.plan.places import Place
from microlut.plan.segments.segment import Segment
from microlut.plan.tiles import Offer, quickest
from microlut.plan.ways import Way

# Steps that are placed while tiles are tried; each trial places all, some times.
_MOST_PLACED = 6_000


@dataclass(frozen=True, slots=True)
class Draft:
    """Tiles for one way of sharing, and the arena that they need."""

    way: Way
    core: str
    offers: Sequence[Sequence[Offer]]  # of each step, the tiles that it may have
    chosen: Sequence[Offer]
    arena: Arena
    parts: tuple[ArenaPart, ...] = ()  # of the arena, in several memories

    def within(self, limit: float) -> Draft:
        """Return the tiles that are the quickest in an arena, if all buffers found a place."""
        return self.choosing(self._wanted(limit))

    def promise(self, limit: float) -> float:
        """Return the instructions that no tiles in an arena can be quicker than."""
        return sum(offer.instructions for offer in self._wanted(limit))

    def _wanted(self, limit: float) -> list[Offer]:
        return [
            quickest(possible, limit - taken)
            for possible, taken in zip(self.offers, self.way.live, strict=True)
        ]

    def choosing(self, chosen: Sequence[Offer]) -> Draft:
        """Return the draft with these tiles, and a place for them."""
        return replace(self, chosen=chosen, arena=self.way.site.place(_scratch(chosen)))

    @property
    def scratch(self) -> list[int]:
        """Bytes of the scratch of each step."""
        return _scratch(self.chosen)

    @property
    def in_bands(self) -> bool:
        """Whether some layers run band by band."""
        return any(isinstance(node.op, Segment) for node in self.way.graph.nodes)

    @property
    def has_winograd(self) -> bool:
        """Whether some convolutions may run by Winograd's method."""
        return any(offer.tile.winograd for possible in self.offers for offer in possible)

    @property
    def point(self) -> Point:
        """The size of the arena, and what an inference executes."""
        return Point(self.arena.size, sum(offer.instructions for offer in self.chosen))

    def points(self, least: int | None = None) -> Iterator[Point]:
        """Yield what arenas might give, from `least` bytes on, or else from this one."""
        return reachable(self.offers, self.way.live, self.arena.size if least is None else least)

    def offset(self, place: Place) -> int:
        """Return where in the arena a place is."""
        return self.arena.offsets[place.buffer] + place.offset


def draft_of(way: Way, core: str) -> Draft:
    """Return a way of sharing with the smallest tiles."""
    offers = [menu.offers(core) for menu in way.menus]
    return Draft(way, core, offers, [possible[0] for possible in offers], way.smallest)


def with_winograd(draft: Draft) -> Draft:
    """Return a draft whose convolutions may run by Winograd's method, too; the same if none can."""
    offers = [menu.offers(draft.core, winograd=True) for menu in draft.way.menus]
    made = replace(draft, offers=offers)
    return made.choosing([possible[0] for possible in offers]) if made.has_winograd else draft


def realized(draft: Draft, point: Point) -> list[Draft]:
    """Return what keeps the promise of a point best.

    Where buffers need more memory than it says, that is a slower plan within this memory, and one
    that uses all that they need.
    """
    wider = draft.within(point.arena_bytes)
    if wider.arena.size <= point.arena_bytes:
        return [wider]
    within = _nearest(draft, wider, point.arena_bytes)
    return [within, grown(wider, wider.arena.size)]


def grown(draft: Draft, limit: float) -> Draft:
    """Return the quickest tiles that were found for an arena of at most `limit` bytes."""
    wanted = draft.within(limit)
    return wanted if wanted.arena.size <= limit else _nearest(draft, wanted, limit)


def _nearest(draft: Draft, wanted: Draft, limit: float) -> Draft:
    """Return the draft with those of some wanted tiles, not all of which find a place.

    Those go first that gain most. Most of them find a place, so that many are tried at a time. In
    networks of hundreds of steps, those that gain least are not tried.
    """
    pairs = list(zip(draft.chosen, wanted.chosen, strict=True))
    gains = [now.instructions - then.instructions for now, then in pairs]
    order = sorted(range(len(gains)), key=lambda step: -gains[step])
    chosen, site = list(draft.chosen), draft.way.site
    left = _halves([step for step in order if gains[step]])
    trials = _MOST_PLACED // len(gains)
    while left and trials > 0:
        steps = left.pop()
        if len(steps) == 1:
            trials -= _widen(draft, chosen, steps[0], wanted.chosen[steps[0]], limit)
            continue
        trials -= 1
        tried = list(chosen)
        for step in steps:
            tried[step] = wanted.chosen[step]
        if site.fits(_scratch(tried), limit, thoroughly=False):
            chosen = tried
        else:
            left += _halves(steps)
    return draft.choosing(chosen)


def _halves(steps: list[int]) -> list[list[int]]:
    """Return the second half and the first one, those that are not empty."""
    middle = (len(steps) + 1) // 2
    return [half for half in (steps[middle:], steps[:middle]) if half]


def _widen(draft: Draft, chosen: list[Offer], step: int, wanted: Offer, limit: float) -> int:
    """Choose the quickest tile of a step, up to a wanted one, with which all find a place.

    Return how many were tried.
    """
    possible = draft.offers[step]
    least, beyond = possible.index(chosen[step]), possible.index(wanted) + 1
    middle, trials = beyond - 1, 0
    while least < middle:  # by halves, beginning with the largest
        trials += 1
        tried = [*chosen[:step], possible[middle], *chosen[step + 1 :]]
        if draft.way.site.fits(_scratch(tried), limit):
            chosen[step], least = possible[middle], middle
        else:
            beyond = middle
        middle = (least + beyond) // 2
    return trials


def _scratch(chosen: Sequence[Offer]) -> list[int]:
    return [offer.tile.scratch_bytes for offer in chosen]
