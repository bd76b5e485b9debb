"""Fit a codebook to weights: maximum-likelihood densities, a KS choice, then optimal levels.

The method is the data-free one of Luqman, Qazi and Khan, "Post-Training Non-Uniform Quantization
for Convolutional Neural Networks" (arXiv 2412.07391).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from microlut.errors import InvalidInput
from microlut.quantize.densities import DENSITIES, Array, DensityName
from microlut.quantize.lloyd_max import optimal_quantizer

MIN_BITS, MAX_BITS = 1, 8


@dataclass(frozen=True, slots=True)
class Codebook:
    """Fitted levels and what is known about the fit; all in the units of the weights.

    Attributes:
        levels: [2^bits] reconstruction levels, ascending; the outermost two bound the clipping.
        thresholds: [2^bits - 1] decision thresholds, midpoints of neighbouring levels.
        density: The density that the levels are optimal for.
        ks_gaussian: Kolmogorov-Smirnov statistic of the Gaussian fit (0 is a perfect fit).
        ks_laplace: The same of the Laplace fit.
        predicted_mse: Mean squared error that the density predicts.
        mse: Mean squared error on the weights themselves.
    """

    levels: Array
    thresholds: Array
    density: DensityName
    ks_gaussian: float
    ks_laplace: float
    predicted_mse: float
    mse: float


@dataclass(frozen=True, slots=True)
class DensityFit:
    """A density's maximum-likelihood centre and standard deviation, and its KS statistic."""

    density: DensityName
    center: float
    deviation: float
    ks: float


def fit_densities(weights: Array) -> tuple[DensityFit, DensityFit]:
    """Fit a Gaussian (mean, standard deviation) and a Laplace (median, mean deviation) density.

    A constant tensor has deviation 0 and, its distribution being a step, a KS statistic of 0.5.
    """
    ordered = np.sort(weights, axis=None)
    mean, median = float(ordered.mean()), float(np.median(ordered))
    spread = float(np.abs(ordered - median).mean())
    candidates = (
        (DensityName.GAUSSIAN, mean, float(ordered.std())),
        # A Laplace density with mean absolute deviation b has the variance 2 b^2.
        (DensityName.LAPLACE, median, float(np.sqrt(2.0)) * spread),
    )
    gaussian, laplace = (
        DensityFit(name, center, deviation, _ks(ordered, name, center, deviation))
        for name, center, deviation in candidates
    )
    return gaussian, laplace


def _ks(ordered: Array, name: DensityName, center: float, deviation: float) -> float:
    """Return the largest distance between the empirical and the fitted distribution function."""
    if deviation <= 0.0:
        return 0.5
    fitted = DENSITIES[name].cdf((ordered - center) / deviation)
    count = ordered.size
    above = np.max(np.arange(1, count + 1) / count - fitted)
    below = np.max(fitted - np.arange(count) / count)
    return float(max(above, below))


def fit_codebook(
    weights: ArrayLike,
    bits: int,
    density: Literal["auto", "gaussian", "laplace"] = "auto",
) -> Codebook:
    """Fit 2^bits optimal levels to `weights` (any shape, at least one value).

    Raises:
        InvalidInput: no weights, NaN or infinity among them, or bits outside 1 to 8.

    Example:
        >>> book = fit_codebook(np.linspace(-1, 1, 101), bits=2)
        >>> len(book.levels), book.density.value
        (4, 'gaussian')
    """
    values = np.asarray(weights, dtype=np.float64).ravel()
    if not MIN_BITS <= bits <= MAX_BITS:
        raise InvalidInput(f"bits is {bits}; a codebook has {MIN_BITS} to {MAX_BITS} bits")
    if values.size == 0 or not np.all(np.isfinite(values)):
        found = "NaN or infinity" if values.size else "no values"
        raise InvalidInput(f"weights hold {found}; finite weights are needed")
    gaussian, laplace = fit_densities(values)
    if density == "auto":
        chosen = laplace if laplace.ks < gaussian.ks else gaussian
    else:
        chosen = gaussian if DensityName(density) is DensityName.GAUSSIAN else laplace
    unit = optimal_quantizer(chosen.density, 2**bits)
    levels = chosen.center + chosen.deviation * unit.levels
    thresholds = chosen.center + chosen.deviation * unit.thresholds
    error = values - levels[nearest_index(values, levels)]
    return Codebook(
        levels=levels,
        thresholds=thresholds,
        density=chosen.density,
        ks_gaussian=gaussian.ks,
        ks_laplace=laplace.ks,
        predicted_mse=chosen.deviation**2 * unit.mse,
        mse=float(np.mean(error**2)),
    )


def nearest_index(values: Array, levels: Array) -> NDArray[np.intp]:
    """Return, for each value, the index of the nearest of the ascending `levels`."""
    return np.searchsorted(0.5 * (levels[1:] + levels[:-1]), values)
