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
from microlut.ops.weights import Granularity
from microlut.quantize.levels.densities import DENSITIES, Array, DensityName
from microlut.quantize.levels.lloyd_max import optimal_quantizer
from microlut.support.arguments import brief, check_choice, integer
from microlut.support.shown import Shown

MIN_BITS, MAX_BITS = 1, 8
_LARGEST = float(np.finfo(np.float32).max)  # beyond it, squares overflow
_CHUNK = 1 << 18  # values at a time, so that temporary arrays stay in the cache

DensityChoice = Literal["auto", "gaussian", "laplace"]


@dataclass(frozen=True, slots=True, repr=False)
class DensityFit(Shown):
    """A density's maximum-likelihood centre and standard deviation, and its KS statistic."""

    density: DensityName
    center: float
    deviation: float
    ks: float


@dataclass(frozen=True, slots=True, repr=False)
class Codebook(Shown):
    """Fitted levels and figures of the fit, in the units of the weights.

    Attributes:
        levels: [2^bits] reconstruction levels, ascending.
        thresholds: [2^bits - 1] decision thresholds, midpoints of neighbouring levels.
        density: The density that the levels are optimal for.
        gaussian: The Gaussian fit.
        laplace: The Laplace fit.
        predicted_mse: Mean squared error that the chosen density predicts.
        mse: Mean squared error on the weights themselves.
    """

    levels: Array
    thresholds: Array
    density: DensityName
    gaussian: DensityFit
    laplace: DensityFit
    predicted_mse: float
    mse: float

    @property
    def fit(self) -> DensityFit:
        """The chosen fit."""
        return self.gaussian if self.density is DensityName.GAUSSIAN else self.laplace

    @property
    def ks_gaussian(self) -> float:
        """Kolmogorov-Smirnov statistic of the Gaussian fit; 0 is a perfect fit."""
        return self.gaussian.ks

    @property
    def ks_laplace(self) -> float:
        """Kolmogorov-Smirnov statistic of the Laplace fit."""
        return self.laplace.ks

    @property
    def clipping(self) -> tuple[float, float]:
        """The outermost levels: weights beyond them are clipped to them."""
        return float(self.levels[0]), float(self.levels[-1])


def fit_codebook(weights: ArrayLike, bits: int, density: DensityChoice = "auto") -> Codebook:
    """Fit 2^bits optimal levels to `weights` (any shape, at least one value).

    The levels are those of the density, even if the weights have fewer distinct values. For a
    constant tensor, all levels equal its value.

    Raises:
        InvalidInput: There are no weights, they have NaN, infinity or values beyond float32, bits
            are outside 1 to 8, or the density is unknown.

    Example:
        >>> book = fit_codebook(np.linspace(-1, 1, 101), bits=2)
        >>> len(book.levels), book.density.value
        (4, 'gaussian')
    """
    check_bits(bits)
    check_choice("density", density, ("auto", *DensityName))
    ordered = ordered_weights(weights)
    gaussian, laplace = fit_densities(ordered)
    if density == "auto":
        chosen = laplace if laplace.ks < gaussian.ks else gaussian
    else:
        chosen = gaussian if density == "gaussian" else laplace
    unit = optimal_quantizer(chosen.density, 2 ** int(bits))
    levels = chosen.center + chosen.deviation * unit.levels
    thresholds = chosen.center + chosen.deviation * unit.thresholds
    for array in (levels, thresholds):
        array.setflags(write=False)
    return Codebook(
        levels=levels,
        thresholds=thresholds,
        density=chosen.density,
        gaussian=gaussian,
        laplace=laplace,
        predicted_mse=chosen.deviation**2 * unit.mse,
        mse=nearest_mse(ordered, levels),
    )


def check_bits(bits: int) -> None:
    """Raise InvalidInput if no codebook can have 2^bits levels."""
    integer("bits", bits, MIN_BITS, MAX_BITS)


def ordered_weights(weights: ArrayLike) -> Array:
    """Return all weights in ascending order, as a new array.

    Raises:
        InvalidInput: There are no weights, or they have NaN, infinity or values beyond float32.
    """
    try:
        ordered = np.array(weights, dtype=np.float64).ravel()
    except (TypeError, ValueError) as error:
        raise InvalidInput(f"weights are {brief(weights)}; give an array of numbers") from error
    if ordered.size == 0:
        raise InvalidInput("weights hold no values; at least one weight is needed")
    ordered.sort()  # NaN goes last
    if not np.isfinite(ordered[[0, -1]]).all():
        raise InvalidInput("weights hold NaN or infinity; finite weights are needed")
    largest = float(np.abs(ordered[[0, -1]]).max())
    if largest > _LARGEST:
        raise InvalidInput(f"weights hold {largest:g}; at most {_LARGEST:g} is allowed")
    return ordered


def fit_densities(ordered: Array) -> tuple[DensityFit, DensityFit]:
    """Fit a Gaussian (mean, standard deviation) and a Laplace (median, mean deviation) density.

    Args:
        ordered: Weights in ascending order. A constant tensor has deviation 0 and, since its
            distribution is a step, a KS statistic of 0.5.
    """
    middle = ordered.size // 2
    # Rounding must not move the mean of equal weights away from their value.
    mean = float(np.clip(ordered.mean(), ordered[0], ordered[-1]))
    median = float(0.5 * (ordered[middle] + ordered[-1 - middle]))
    squares = spread = 0.0
    for chunk in _chunks(ordered):
        squares += float(np.sum((chunk - mean) ** 2))
        spread += float(np.sum(np.abs(chunk - median)))
    candidates = (
        (DensityName.GAUSSIAN, mean, float(np.sqrt(squares / ordered.size))),
        # A Laplace density with mean absolute deviation b has the variance 2 b^2.
        (DensityName.LAPLACE, median, float(np.sqrt(2.0)) * spread / ordered.size),
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
    largest, before = 0.0, 0
    for chunk in _chunks(ordered):
        fitted = DENSITIES[name].cdf((chunk - center) / deviation)
        share = np.arange(before, before + chunk.size + 1) / ordered.size
        above, below = np.max(share[1:] - fitted), np.max(fitted - share[:-1])
        largest, before = max(largest, float(above), float(below)), before + chunk.size
    return largest


def nearest_mse(values: Array, levels: Array) -> float:
    """Return the mean squared distance of `values` [n] to the nearest of ascending `levels`."""
    squares = 0.0
    for chunk in _chunks(values):
        squares += float(np.sum((chunk - levels[nearest_index(chunk, levels)]) ** 2))
    return squares / values.size


def nearest_index(values: Array, levels: Array) -> NDArray[np.intp]:
    """Return, for each value, the index of the nearest of the ascending `levels`."""
    return np.searchsorted(0.5 * (levels[1:] + levels[:-1]), values)


def channel_spreads(weights: Array, granularity: Granularity) -> Array:
    """Return the divisor of each row of `weights` [channels, n] before the common fit.

    It is the root mean square of a channel, or 1 for a whole tensor. It is 0 for a channel of
    zeros, which is left out of the fit, since a codebook need not have a level at 0.
    """
    if granularity == "tensor":
        return np.full(len(weights), 1.0 if weights.any() else 0.0)
    largest = np.max(np.abs(weights), axis=1, keepdims=True)
    scaled = weights / np.where(largest > 0, largest, 1.0)  # so that squares cannot underflow
    root_mean_square: Array = largest[:, 0] * np.sqrt(np.mean(scaled**2, axis=1))
    return root_mean_square


def _chunks(values: Array) -> list[Array]:
    return [values[start : start + _CHUNK] for start in range(0, values.size, _CHUNK)]
