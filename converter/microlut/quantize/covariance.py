"""How the inputs of a layer vary together: an operator and its int8 inputs in, a covariance out."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from microlut.interpreter.float_ops import patches
from microlut.ir import Conv2D, Dense, DepthwiseConv2D
from microlut.quantize.densities import Array

_POSITIONS = 1 << 18  # pixels that are looked at: plenty for some thousand unknowns
_BATCH_VALUES = 1 << 22


def input_covariance(
    op: Conv2D | DepthwiseConv2D | Dense, x: NDArray[np.int8], zero_point: int
) -> Array:
    """Return the covariance [groups, columns, columns] of what meets a layer's weights.

    A depthwise layer has a group an input channel and a column a kernel position; the others have
    one group. Units are steps of the input's quantization.
    """
    each = math.prod(
        x.shape[1:-1] if isinstance(op, Dense) else op.window.output_size(*x.shape[1:3])
    )
    samples = x[: max(1, _POSITIONS // each)]
    step = max(1, _BATCH_VALUES // (each * _values(op)))
    total: Array | float = 0.0
    squares: Array | float = 0.0
    count = 0
    origin: NDArray[np.float32] | None = None
    for start in range(0, len(samples), step):
        rows = _rows(op, samples[start : start + step], zero_point)
        if origin is None:
            # Near the mean, single precision keeps small variances positive.
            origin = np.round(rows.mean(axis=1, keepdims=True))
        rows -= origin
        count += rows.shape[1]
        total = total + rows.sum(axis=1, dtype=np.float64)
        squares = squares + (np.swapaxes(rows, 1, 2) @ rows).astype(np.float64)
    mean = np.asarray(total) / count
    return np.asarray(squares) / count - mean[:, :, None] * mean[:, None, :]


def column_count(op: Conv2D | DepthwiseConv2D | Dense) -> int:
    """Return how many weights an output value is the sum of: rows and columns of the covariance."""
    if isinstance(op, DepthwiseConv2D):
        return math.prod(op.window.size)
    return int(op.kernel[0].size)


def _values(op: Conv2D | DepthwiseConv2D | Dense) -> int:
    """Return how many input values one output position sees."""
    if isinstance(op, DepthwiseConv2D):
        return int(op.kernel.size) // op.depth_multiplier
    return column_count(op)


def _rows(
    op: Conv2D | DepthwiseConv2D | Dense, x: NDArray[np.int8], zero_point: int
) -> NDArray[np.float32]:
    """Return the inputs that meet the columns: [groups, positions, columns]."""
    match op:
        case Dense():
            seen = x.reshape(1, -1, x.shape[-1])
        case Conv2D(window=window):
            seen = patches(x, window, zero_point).reshape(1, -1, op.kernel[0].size)
        case DepthwiseConv2D(window=window):
            columns = patches(x, window, zero_point)
            by_channel = np.moveaxis(columns, -1, 0)
            seen = by_channel.reshape(len(by_channel), -1, math.prod(window.size))
    return seen.astype(np.float32) - np.float32(zero_point)
