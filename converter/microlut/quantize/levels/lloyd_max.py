"""Find the levels with the least mean squared error for a unit-variance density.

A quantizer is optimal if every threshold is the midpoint of its neighbouring levels and every level
is the mean of its interval (Lloyd 1957, Max 1960). Both densities are log-concave, so there is only
one such fixed point (Fleischer 1964). Alternating the two conditions converges slowly at 64 levels
and more; Newton's method on the same equations is tridiagonal and takes a few steps.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import numpy as np

from microlut.quantize.levels.densities import DENSITIES, Array, Density, DensityName

_TOLERANCE = 1e-13
_MAX_STEPS = 200


@dataclass(frozen=True, slots=True)
class OptimalQuantizer:
    """Levels [n] and thresholds [n - 1] in ascending order, and their mean squared error."""

    levels: Array
    thresholds: Array
    mse: float


@cache
def optimal_quantizer(density: DensityName, levels: int) -> OptimalQuantizer:
    """Return the optimal quantizer of the unit-variance density with `levels` (even) levels.

    The error is E[x^2] - E[Q(x)^2] = 1 - sum p_i l_i^2, which holds because each level is the mean
    of its interval.
    """
    if levels < 2 or levels % 2:
        raise ValueError(f"levels must be even and at least 2, not {levels}")
    shape = DENSITIES[density]
    edges = _positive_edges(shape, levels // 2)
    half = shape.interval_mean(edges[:-1], edges[1:])
    probability = shape.tail(edges[:-1]) - shape.tail(edges[1:])
    full = np.concatenate([-half[::-1], half])
    inner = edges[1:-1]
    thresholds = np.concatenate([-inner[::-1], [0.0], inner])
    for array in (full, thresholds):
        array.setflags(write=False)
    return OptimalQuantizer(full, thresholds, float(1.0 - 2.0 * np.sum(probability * half**2)))


def _positive_edges(shape: Density, count: int) -> Array:
    """Return the count + 1 interval edges of the positive half, from 0 to infinity."""
    edges = _companding_start(shape, count)
    for _ in range(_MAX_STEPS if count > 1 else 0):
        step = _newton_step(shape, edges)
        # Far from the optimum, a full step may cross a neighbour: halve it until the order holds.
        while np.any(np.diff(edges[:-1] + np.append(0.0, step)) <= 0):
            step *= 0.5
        edges[1:-1] += step
        if np.max(np.abs(step)) < _TOLERANCE * edges[-2]:
            break
    return edges


def _newton_step(shape: Density, edges: Array) -> Array:
    """Return Newton's step for t_i - (m(t_(i-1), t_i) + m(t_i, t_(i+1))) / 2 = 0.

    With the density p, and an interval (a, b) of probability P and mean m,
    dm/da = p(a) (m - a) / P and dm/db = p(b) (b - m) / P.
    """
    low, high = edges[:-1], edges[1:]
    mean = shape.interval_mean(low, high)
    probability = shape.tail(low) - shape.tail(high)
    by_low = shape.pdf(low) * (mean - low) / probability
    finite = np.where(np.isinf(high), 0.0, high)
    by_high = np.where(np.isinf(high), 0.0, shape.pdf(finite) * (finite - mean) / probability)
    residual = edges[1:-1] - 0.5 * (mean[:-1] + mean[1:])
    banded = np.zeros((3, len(residual)))
    banded[1] = 1.0 - 0.5 * (by_high[:-1] + by_low[1:])
    banded[0, 1:] = -0.5 * by_high[1:-1]
    banded[2, :-1] = -0.5 * by_low[1:-1]
    from scipy.linalg import solve_banded  # a quarter of a second, which few verbs need

    return -np.asarray(solve_banded((1, 1), banded, residual))


def _companding_start(shape: Density, count: int) -> Array:
    """Return edges of equal integral of p^(1/3), optimal for many levels (Panter and Dite 1951)."""
    grid = np.linspace(0.0, 20.0, 4001)
    integral = np.concatenate([[0.0], np.cumsum(np.cbrt(shape.pdf(0.5 * (grid[1:] + grid[:-1]))))])
    inner = np.interp(np.arange(1, count) / count * integral[-1], integral, grid)
    return np.concatenate([[0.0], inner, [np.inf]])
