"""How the inputs of a layer vary together: an operator and its inputs in, their moments out."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from microlut.graph.evaluate import patches
from microlut.graph.ir import Conv2D, Dense, DepthwiseConv2D, FloatArray, Weighted
from microlut.integer import Quantization
from microlut.quantize.assign.feedback import damped
from microlut.quantize.assign.reconstruct import InputMoments
from microlut.quantize.levels.densities import Array

_POSITIONS = 1 << 18  # pixels that are looked at: plenty for some thousand unknowns
_BATCH_VALUES = 1 << 22
# Columns up to which a reconstruction is worth inverting a matrix of their square (128 MB).
_WIDEST_RECONSTRUCTION = 4096


def reconstruction_moments(
    op: Weighted,
    x: NDArray[np.int8],
    quantization: Quantization,
    real: FloatArray,
) -> InputMoments | None:
    """Return the moments that a layer's outputs are reconstructed by; None for too wide a layer.

    Those of few positions, as a dense layer's, are uncertain, and errors would be hidden where
    these inputs happen not to vary: the mean variance, times columns over positions, is added.

    Args:
        op: The layer.
        x: [n, ...] what it reads in the quantized network.
        quantization: Of `x`.
        real: [n, ...] what it reads in the float network.
    """
    if column_count(op) > _WIDEST_RECONSTRUCTION:
        return None
    found = input_moments(op, x, quantization.zero_point, real / np.float32(quantization.scale))
    each = _positions(op, x)
    doubt = column_count(op) / (each * _looked_at(len(x), each))
    added = damped(found.covariance, doubt) - found.covariance
    return InputMoments(found.covariance + added, found.cross + added)


def input_moments(
    op: Weighted, x: NDArray[np.int8], zero_point: int, real: FloatArray
) -> InputMoments:
    """Return the moments of what meets a layer's weights, in steps of the input's quantization.

    A depthwise layer has a group an input channel and a column a kernel position; the others have
    one group. `x` are the quantized network's inputs, `real` the float network's, in those steps.
    """
    each = _positions(op, x)
    count = _looked_at(len(x), each)
    step = max(1, _BATCH_VALUES // (each * _values(op)))
    sums: list[Array | float] = [0.0, 0.0, 0.0, 0.0]
    origin: NDArray[np.float32] | None = None
    for start in range(0, count, step):
        part = slice(start, min(start + step, count))
        rows = _rows(op, x[part].astype(np.float32) - np.float32(zero_point))
        others = _rows(op, real[part])
        if origin is None:
            # Near the mean, single precision keeps small variances positive.
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


def _positions(op: Weighted, x: NDArray[np.int8]) -> int:
    """Return how many output positions one of the inputs [n, ...] has."""
    if isinstance(op, Dense):
        return math.prod(x.shape[1:-1])
    return math.prod(op.window.output_size(*x.shape[1:3]))


def _looked_at(inputs: int, each: int) -> int:
    """Return of how many inputs, with so many positions each, moments are taken."""
    return min(inputs, max(1, _POSITIONS // each))


def column_count(op: Weighted) -> int:
    """Return how many weights an output value is the sum of: rows and columns of the covariance."""
    if isinstance(op, DepthwiseConv2D):
        return math.prod(op.window.size)
    return int(op.kernel[0].size)


def _values(op: Weighted) -> int:
    """Return how many input values one output position sees."""
    if isinstance(op, DepthwiseConv2D):
        return int(op.kernel.size) // op.depth_multiplier
    return column_count(op)


def _rows(op: Weighted, x: FloatArray) -> FloatArray:
    """Return the inputs that meet the columns: [groups, positions, columns]."""
    match op:
        case Dense():
            return x.reshape(1, -1, x.shape[-1])
        case Conv2D(window=window):
            return patches(x, window, 0.0).reshape(1, -1, op.kernel[0].size)
        case DepthwiseConv2D(window=window):
            by_channel = np.moveaxis(patches(x, window, 0.0), -1, 0)
            return by_channel.reshape(len(by_channel), -1, math.prod(window.size))
