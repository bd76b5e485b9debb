"""Convolutions by Winograd's method: the tiles of mlut_winograd, and what it does."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from math import prod

from microlut.ops.conv2d import QConv2D
from microlut.ops.windows import Window
from microlut.plan.buffers import aligned
from microlut.plan.kernels.base import Call, Tile
from microlut.plan.kernels.coded import coded_work
from microlut.plan.kernels.shares import CHANNEL_BYTES, even_shares
from microlut.plan.rounding import Rounding, largest_sum

CORES = ("cortex-m4f", "cortex-m7", "cortex-m33")  # others run mlut_conv2d instead
_COLUMNS = 4  # fields that are multiplied at a time
_GROUP = 4  # rows whose totals are kept
_POSITIONS = 16  # products of an input channel, for 2x2 outputs
_BIAS_BYTES = 4


def tiles(call: Call[QConv2D]) -> Iterator[Tile]:
    """Yield shares of the output channels, if the method can compute the layer."""
    if not _possible(call):
        return
    depth, channels = call.source[2], call.shape[2]
    fixed = 2 * _POSITIONS * _COLUMNS * depth + 4 * _POSITIONS * _COLUMNS * _GROUP + depth
    each = CHANNEL_BYTES + _BIAS_BYTES + 2 * _POSITIONS * depth
    results = 4 * _COLUMNS if call.sum is not None else 0
    for tile in even_shares(channels, 2):
        scratch = (tile + tile % 2) * each + fixed + results * tile
        yield Tile(tile, aligned(scratch), winograd=True)


def work(call: Call[QConv2D], tile: Tile) -> Counter[str]:
    """Count passes over the picture, one per tile, and what each does with 2x2 outputs."""
    bits, depth, (height, width, channels) = call.op.weights.bits, call.source[2], call.shape
    rows = [min(tile.channels, channels - at) for at in range(0, channels, tile.channels)]
    pairs, groups = sum(-(-n // 2) for n in rows), sum(-(-n // _GROUP) for n in rows)
    fields = -(-height // 2) * -(-width // 2)
    blocks = -(-fields // _COLUMNS)
    found = Counter(
        {
            "winograd": 1.0,
            "winograd rows": pairs,
            "winograd block": blocks * len(rows),
            "winograd inputs": blocks * len(rows) * depth,
            "winograd tile": blocks * pairs * depth,
            "winograd tile start": blocks * pairs,
            "winograd outputs": fields * groups,
        }
    )
    if call.op.weights.coded:
        starts = range(0, channels, 2)
        found.update(coded_work(call.op.weights, starts))
        bits = 8  # what is left are the transforms
    found[f"winograd decode {bits}"] = pairs * depth
    return found


def _possible(call: Call[QConv2D]) -> bool:
    """Return whether the layer has the form, and four times its sums fit in 32 bits."""
    window = call.op.window
    plain = window == Window((3, 3), padding=window.padding) and call.source[2] % 4 == 0
    quick = call.rounding is not Rounding.ANY and prod(call.shape) > 1
    return plain and quick and largest_sum(call.op) < 1 << 29
