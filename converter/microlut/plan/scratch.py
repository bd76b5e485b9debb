"""The tiles that a layer can be done in, and the scratch bytes that each takes.

The formulas are the engine's own; each operator's header in firmware/include/microlut states its.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

from microlut.ops.arrays import Shape
from microlut.ops.base import IntegerOp
from microlut.ops.conv2d import QConv2D
from microlut.ops.dense import QDense
from microlut.ops.depthwise_conv2d import QDepthwiseConv2D
from microlut.ops.overlap import pair_table
from microlut.ops.weights import QuantizedWeights
from microlut.plan.arena import aligned

_CHANNEL_BYTES = 16  # of mlut_channel_t: an expanded bias, multiplier, shift and nudge
_CHANNELS_AT_A_TIME = 8  # a multiple of 8 indices ends on a byte at any width
_FEWEST_QUADS = 2  # Cortex-M55 takes 16 bytes a row


@dataclass(frozen=True, slots=True)
class Tile:
    """Output channels decoded together, the scratch bytes of the layer, and rows of a band."""

    channels: int
    scratch_bytes: int
    rows: int = 0


def tiles(op: IntegerOp, shape: Shape, adds: bool = False) -> Iterator[Tile]:
    """Yield the tiles that a layer can be done in, that of all channels and rows first.

    Of the tiles that need as many passes, only the smallest is among them.

    Args:
        op: The layer.
        shape: Its output's shape.
        adds: A convolution that adds its outputs keeps those of four pixels in scratch.
    """
    match op:
        case QConv2D():
            yield from _convolution_tiles(op, adds)
        case QDense(weights=weights):
            units, inputs = weights.shape
            yield Tile(units, _dense_bytes(inputs, weights))
        case QDepthwiseConv2D():
            yield from _depthwise_tiles(op, shape)
        case _:
            yield Tile(0, 0)


def whole_tile(op: IntegerOp, shape: Shape) -> Tile:
    """Return the tile that holds all of a layer's channels and rows."""
    return next(tiles(op, shape))


def patches(op: QConv2D) -> bool:
    """Return whether receptive fields are gathered as bytes before they are widened.

    Words are widened in place of bytes where channels come in fours or a field is one pixel.
    """
    return op.weights.shape[3] % 4 != 0 and op.window.size != (1, 1)


def _convolution_tiles(op: QConv2D, adds: bool) -> Iterator[Tile]:
    channels, columns = op.weights.indices.shape
    quads = max(-(-columns // 4), _FEWEST_QUADS)
    fixed = 32 * quads + (4 * quads if patches(op) else 0)
    each = _CHANNEL_BYTES + 8 * quads + (4 if adds else 0)
    for tile in _even_shares(channels, 2):
        yield Tile(tile, aligned((tile + tile % 2) * each + fixed))


def _dense_bytes(inputs: int, weights: QuantizedWeights) -> int:
    """Return the bytes of a table of pairs of weights, if it stays small, and of widened inputs."""
    if weights.codebook is None:  # the rows in flash are the weights
        return 0
    table = 4 * pair_table(weights.bits, weights.index_bits)
    return aligned(table + 2 * (-(-inputs // 8) * 8))


def _depthwise_tiles(op: QDepthwiseConv2D, shape: Shape) -> Iterator[Tile]:
    height, width, channels = shape
    each = _CHANNEL_BYTES + math.prod(op.weights.shape[:2])
    for rows in _even_shares(height, 1, least=2):
        band = _band_bytes(op, rows, width)
        for tile in _even_shares(channels, _CHANNELS_AT_A_TIME * op.depth_multiplier):
            yield Tile(tile, aligned(tile * each + band), rows)


def _band_bytes(op: QDepthwiseConv2D, rows: int, width: int) -> int:
    """Return the bytes of four planes of int16 that hold the inputs of some output rows."""
    window = op.window
    (height, kernel), (down, right) = window.size, window.dilation
    tall = (rows - 1) * window.strides[0] + (height - 1) * down + 1
    wide = (width - 1) * window.strides[1] + (kernel - 1) * right + 1
    return 8 * (tall + tall % 2) * wide


def _even_shares(count: int, step: int, least: int = 1) -> Iterator[int]:
    """Yield the sizes that share `count` out evenly, `count` itself first.

    They are multiples of `step` (or `count`), each the smallest for its number of shares.
    """
    last = 0
    for shares in range(1, -(-count // step) + 1):
        size = min(count, -(-count // (shares * step)) * step)
        if size != last and size >= min(least, count):
            yield size
        last = size
