"""Choose the tile of a layer: the one that costs the fewest instructions within the memory."""

from __future__ import annotations

from typing import Any

from microlut.plan.cost import instructions
from microlut.plan.kernels import Call, Tile, kernel_for


def whole_tile(call: Call[Any]) -> Tile:
    """Return the tile that holds all of a layer's channels and rows."""
    return next(kernel_for(call).tiles(call))


def choose_tile(call: Call[Any], core: str, free_bytes: int) -> Tile:
    """Return the quickest tile within `free_bytes` of scratch; of equally quick ones, the smallest.

    If none fits, it is the smallest of all.

    Args:
        call: The kernel call.
        core: The core that it is to be quick on.
        free_bytes: What scratch may take.
    """
    possible = list(kernel_for(call).tiles(call))
    fitting = [tile for tile in possible if tile.scratch_bytes <= free_bytes]
    if not fitting:
        return min(possible, key=lambda tile: tile.scratch_bytes)
    return min(fitting, key=lambda tile: (instructions(call, tile, core), tile.scratch_bytes))
