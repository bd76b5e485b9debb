"""Assign weights to levels with error feedback: later weights compensate earlier errors.

Rounding every weight to its nearest level keeps the weights close, but what matters are the
*outputs* of the layer. With the covariance H of a layer's inputs, the squared output error of an
error e in the weights is e H e. The columns are quantized one after the other, and the error of
each is spread over the columns not yet quantized so as to minimize that (Frantar et al. 2022,
"GPTQ", with a codebook instead of a uniform grid). The mean of the inputs does not matter, because
biases absorb it.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from microlut.quantize.levels.codebook import nearest_index
from microlut.quantize.levels.densities import Array

_DAMPING = 0.01  # of the mean variance, added to all, so that rarely active inputs do not dominate


def assign_with_feedback(
    weights: Array,
    factor: Array,
    levels: Array,
    scales: Array,
    zeros: NDArray[np.bool_] | None = None,
) -> NDArray[np.intp]:
    """Return the index of a level for every weight.

    Args:
        weights: [groups, rows, columns]; a depthwise layer has one group per channel, others one.
        factor: `feedback_factor` of the covariance of the inputs to the columns.
        levels: [n] ascending.
        scales: [groups, rows]; the real value of level l in a row is scale * l.
        zeros: Weights that get the level nearest to zero; None for none.
    """
    remaining = weights.copy()
    indices = np.empty(weights.shape, dtype=np.intp)
    for j in range(weights.shape[2]):
        chosen = nearest_index(remaining[:, :, j] / scales, levels)
        if zeros is not None:
            chosen[zeros[:, :, j]] = zero_level(levels)
        indices[:, :, j] = chosen
        error = (remaining[:, :, j] - scales * levels[chosen]) / factor[:, j, j, None]
        remaining[:, :, j + 1 :] -= error[:, :, None] * factor[:, None, j, j + 1 :]
    return indices


def zero_level(levels: Array) -> int:
    """Return the index of the level nearest to zero."""
    return int(np.argmin(np.abs(levels)))


def refit_scales(weights: Array, covariance: Array, chosen: Array, scales: Array) -> Array:
    """Return the scales [groups, rows] that minimize the output error for the chosen levels.

    For levels l of a row with weights w, the scale is (w H l) / (l H l); rows of zeros keep theirs.
    """
    weighted = chosen @ covariance
    energy = np.sum(weighted * chosen, axis=2)
    fitted = np.sum(weighted * weights, axis=2) / np.where(energy > 0, energy, 1.0)
    return np.where((energy > 0) & (fitted > 0), fitted, scales)


def damped(covariance: Array, share: float = _DAMPING) -> Array:
    """Return the covariance with `share` of the mean variance added to its diagonal.

    That makes it invertible.
    """
    columns = covariance.shape[-1]
    mean = np.trace(covariance, axis1=1, axis2=2) / columns
    # If the inputs never vary, there are no weights for errors: use plain rounding.
    added = np.where(mean > 0, share * mean, 1.0)
    return covariance + added[:, None, None] * np.eye(columns)


def feedback_factor(covariance: Array) -> Array:
    """Return the upper Cholesky factors U [groups, columns, columns] of inverses: H^-1 = U^T U."""
    inverse = np.linalg.inv(damped(covariance))
    symmetric = 0.5 * (inverse + np.swapaxes(inverse, 1, 2))
    return np.swapaxes(np.linalg.cholesky(symmetric), 1, 2)
