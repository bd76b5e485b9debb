"""Find once what plans for several cores and goals have in common."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property

from microlut.integer import QuantizedGraph
from microlut.plan.draft import Draft, draft_of, with_winograd
from microlut.plan.segments.build import Stretch, parts_of, with_segments
from microlut.plan.segments.choose import Segmenter
from microlut.plan.segments.part import Part
from microlut.plan.sharing import Sharer
from microlut.plan.tiles import Menus
from microlut.plan.ways import Way, ways_of


class Outlook:
    """A graph whose nodes are in order, with the ways in which it can be planned."""

    def __init__(self, graph: QuantizedGraph, sharer: Sharer) -> None:
        """Take a graph, and a sharer of it in any order of its nodes."""
        self._graph = graph
        self._sharer, self._menus = sharer, Menus()
        self._ways = ways_of(graph, self._sharer, self._menus)
        self._banded: dict[tuple[Stretch, ...], list[Way]] = {}

    def drafts(self, core: str, most: int | None, *, bands: bool, winograd: bool) -> list[Draft]:
        """Return the drafts for a core.

        Args:
            core: The core that they are to be quick on.
            most: A limit of the arena that is of interest.
            bands: Whether layers may run band by band.
            winograd: Whether convolutions may run by Winograd's method, which they do not in bands.
        """
        drafts = [draft_of(way, core) for way in self._ways]
        others = [with_winograd(draft) for draft in drafts] if winograd else []
        found = self._segmenter.segmentations(drafts[0].offers, core, most) if bands else ()
        for stretches in found:
            drafts += [draft_of(way, core) for way in self._in_bands(stretches)]
        return [*drafts, *(draft for draft in others if draft.has_winograd)]

    @cached_property
    def _segmenter(self) -> Segmenter:
        first = self._ways[0]
        return Segmenter(self._graph, self._parts, first.live, [menu.least for menu in first.menus])

    @cached_property
    def _parts(self) -> Mapping[str, Part]:
        return parts_of(self._graph, {n: facts.call for n, facts in self._sharer.facts.items()})

    def _in_bands(self, stretches: tuple[Stretch, ...]) -> list[Way]:
        if stretches not in self._banded:
            made = with_segments(self._graph, self._parts, stretches)
            self._banded[stretches] = ways_of(made, self._sharer, self._menus)
        return self._banded[stretches]
