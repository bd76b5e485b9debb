"""How the inputs of a layer vary together: an operator and its inputs in, their moments out."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from microlut.ops.arrays import FloatArray
from microlut.ops.linear import Linear
from microlut.ops.tensor import Quantization
from microlut.quantize.assign.feedback import damped
from microlut.quantize.assign.reconstruct import InputMoments
from microlut.quantize.levels.densities import Array

_POSITIONS = 1 << 18  # pixels that are looked at: plenty for some thousand unknowns
_BATCH_VALUES = 1 << 22
# Columns up to which a reconstruction is worth inverting a matrix of their square (128 MB).
_WIDEST_RECONSTRUCTION = 4096


def reconstruction_moments(
    op: Linear,
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
    """Return the moments of what meets a layer's weights, in steps of the input's quantization.

    A depthwise layer has a group an input channel and a column a kernel position; the others have
    one group. `x` are the quantized network's inputs, `real` the float network's, in those steps.
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


def _looked_at(inputs: int, each: int) -> int:
    """Return of how many inputs, with so many positions each, moments are taken."""
    return min(inputs, max(1, _POSITIONS // each))
