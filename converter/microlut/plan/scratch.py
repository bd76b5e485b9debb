"""How many channels a layer decodes at a time, and the scratch bytes that takes.

The formulas are the engine's own; firmware/include/microlut/microlut.h states them per layer.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from microlut.ir import Shape
from microlut.plan.arena import aligned
from microlut.quantized import QConv2D, QDense, QDepthwiseConv2D, QOp

SMALL_TILE_BYTES = 2048  # what a tile may take even where the arena is full
_CHANNEL_BYTES = 16  # of mlut_channel_t: an expanded bias, multiplier, shift and nudge
_LARGEST_TABLE_BITS = 4  # up to which a dense layer decodes two weights by one entry
_CHANNELS_AT_A_TIME = 8  # a multiple of 8 indices ends on a byte at any width
_FEWEST_QUADS = 2  # Cortex-M55 takes 16 bytes a row
_EVERYTHING = 1 << 31  # bytes, more than any arena


@dataclass(frozen=True, slots=True)
class Tile:
    """Output channels decoded together, the scratch bytes of the layer, and rows of a band."""

    channels: int
    scratch_bytes: int
    rows: int = 0


def choose_tile(
    op: QOp, shape: Shape, free_bytes: int, adds: bool = False, least: int = SMALL_TILE_BYTES
) -> Tile:
    """Return a tile within `free_bytes` of scratch, or the small default one.

    It is the smallest with which the layer takes as few tiles as with the largest that fits.

    Args:
        op: The layer.
        shape: Its output's shape.
        free_bytes: What scratch may take.
        adds: A convolution that adds its outputs keeps those of four pixels in scratch.
        least: Bytes that a tile may take anyway.
    """
    budget = max(free_bytes, least)
    match op:
        case QConv2D():
            return _convolution_tile(op, budget, adds)
        case QDense(weights=weights):
            units, inputs = weights.shape
            return Tile(units, _dense_bytes(inputs, weights.bits))
        case QDepthwiseConv2D():
            return _depthwise_tile(op, shape, budget)
    return Tile(0, 0)


def whole_tile(op: QOp, shape: Shape) -> Tile:
    """Return the tile that holds all of a layer's channels and rows."""
    return choose_tile(op, shape, _EVERYTHING)


def patches(op: QConv2D) -> bool:
    """Return whether receptive fields are gathered as bytes before they are widened.

    Words are widened in place of bytes where channels come in fours or a field is one pixel.
    """
    return op.weights.shape[3] % 4 != 0 and op.window.size != (1, 1)


def _convolution_tile(op: QConv2D, budget: int, adds: bool) -> Tile:
    channels, columns = op.weights.indices.shape
    quads = max(-(-columns // 4), _FEWEST_QUADS)
    fixed = 32 * quads + (4 * quads if patches(op) else 0)
    each = _CHANNEL_BYTES + 8 * quads + (4 if adds else 0)
    tile = _even_tile(channels, (budget - fixed) // each, 2)
    return Tile(tile, aligned((tile + tile % 2) * each + fixed))


def _dense_bytes(inputs: int, bits: int) -> int:
    """Return the bytes of a table of pairs of weights, if it stays small, and of widened inputs."""
    if bits == 8:  # the rows in flash are the weights
        return 0
    table = 4 << 2 * bits if bits <= _LARGEST_TABLE_BITS else 0
    return aligned(table + 2 * (-(-inputs // 8) * 8))


def _depthwise_tile(op: QDepthwiseConv2D, shape: Shape, budget: int) -> Tile:
    """Return all rows if they fit, else as many as do, and then as many channels as fit beside."""
    height, width, channels = shape
    positions = math.prod(op.weights.shape[:2])
    each = _CHANNEL_BYTES + positions
    step = _CHANNELS_AT_A_TIME * op.depth_multiplier
    room = budget - min(channels, step) * each
    fitting = max((n for n in range(1, height + 1) if _band_bytes(op, n, width) <= room), default=1)
    rows = _even_tile(height, fitting, min(2, height))
    band = _band_bytes(op, rows, width)
    tile = _even_tile(channels, (budget - band) // each, step)
    return Tile(tile, aligned(tile * each + band), rows)


def _band_bytes(op: QDepthwiseConv2D, rows: int, width: int) -> int:
    """Return the bytes of four planes of int16 that hold the inputs of some output rows."""
    window = op.window
    (height, kernel), (down, right) = window.size, window.dilation
    tall = (rows - 1) * window.strides[0] + (height - 1) * down + 1
    wide = (width - 1) * window.strides[1] + (kernel - 1) * right + 1
    return 8 * (tall + tall % 2) * wide


def _even_tile(channels: int, fitting: int, step: int) -> int:
    """Return the smallest multiple of `step`, or all channels, that needs no more tiles."""
    largest = channels if fitting >= channels else max(fitting // step * step, step)
    largest = min(channels, largest)
    tiles = -(-channels // largest)
    return min(channels, -(-channels // (tiles * step)) * step)
