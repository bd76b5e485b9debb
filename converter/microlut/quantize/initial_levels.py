"""The levels that a layer's weights begin with."""

from __future__ import annotations

import numpy as np

from microlut.quantize.assign.trellis import trellis_order
from microlut.quantize.levels.codebook import Codebook, nearest_mse
from microlut.quantize.levels.densities import Array
from microlut.quantize.levels.kmeans import kmeans_codebook
from microlut.quantize.levels.trellis_levels import density_levels, trained_levels

# From this share of zeros on, a layer is pruned: levels are found in its weights, and one is at 0.
# Levels for overlapping indices are corrected for a layer's inputs, by feedback also for those of
# pruned weights: on ResNet8 at 2 and 3 bits, fitted ones are better until half is pruned, worse
# from 70 % on.
_PRUNED = 0.25
_PRUNED_OVERLAPPING = 0.6


def is_pruned(normalized: Array, overlap: int) -> bool:
    """Return whether so many weights are 0 that no density fits."""
    share = float(np.mean(normalized == 0))
    return share >= (_PRUNED_OVERLAPPING if overlap else _PRUNED)


def fitted_levels(book: Codebook, bits: int, overlap: int) -> Array:
    """Return the initial levels of the fitted density, in the order of their indices."""
    if overlap == 0:
        return book.levels
    return book.fit.center + book.fit.deviation * density_levels(book.density, bits, overlap)


def own_levels(normalized: Array, bits: int, overlap: int) -> Array:
    """Return the initial levels that suit these very weights, in the order of their indices."""
    levels = kmeans_codebook(normalized, bits + overlap)
    if overlap == 0:
        return levels
    return trained_levels(levels[trellis_order(bits, overlap)], normalized, bits)


def least_error(normalized: Array, bits: int) -> float:
    """Return the mean squared error of the best 2^bits independent levels."""
    return nearest_mse(normalized.ravel(), kmeans_codebook(normalized, bits))
