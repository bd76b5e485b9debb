"""The quantizers that the fitted one is compared with.

All have at most 2^bits levels, so that indices have the same width, and all assign each weight to
its nearest level.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from scipy import special
from scipy.optimize import minimize_scalar

from microlut.ops.weights import Granularity
from microlut.quantize.levels.codebook import (
    channel_spreads,
    fit_codebook,
    fit_densities,
    nearest_index,
    nearest_mse,
)
from microlut.quantize.levels.densities import Array, DensityName
from microlut.quantize.levels.kmeans import kmeans_codebook


@dataclass(frozen=True, slots=True)
class Quantizer:
    """A way to choose levels.

    Attributes:
        title: Its name in tables.
        levels: Returns ascending levels for weights of any shape and a number of bits.
        shares_codebook: Whether, with granularity "channel", all channels, each divided by its
            root mean square, share one codebook, as lookup tables must. Levels that follow from a
            scale and an offset are instead chosen for every channel.
    """

    title: str
    levels: Callable[[Array, int], Array]
    shares_codebook: bool


def uniform_levels(weights: Array, bits: int) -> Array:
    """Return equal steps from the smallest weight to the largest."""
    return np.linspace(weights.min(), weights.max(), 2**bits)


def clipped_levels(weights: Array, bits: int) -> Array:
    """Return equal steps over the range of least expected error (ACIQ; Banner et al. 2019).

    The density is the Gaussian or Laplace that fits better, as for the fitted levels.
    """
    fits = fit_densities(np.sort(weights, axis=None))
    fit = min(fits, key=lambda fit: fit.ks)
    reach = fit.deviation * clipping(fit.density, bits)
    middles = (np.arange(2**bits) + 0.5) / 2**bits
    return fit.center + reach * (2.0 * middles - 1.0)


def clipping(density: DensityName, bits: int) -> float:
    """Return the best clipping in standard deviations, by ACIQ's expected error."""
    expected = {DensityName.GAUSSIAN: _gaussian_error, DensityName.LAPLACE: _laplace_error}
    found = minimize_scalar(expected[density], bounds=(0.5, 16.0), args=(bits,), method="bounded")
    return float(found.x)


def _gaussian_error(reach: float, bits: int) -> float:
    """Return the sum of clipping and rounding error of a standard normal density."""
    beyond = (1 + reach**2) * special.erfc(reach / np.sqrt(2))
    beyond -= np.sqrt(2 / np.pi) * reach * np.exp(-(reach**2) / 2)
    return float(beyond + reach**2 / (3 * 4**bits))


def _laplace_error(reach: float, bits: int) -> float:
    """Return the same sum for a Laplace density of unit variance: 2 b^2 = 1."""
    return float(np.exp(-np.sqrt(2) * reach) + reach**2 / (3 * 4**bits))


def power_of_two_levels(weights: Array, bits: int) -> Array:
    """Return 0 and a scale times +-1, +-1/2, +-1/4 ... (INQ; Zhou et al. 2017).

    The scale is the best of 64 between a quarter of the root mean square and the largest weight.
    """
    powers = 0.5 ** np.arange(2 ** (bits - 1) - 1)
    unit = np.concatenate([-powers, [0.0], powers[::-1]])
    largest, power = np.abs(weights).max(), np.sqrt(np.mean(weights**2))
    if power == 0.0:
        return np.zeros_like(unit)
    return _best([scale * unit for scale in np.geomspace(power / 4, largest, 64)], weights)


def piecewise_linear_levels(weights: Array, bits: int) -> Array:
    """Return equal steps in the middle and wider ones in both tails (PWLQ; Fang et al. 2020).

    Half of the levels are in the middle. PWLQ itself stores one more bit per weight than it counts,
    to distinguish the regions; here they share the 2^bits levels. The breakpoint is the best of 64.
    """
    largest, quarter = np.abs(weights).max(), 2**bits // 4
    choices = []
    for breakpoint_ in largest * np.arange(1, 65) / 65:
        tail = np.linspace(breakpoint_, largest, quarter + 1)[1:]
        middle = np.linspace(-breakpoint_, breakpoint_, 2 * quarter)
        choices.append(np.concatenate([-tail[::-1], middle, tail]))
    return _best(choices, weights)


def _best(choices: list[Array], weights: Array) -> Array:
    ordered = np.sort(weights, axis=None)
    return min(choices, key=lambda levels: nearest_mse(ordered, levels))


def fitted_levels(weights: Array, bits: int) -> Array:
    """Return the optimal levels of the density that fits better: the published method."""
    return fit_codebook(weights, bits).levels


KMEANS = Quantizer("optimal 1-D k-means", kmeans_codebook, shares_codebook=True)
QUANTIZERS = (
    Quantizer("uniform, min-max", uniform_levels, shares_codebook=False),
    Quantizer("uniform, best clipping", clipped_levels, shares_codebook=False),
    Quantizer("powers of two", power_of_two_levels, shares_codebook=False),
    Quantizer("piecewise linear", piecewise_linear_levels, shares_codebook=False),
    KMEANS,
    Quantizer("fitted", fitted_levels, shares_codebook=True),
)


def quantized(weights: Array, quantizer: Quantizer, bits: int, granularity: Granularity) -> Array:
    """Return `weights` [channels, n], each replaced by its nearest level."""
    if granularity == "tensor":
        return _nearest(weights, quantizer.levels(weights, bits))
    if not quantizer.shares_codebook:
        return np.stack([_nearest(row, quantizer.levels(row, bits)) for row in weights])
    spread = channel_spreads(weights, "channel")[:, None]
    used = spread[:, 0] > 0
    result = np.zeros_like(weights)
    if used.any():
        normalized = weights[used] / spread[used]
        levels = quantizer.levels(normalized, bits)
        result[used] = _nearest(normalized, levels) * spread[used]
    return result


def relative_squares(weights: Array, found: Array, granularity: Granularity) -> float:
    """Return the sum of squared errors, each relative to its tensor's or channel's power."""
    axis = None if granularity == "tensor" else 1
    power = np.mean(weights**2, axis=axis, keepdims=True)
    return float(np.sum((found - weights) ** 2 / np.where(power > 0, power, 1.0)))


def _nearest(weights: Array, levels: Array) -> Array:
    return levels[nearest_index(weights, levels)]
