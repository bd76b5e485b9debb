"""List the tiles that are worth their memory, and choose among them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Any

from microlut.plan.cost import instructions
from microlut.plan.kernels import Call, Tile, kernel_for


@dataclass(frozen=True, slots=True)
class Offer:
    """A tile, and about how many instructions its call executes."""

    tile: Tile
    instructions: float


def whole_tile(call: Call[Any]) -> Tile:
    """Return the tile that holds all of a layer's channels and rows."""
    return next(kernel_for(call).tiles(call))


def possible_tiles(call: Call[Any], core: str, *, winograd: bool = False) -> list[Offer]:
    """Return the tiles that no smaller one is as quick as, the smallest first.

    With `winograd`, those of this method are among them.
    """
    kernel = kernel_for(call)
    others = kernel.winograd_tiles(call) if winograd else ()
    return worthwhile(call, chain(kernel.tiles(call), others), core)


def worthwhile(call: Call[Any], tiles: Iterable[Tile], core: str) -> list[Offer]:
    """Return those of some tiles that no smaller one is as quick as, the smallest first."""
    possible = [Offer(tile, instructions(call, tile, core)) for tile in tiles]
    best: list[Offer] = []
    for offer in sorted(possible, key=lambda offer: (offer.tile.scratch_bytes, offer.instructions)):
        if not best or offer.instructions < best[-1].instructions:
            best.append(offer)
    return best


def quickest(possible: Sequence[Offer], free_bytes: float) -> Offer:
    """Return the quickest tile within `free_bytes` of scratch, or else the smallest."""
    fitting = [offer for offer in possible if offer.tile.scratch_bytes <= free_bytes]
    return fitting[-1] if fitting else possible[0]
