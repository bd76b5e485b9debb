"""Optimal one-dimensional k-means: weights and bits in, the levels of least squared error out.

In one dimension clusters are intervals of the sorted weights, so dynamic programming finds the
optimum (Wang and Song 2011): the best j points in k clusters are the best i < j in k - 1 and one
cluster of the rest. The best i never falls as j grows, which leaves few to try (Gronlund et al.
2017). Large tensors are first grouped to weighted points; Lloyd's alternation on all weights ends
either way.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from microlut.quantize.levels.codebook import check_bits, ordered_weights
from microlut.quantize.levels.densities import Array

_MAX_POINTS = 4096  # 16 for each of 256 levels
_MAX_STEPS = 1000
_CAPPING_ROUNDS = 8

Index = NDArray[np.intp]


def kmeans_codebook(weights: ArrayLike, bits: int) -> Array:
    """Return 2^bits ascending levels of least mean squared error, each weight at its nearest.

    They are the optimum where the weights have at most 4096 distinct values, and else a fixed
    point of Lloyd's alternation that starts from the optimum of the grouped weights. With fewer
    distinct values than levels the largest one is repeated.

    Raises:
        InvalidInput: as `fit_codebook` does.
    """
    check_bits(bits)
    ordered = ordered_weights(weights)
    center = ordered[ordered.size // 2]
    ordered -= center
    levels = _lloyd(ordered, _optimal_levels(_points(ordered), 2 ** int(bits)))
    spare = np.full(2 ** int(bits) - levels.size, levels[-1])
    result: Array = np.concatenate([levels, spare]) + center
    return result


@dataclass(frozen=True, slots=True)
class _Points:
    """Weighted points by running sums up to each edge: their counts, values and squares [n + 1]."""

    count: Array
    value: Array
    square: Array

    def cost(self, start: Index, stop: Index) -> Array:
        """Return the squared error of the points start ... stop - 1 about their mean."""
        value = self.value[stop] - self.value[start]
        square = self.square[stop] - self.square[start]
        return np.maximum(square - value * value / (self.count[stop] - self.count[start]), 0.0)


def _points(ordered: Array) -> _Points:
    """Return the distinct values, or where there are too many, groups of neighbours."""
    starts = _group_starts(ordered)
    return _Points(
        np.append(starts, ordered.size).astype(np.float64),
        _running_sum(np.add.reduceat(ordered, starts)),
        _running_sum(np.add.reduceat(ordered**2, starts)),
    )


def _group_starts(ordered: Array) -> Index:
    """Return where groups of neighbouring weights start: few, and finest where levels will be.

    Good levels lie at equal steps of the integral of p^(1/3) (Panter and Dite 1951). Neighbours
    are about 1 / (n p) apart, so that is the sum of their distances to the power of 2/3; one
    distance counts for no more than two groups, or an outlier would take them all.
    """
    reach = np.diff(ordered)
    distinct = np.flatnonzero(reach) + 1
    if distinct.size < _MAX_POINTS:
        return np.append(0, distinct)
    np.cbrt(reach * reach, out=reach)
    for _ in range(_CAPPING_ROUNDS):
        np.minimum(reach, 2.0 * reach.sum() / _MAX_POINTS, out=reach)
    np.cumsum(reach, out=reach)
    targets = np.arange(1, _MAX_POINTS) / _MAX_POINTS * reach[-1]
    return np.append(0, np.unique(np.searchsorted(reach, targets) + 1))


def _running_sum(values: Array) -> Array:
    """Return the sums up to each of the n + 1 edges of `values` [n], less that of the middle one.

    Summing from the middle, a far outlier drowns nothing but what lies beyond it.
    """
    middle = values.size // 2
    below, above = np.cumsum(values[:middle][::-1])[::-1], np.cumsum(values[middle:])
    return np.concatenate([-below, [0.0], above])


def _optimal_levels(points: _Points, clusters: int) -> Array:
    """Return the means of at most `clusters` clusters of least squared error."""
    edges = np.arange(1, points.count.size)
    best = np.append(0.0, points.cost(np.zeros_like(edges), edges))
    starts = []
    for _ in range(min(clusters, edges.size) - 1):
        best, start = _add_cluster(best, points)
        starts.append(start)
    bounds = [points.count.size - 1]
    for start in reversed(starts):
        bounds.append(int(start[bounds[-1]]))
    chosen = np.unique([0, *bounds])
    means: Array = np.diff(points.value[chosen]) / np.diff(points.count[chosen])
    return means


def _add_cluster(previous: Array, points: _Points) -> tuple[Array, Index]:
    """Return the least error of the first j points with one more cluster, and where that starts.

    Every second open j is solved between the starts of its solved neighbours, all at once.
    """
    best, start = np.zeros_like(previous), np.zeros(previous.size, dtype=np.intp)
    last = previous.size - 1
    step = 1 << last.bit_length()
    while step := step // 2:
        rows = np.arange(step, last + 1, 2 * step)
        after = np.minimum(rows + step, last)
        low = start[rows - step]
        high = np.minimum(np.where(rows + step <= last, start[after], last), rows - 1)
        lengths = high - low + 1
        first = np.cumsum(lengths) - lengths
        candidates = np.arange(lengths.sum()) + np.repeat(low - first, lengths)
        errors = previous[candidates] + points.cost(candidates, np.repeat(rows, lengths))
        best[rows] = np.minimum.reduceat(errors, first)
        hits = np.flatnonzero(errors == np.repeat(best[rows], lengths))
        start[rows] = candidates[hits[np.searchsorted(hits, first)]]
    return best, start


def _lloyd(ordered: Array, levels: Array) -> Array:
    """Alternate nearest levels and their means until weights no longer change sides.

    A millionth of the weights may still do so at a threshold.
    """
    sums, before = _running_sum(ordered), np.zeros(levels.size + 1, dtype=np.intp)
    for _ in range(_MAX_STEPS):
        inner = np.searchsorted(ordered, 0.5 * (levels[1:] + levels[:-1]))
        edges = np.concatenate([[0], inner, [ordered.size]])
        count = np.diff(edges)
        levels = np.where(count > 0, np.diff(sums[edges]) / np.maximum(count, 1), levels)
        if np.abs(edges - before).max() <= ordered.size // 1_000_000:
            break
        before = edges
    return levels
