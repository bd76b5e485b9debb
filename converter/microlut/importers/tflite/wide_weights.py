"""Weights of uint8 networks that lie more than 8 bits from their zero point, as sums of int8.

Each part of a weight is multiplied by a copy of the same input, and all products are added in one
accumulator, so that the sums are those of the whole weights.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from microlut.importers.tflite.use import Value
from microlut.ops.arrays import frozen_array
from microlut.ops.base import FloatOp
from microlut.ops.depthwise_conv2d import DepthwiseConv2D
from microlut.ops.linear import Linear
from microlut.ops.repeat import Repeat
from microlut.ops.tile import Tile
from microlut.ops.windows import Window

_INT8, _UINT8 = np.iinfo(np.int8), np.iinfo(np.uint8)


def parts_of(values: NDArray[np.uint8], zero_point: int) -> list[NDArray[np.int8]]:
    """Return arrays whose sum are the weights less their zero point: one if they fit."""
    rest = values.astype(np.int64) - zero_point
    parts: list[NDArray[np.int8]] = []
    while not parts or rest.any():
        parts.append(np.clip(rest, _INT8.min, _INT8.max).astype(np.int8))
        rest = rest - parts[-1]
    return parts


def is_wide(kernel: Value, values: NDArray[Any]) -> bool:
    """Return whether some weights of uint8 are farther from their zero point than int8 holds."""
    points = kernel.source.zero_points.tolist()
    if values.dtype != np.uint8 or len(points) != 1 or not 0 <= points[0] <= _UINT8.max:
        return False
    return len(parts_of(values, points[0])) > 1


def with_copies(
    op: Linear, kernel: Value, values: NDArray[Any], rank: int
) -> tuple[FloatOp, Linear, Value, NDArray[np.int8]]:
    """Return what copies an input of so many dimensions, and the layer with parts of its weights.

    Layers over all channels read whole copies one after the other, depthwise ones copies of each
    row.
    """
    parts = parts_of(values, int(kernel.source.zero_points[0]))
    count = len(parts)
    copies: FloatOp
    if isinstance(op, DepthwiseConv2D):
        parts = [_spread(part, op.window.dilation[0]) for part in parts]
        window = _by_rows(op.window, len(parts[0]), count)
        joined = np.stack(parts, axis=1).reshape(*window.size, -1)
        copies = Repeat((count, *(1,) * (rank - 1)))
        op = replace(op, window=window)
    else:
        joined = np.concatenate(parts, axis=-1)
        copies = Tile((*(1,) * (rank - 1), count))
    source = replace(
        kernel.source, dtype="int8", zero_points=np.zeros_like(kernel.source.zero_points)
    )
    real = frozen_array(joined.astype(np.float32) * source.scales[0])
    return copies, op.with_weights(real, op.bias), replace(kernel, source=source), joined


def _spread(values: NDArray[np.int8], dilation: int) -> NDArray[np.int8]:
    """Return a kernel [rows, ...] with rows of zeros where one that is dilated reads nothing."""
    rows = np.zeros(((len(values) - 1) * dilation + 1, *values.shape[1:]), np.int8)
    rows[::dilation] = values
    return rows


def _by_rows(window: Window, rows: int, count: int) -> Window:
    """Return a window of so many rows over a picture that has each row several times."""
    padding = replace(
        window.padding, top=window.padding.top * count, bottom=window.padding.bottom * count
    )
    (_, width), (down, across) = window.size, window.strides
    return Window((rows * count, width), (down * count, across), padding, (1, window.dilation[1]))
