"""Which tile a layer gets: the one that costs the fewest instructions within the memory."""

from __future__ import annotations

from microlut.plan.cost import Call, instructions
from microlut.plan.scratch import Tile, tiles


def choose_tile(call: Call, core: str, free_bytes: int) -> Tile:
    """Return the quickest tile within `free_bytes` of scratch; of equally quick ones, the smallest.

    If none fits, it is the smallest of all.

    Args:
        call: The kernel call.
        core: The core that it is to be quick on.
        free_bytes: What scratch may take.
    """
    possible = list(tiles(call.op, call.shape, call.sum is not None))
    fitting = [tile for tile in possible if tile.scratch_bytes <= free_bytes]
    if not fitting:
        return min(possible, key=lambda tile: tile.scratch_bytes)
    return min(fitting, key=lambda tile: (instructions(call, tile, core), tile.scratch_bytes))
