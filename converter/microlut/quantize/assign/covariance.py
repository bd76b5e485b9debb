"""Compute the second moments of the inputs of a layer."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from microlut.ops.arrays import FloatArray
from microlut.ops.linear import Linear
from microlut.ops.tensor import Quantization
from microlut.quantize.assign.feedback import damped
from microlut.quantize.assign.reconstruct import InputMoments
from microlut.quantize.levels.densities import Array

_POSITIONS = 1 << 18  # positions to use: plenty for some thousand unknowns
_BATCH_VALUES = 1 << 22
# Columns up to which reconstruction is worth inverting a square matrix of that size (128 MB).
_WIDEST_RECONSTRUCTION = 4096


def reconstruction_moments(
    op: Linear,
    x: NDArray[np.int8],
    quantization: Quantization,
    real: FloatArray,
) -> InputMoments | None:
    """Return the moments for reconstructing a layer's outputs; None if the layer is too wide.

    A dense layer has one position per input. Moments of few positions are uncertain, and errors
    would be moved to where these inputs happen not to vary. So the moments are shrunk: the mean
    variance, times the ratio of columns to positions, is added to all variances.

    Args:
        op: The layer.
        x: [n, ...] its inputs in the quantized network.
        quantization: Quantization of `x`.
        real: [n, ...] its inputs in the float network.
    """
    if op.columns > _WIDEST_RECONSTRUCTION:
        return None
    found = input_moments(op, x, quantization.zero_point, real / np.float32(quantization.scale))
    each = op.positions(x.shape[1:])
    doubt = op.columns / (each * _looked_at(len(x), each))
    added = damped(found.covariance, doubt) - found.covariance
    return InputMoments(found.covariance + added, found.cross + added)


def input_moments(
    op: Linear, x: NDArray[np.int8], zero_point: int, real: FloatArray
) -> InputMoments:
    """Return the moments of the inputs to a layer's weights, in steps of the input's quantization.

    A depthwise layer has one group per input channel and one column per kernel position; others
    have one group. `x` are the quantized network's inputs, `real` the float network's, in steps.
    """
    each = op.positions(x.shape[1:])
    count = _looked_at(len(x), each)
    step = max(1, _BATCH_VALUES // (each * op.reads))
    sums: list[Array | float] = [0.0, 0.0, 0.0, 0.0]
    origin: NDArray[np.float32] | None = None
    for start in range(0, count, step):
        part = slice(start, min(start + step, count))
        rows = op.receptive_fields(x[part].astype(np.float32) - np.float32(zero_point))
        others = op.receptive_fields(real[part])
        if origin is None:
            # Centred values keep small variances positive in single precision.
            origin = np.round(rows.mean(axis=1, keepdims=True))
        rows, others = rows - origin, others - origin
        turned = np.swapaxes(rows, 1, 2)
        terms = (rows.sum(axis=1), others.sum(axis=1), turned @ rows, turned @ others)
        sums = [total + term.astype(np.float64) for total, term in zip(sums, terms, strict=True)]
    mean, other, square, product = (np.asarray(total) / (count * each) for total in sums)
    return InputMoments(
        square - mean[:, :, None] * mean[:, None, :],
        product - mean[:, :, None] * other[:, None, :],
    )


def _looked_at(inputs: int, each: int) -> int:
    """Return how many inputs to use if each has that many positions."""
    return min(inputs, max(1, _POSITIONS // each))
