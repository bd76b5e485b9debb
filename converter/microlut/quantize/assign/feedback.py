"""Assign weights to levels with error feedback: what one weight loses, the next ones make up for.

Rounding every weight to its nearest level keeps the weights near; a layer needs its *outputs*
near. With the covariance H of a layer's inputs, the squared output error of an error e in the
weights is e H e. The columns are quantized one after the other, and each one's error is spread over
the columns not yet quantized so as to minimise that (Frantar et al. 2022, "GPTQ", with a codebook
in place of a uniform grid). The mean of the inputs plays no part: biases absorb it.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from microlut.quantize.levels.codebook import nearest_index
from microlut.quantize.levels.densities import Array

_DAMPING = 0.01  # of the mean variance, added to all: keeps rarely active inputs from dominating


def assign_with_feedback(
    weights: Array, factor: Array, levels: Array, scales: Array
) -> NDArray[np.intp]:
    """Return the index of a level for every weight.

    Args:
        weights: [groups, rows, columns]; a depthwise layer has a group a channel, others one.
        factor: What `feedback_factor` makes of the covariance of the inputs that meet the columns.
        levels: [n] ascending.
        scales: [groups, rows]; the real value of level l in a row is scale * l.
    """
    remaining = weights.copy()
    indices = np.empty(weights.shape, dtype=np.intp)
    for j in range(weights.shape[2]):
        chosen = nearest_index(remaining[:, :, j] / scales, levels)
        indices[:, :, j] = chosen
        error = (remaining[:, :, j] - scales * levels[chosen]) / factor[:, j, j, None]
        remaining[:, :, j + 1 :] -= error[:, :, None] * factor[:, None, j, j + 1 :]
    return indices


def refit_scales(weights: Array, covariance: Array, chosen: Array, scales: Array) -> Array:
    """Return the scales [groups, rows] that minimise the output error for the chosen levels.

    For levels l of a row with weights w that is (w H l) / (l H l); rows without any keep theirs.
    """
    weighted = chosen @ covariance
    energy = np.sum(weighted * chosen, axis=2)
    fitted = np.sum(weighted * weights, axis=2) / np.where(energy > 0, energy, 1.0)
    return np.where((energy > 0) & (fitted > 0), fitted, scales)


def damped(covariance: Array, share: float = _DAMPING) -> Array:
    """Return the covariance with a little added to its diagonal, which makes it invertible.

    It is `share` of the mean variance.
    """
    columns = covariance.shape[-1]
    mean = np.trace(covariance, axis1=1, axis2=2) / columns
    # An input that never varies on the samples leaves nothing to weigh by: plain rounding then.
    added = np.where(mean > 0, share * mean, 1.0)
    return covariance + added[:, None, None] * np.eye(columns)


def feedback_factor(covariance: Array) -> Array:
    """Return the upper Cholesky factors U [groups, columns, columns] of inverses: H^-1 = U^T U."""
    inverse = np.linalg.inv(damped(covariance))
    symmetric = 0.5 * (inverse + np.swapaxes(inverse, 1, 2))
    return np.swapaxes(np.linalg.cholesky(symmetric), 1, 2)
