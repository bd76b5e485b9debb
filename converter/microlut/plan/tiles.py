"""List the tiles that are worth their memory, and choose among them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from microlut.plan.cost import instructions, instructions_of, like
from microlut.plan.kernels import Call, Tile, kernel_for
from microlut.plan.kernels.base import VECTOR_CORE, Work
from microlut.plan.kernels.winograd import CORES as WINOGRAD_CORES


@dataclass(frozen=True, slots=True)
class Offer:
    """A tile, and about how many instructions its call executes."""

    tile: Tile
    instructions: float


class Menu:
    """The tiles that a call may have, and what each costs on any core."""

    def __init__(self, call: Call[Any], tiles: Iterable[Tile] | None = None) -> None:
        """List some tiles, or else all that the kernel has for the call."""
        self.call = call
        self.tiles = tuple(kernel_for(call).tiles(call) if tiles is None else tiles)
        self.least = min(tile.scratch_bytes for tile in self.tiles)
        self._winograd = tuple(kernel_for(call).winograd_tiles(call) if tiles is None else ())
        self._works: dict[bool, list[Work]] = {}
        self._offers: dict[tuple[str, bool], list[Offer]] = {}

    def offers(self, core: str, *, winograd: bool = False) -> list[Offer]:
        """Return the tiles that no smaller one is as quick as, the smallest first.

        With `winograd`, those of this method are among them, if it is quicker on the core.
        """
        core = like(core)
        winograd = winograd and bool(self._winograd) and core in WINOGRAD_CORES
        key = (core, winograd)
        if key not in self._offers:
            others = self._winograd if winograd else ()
            found = (Offer(tile, instructions(self.call, tile, core)) for tile in others)
            self._offers[key] = worthwhile([*self._priced(core), *found])
        return self._offers[key]

    def _priced(self, core: str) -> list[Offer]:
        """Return all tiles: only one core does other work than all others."""
        vectors = core == VECTOR_CORE
        if vectors not in self._works:
            work = kernel_for(self.call).work
            self._works[vectors] = [work(self.call, tile, core) for tile in self.tiles]
        return [
            Offer(tile, instructions_of(work, self.call, core))
            for tile, work in zip(self.tiles, self._works[vectors], strict=True)
        ]


class FreeMenu(Menu):
    """The menu of a call that is part of another one: its smallest tile, which costs nothing."""

    def offers(self, core: str, *, winograd: bool = False) -> list[Offer]:
        """Return it."""
        return [Offer(super().offers(core)[0].tile, 0.0)]


class Menus:
    """The menus of calls, most of which are the same in many plans."""

    def __init__(self) -> None:
        self._known: dict[object, Menu] = {}

    def of(self, call: Call[Any], *, whole: bool, free: bool) -> Menu:
        """Return the menu of a call.

        Args:
            call: The call.
            whole: Whether it has only the tiles with which it may overwrite its input.
            free: Whether another call does it.
        """
        total = None if call.sum is None else call.sum.output.name
        # A menu keeps its operator, so that no other one gets its id.
        key = (call.output.name, id(call.op), call.in_place, total, whole, free)
        if key not in self._known:
            tiles = kernel_for(call).tiles_in_place(call) if whole and not free else None
            self._known[key] = (FreeMenu if free else Menu)(call, tiles)
        return self._known[key]


def whole_tile(call: Call[Any]) -> Tile:
    """Return the tile that holds all of a layer's channels and rows."""
    return next(kernel_for(call).tiles(call))


def worthwhile(offers: Iterable[Offer]) -> list[Offer]:
    """Return those of some tiles that no smaller one is as quick as, the smallest first."""
    best: list[Offer] = []
    for offer in sorted(offers, key=lambda offer: (offer.tile.scratch_bytes, offer.instructions)):
        if not best or offer.instructions < best[-1].instructions:
            best.append(offer)
    return best


def quickest(possible: Sequence[Offer], free_bytes: float) -> Offer:
    """Return the quickest tile within `free_bytes` of scratch, or else the smallest."""
    for offer in reversed(possible):
        if offer.tile.scratch_bytes <= free_bytes:
            return offer
    return possible[0]
