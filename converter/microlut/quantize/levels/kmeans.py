"""Find the levels of least squared error by optimal one-dimensional k-means.

In one dimension, clusters are intervals of the sorted weights, so dynamic programming finds the
optimum (Wang and Song 2011): the best k clusters of the first j points are the best k - 1 clusters
of the first i < j points and one cluster of the rest. The best i never falls as j grows, so few
need to be tried (Gronlund et al. 2017). Large tensors are first grouped into weighted points. In
both cases, Lloyd's alternation on all weights follows.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from microlut.quantize.levels.codebook import check_bits, ordered_weights
from microlut.quantize.levels.densities import Array

_MAX_POINTS = 4096  # 16 per level at 256 levels
_MAX_STEPS = 1000
_CAPPING_ROUNDS = 8

Index = NDArray[np.intp]


def kmeans_codebook(weights: ArrayLike, bits: int) -> Array:
    """Return 2^bits ascending levels of least mean squared error under nearest assignment.

    If the weights have at most 4096 distinct values, they are the optimum. Otherwise they are a
    fixed point of Lloyd's alternation, started from the optimum of the grouped weights. With fewer
    distinct values than levels, the largest value is repeated.

    Raises:
        InvalidInput: As for `fit_codebook`.
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
    """Weighted points as running sums [n + 1] up to each edge: counts, values and squares."""

    count: Array
    value: Array
    square: Array

    def cost(self, start: Index, stop: Index) -> Array:
        """Return the squared error of the points start to stop - 1 about their mean."""
        value = self.value[stop] - self.value[start]
        square = self.square[stop] - self.square[start]
        return np.maximum(square - value * value / (self.count[stop] - self.count[start]), 0.0)


def _points(ordered: Array) -> _Points:
    """Return the distinct values or, if there are too many, groups of neighbours."""
    starts = _group_starts(ordered)
    return _Points(
        np.append(starts, ordered.size).astype(np.float64),
        _running_sum(np.add.reduceat(ordered, starts)),
        _running_sum(np.add.reduceat(ordered**2, starts)),
    )


def _group_starts(ordered: Array) -> Index:
    """Return the starts of groups of neighbouring weights, finest where levels will be.

    Good levels are at equal steps of the integral of p^(1/3) (Panter and Dite 1951). Neighbours are
    about 1 / (n p) apart, so that integral is the sum of their distances to the power of 2/3. One
    distance counts for at most two groups, or an outlier would use up all groups.
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
    """Return the sums up to each of the n + 1 edges of `values` [n], minus that of the middle one.

    Summing from the middle, a far outlier costs precision only beyond it.
    """
    middle = values.size // 2
    below, above = np.cumsum(values[:middle][::-1])[::-1], np.cumsum(values[middle:])
    return np.concatenate([-below, [0.0], above])


def _optimal_levels(points: _Points, clusters: int) -> Array:
    """Return the means of the best clusters, of which there are at most `clusters`."""
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
    """Return the least error of the first j points with one more cluster, and its start.

    Every second unsolved j is solved between the starts of its solved neighbours, all at once.
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
    """Alternate nearest levels and their means until weights no longer change levels.

    One millionth of the weights may still do so, at a threshold.
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
