"""How many channels a layer decodes at a time, and the scratch bytes that takes.

The formulas are the engine's own; firmware/include/microlut/microlut.h states them per layer.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from microlut.plan.arena import aligned
from microlut.quantized import QConv2D, QDense, QDepthwiseConv2D, QOp

_SMALL_TILE_BYTES = 2048  # what a tile may always take, even where the arena is full
_SMALL_DEPTHWISE_BYTES = 1024  # less, for another tile does not gather the inputs again
_SMALL_TILE_CHANNELS = 16  # the same at 8 bits, where nothing is decoded
_CHANNEL_BYTES = 12  # of mlut_channel_t: an expanded bias, multiplier and shift
_ROWS_AT_A_TIME = 4  # of mlut_isa_dot4
_CHANNELS_AT_A_TIME = 8  # a multiple of 8 indices ends on a byte at any width


@dataclass(frozen=True, slots=True)
class Tile:
    """Output channels decoded together, and the scratch bytes of the layer."""

    channels: int
    scratch_bytes: int


def choose_tile(op: QOp, free_bytes: int) -> Tile:
    """Return a tile within `free_bytes` of scratch, or the small default one.

    It is the smallest with which the layer takes as few tiles as with the largest that fits.
    """
    match op:
        case QConv2D(weights=weights):
            columns = weights.indices.shape[1]
            patch = aligned(columns) if gathers(op) else 0
            return _rows_tile(weights.shape[0], columns, weights.bits, free_bytes, patch)
        case QDense(weights=weights):
            units, inputs = weights.shape
            return _rows_tile(units, inputs, weights.bits, free_bytes, 0)
        case QDepthwiseConv2D(weights=weights, depth_multiplier=multiplier):
            positions = math.prod(weights.shape[:2])
            return _depthwise_tile(weights.shape[2], positions, multiplier, free_bytes)
    return Tile(0, 0)


def gathers(op: QConv2D) -> bool:
    """Return whether receptive fields are copied: all but 1x1 kernels without padding."""
    return op.window.size != (1, 1) or bool(op.window.padding)


def _rows_tile(rows: int, columns: int, bits: int, free_bytes: int, patch: int) -> Tile:
    each = _CHANNEL_BYTES
    if bits == 8:  # the rows in flash are the weights
        budget = max(free_bytes, patch + _SMALL_TILE_CHANNELS * each)
    else:
        budget = max(free_bytes, _SMALL_TILE_BYTES)
        each += columns
    tile = _even_tile(rows, (budget - patch) // each, _ROWS_AT_A_TIME)
    return Tile(tile, aligned(tile * each) + patch)


def _depthwise_tile(channels: int, positions: int, multiplier: int, free_bytes: int) -> Tile:
    each = _CHANNEL_BYTES + 4 + positions  # with an accumulator and a column of weights
    fitting = max(free_bytes, _SMALL_DEPTHWISE_BYTES) // each
    tile = _even_tile(channels, fitting, _CHANNELS_AT_A_TIME * multiplier)
    return Tile(tile, aligned(tile * each))


def _even_tile(channels: int, fitting: int, step: int) -> int:
    """Return the smallest multiple of `step`, or all channels, that needs no more tiles."""
    largest = min(channels, max(fitting // step * step, step))
    tiles = -(-channels // largest)
    return min(channels, -(-channels // (tiles * step)) * step)
