"""How many channels a layer decodes at a time, and the scratch bytes that takes.

The formulas are the engine's own; firmware/include/microlut/microlut.h states them per layer.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from microlut.plan.arena import aligned
from microlut.quantized import QConv2D, QDense, QDepthwiseConv2D, QOp

_SMALL_TILE_BYTES = 2048  # what a tile may always take, even where the arena is full
_ROWS_AT_A_TIME = 4  # of mlut_isa_dot4
_CHANNELS_AT_A_TIME = 8  # a multiple of 8 indices ends on a byte at any width


@dataclass(frozen=True, slots=True)
class Tile:
    """Output channels decoded together, and the scratch bytes of the layer."""

    channels: int
    scratch_bytes: int


def choose_tile(op: QOp, free_bytes: int) -> Tile:
    """Return the largest tile within `free_bytes` of scratch, or the small default one."""
    budget = max(free_bytes, _SMALL_TILE_BYTES)
    match op:
        case QConv2D(weights=weights):
            columns = weights.indices.shape[1]
            patch = aligned(columns) if gathers(op) else 0
            return _rows_tile(weights.shape[0], columns, weights.bits, budget, patch)
        case QDense(weights=weights):
            units, inputs = weights.shape
            return _rows_tile(units, inputs, weights.bits, budget, 0)
        case QDepthwiseConv2D(weights=weights, depth_multiplier=multiplier):
            positions = math.prod(weights.shape[:2])
            return _depthwise_tile(weights.shape[2], positions, multiplier, budget)
    return Tile(0, 0)


def gathers(op: QConv2D) -> bool:
    """Return whether receptive fields are copied: all but 1x1 kernels without padding."""
    return op.window.size != (1, 1) or bool(op.window.padding)


def _rows_tile(rows: int, columns: int, bits: int, budget: int, patch: int) -> Tile:
    if bits == 8:  # the rows in flash are the weights
        return Tile(rows, patch)
    fitting = (budget - patch) // columns // _ROWS_AT_A_TIME * _ROWS_AT_A_TIME
    tile = min(rows, max(fitting, _ROWS_AT_A_TIME))
    return Tile(tile, aligned(tile * columns) + patch)


def _depthwise_tile(channels: int, positions: int, multiplier: int, budget: int) -> Tile:
    step = _CHANNELS_AT_A_TIME * multiplier
    each = 4 + positions  # an accumulator and a column of weights
    tile = min(channels, max(budget // each // step * step, step))
    return Tile(tile, aligned(tile * each))
