"""Prune weights with error feedback: those that stay make up for those that become zero.

With the covariance H of a layer's inputs, setting weight w_j to zero costs w_j^2 / [H^-1]_jj if all
weights that are still free make up for it (optimal brain surgeon; Hassibi and Stork 1992). Columns
are treated one after the other, as in `feedback`, where [H^-1]_jj becomes the square of the
factor's diagonal; which weights become zero is decided for a block of columns at a time (Frantar
and Alistarh 2023, "SparseGPT").
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from microlut.quantize.levels.densities import Array

MOST_SPARSE = 0.95
_BLOCK = 128  # columns among which weights are chosen


@dataclass(frozen=True, slots=True)
class Pruned:
    """Weights [groups, rows, columns] after pruning, and which of them are zero."""

    weights: Array
    zeros: NDArray[np.bool_]


def prune(weights: Array, factor: Array, sparsity: float) -> Pruned:
    """Set a share of the weights to zero, and let the others make up for them.

    Args:
        weights: [groups, rows, columns] target weights.
        factor: `feedback_factor` of the covariance of the inputs to the columns.
        sparsity: Share of the weights of the layer that become zero.
    """
    remaining = weights.copy()
    zeros = np.zeros(weights.shape, dtype=np.bool_)
    columns = weights.shape[2]
    diagonal = np.diagonal(factor, axis1=1, axis2=2)[:, None, :]
    done = 0
    for first in range(0, columns, _BLOCK):
        block = slice(first, min(first + _BLOCK, columns))
        wanted = round(sparsity * zeros[:, :, : block.stop].size)
        zeros[:, :, block] = _least(
            np.square(remaining[:, :, block] / diagonal[:, :, block]), wanted - done
        )
        done = wanted
        for j in range(block.start, block.stop):
            lost = np.where(zeros[:, :, j], remaining[:, :, j], 0.0) / factor[:, j, j, None]
            remaining[:, :, j + 1 :] -= lost[:, :, None] * factor[:, None, j, j + 1 :]
    return Pruned(np.where(zeros, 0.0, remaining), zeros)


def prune_smallest(weights: Array, sparsity: float) -> Pruned:
    """Set the smallest share of the weights to zero, where nothing is known of the inputs."""
    zeros = _least(np.abs(weights), round(sparsity * weights.size))
    return Pruned(np.where(zeros, 0.0, weights), zeros)


def _least(costs: Array, count: int) -> NDArray[np.bool_]:
    """Return which are the `count` smallest of all costs."""
    chosen = np.zeros(costs.size, dtype=np.bool_)
    chosen[np.argsort(costs, axis=None, kind="stable")[:count]] = True
    return chosen.reshape(costs.shape)
