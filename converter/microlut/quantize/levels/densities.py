"""The two bell-shaped densities for fitting weights, with zero mean and unit variance.

An optimal quantizer needs only closed forms for the probability, the conditional mean and the
conditional variance of an interval (Max 1960; Paez and Glisson 1972).
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]


class DensityName(StrEnum):
    """The densities that can be fitted to weights."""

    GAUSSIAN = "gaussian"
    LAPLACE = "laplace"


class Density(Protocol):
    """A symmetric density on the positive half-line: p(x), P(X > x), means of intervals."""

    def pdf(self, x: Array) -> Array:
        """Return the density at x >= 0."""

    def tail(self, x: Array) -> Array:
        """Return the probability of exceeding x >= 0."""

    def cdf(self, x: Array) -> Array:
        """Return the distribution function at any x."""

    def quantile(self, share: Array) -> Array:
        """Return the x at which the distribution function is `share`, 0 < share < 1."""

    def interval_mean(self, low: Array, high: Array) -> Array:
        """Return E[X | low < X < high] for 0 <= low < high, where high may be infinite."""


@dataclass(frozen=True, slots=True)
class Gaussian:
    """Standard normal density."""

    def pdf(self, x: Array) -> Array:
        """Return exp(-x^2 / 2) / sqrt(2 pi)."""
        return np.asarray(np.exp(-0.5 * x * x) / np.sqrt(2 * np.pi))

    def tail(self, x: Array) -> Array:
        """Return P(X > x), without cancellation in the far tail."""
        from scipy import special

        return np.asarray(special.ndtr(-x))

    def cdf(self, x: Array) -> Array:
        """Return P(X <= x)."""
        from scipy import special

        return np.asarray(special.ndtr(x))

    def quantile(self, share: Array) -> Array:
        """Return x with P(X <= x) = share."""
        from scipy import special

        return np.asarray(special.ndtri(share))

    def interval_mean(self, low: Array, high: Array) -> Array:
        """Return (p(low) - p(high)) / P(low < X < high)."""
        return (self.pdf(low) - self.pdf(high)) / (self.tail(low) - self.tail(high))


@dataclass(frozen=True, slots=True)
class Laplace:
    """Laplace density of unit variance, rate sqrt(2)."""

    rate: float = float(np.sqrt(2.0))

    def pdf(self, x: Array) -> Array:
        """Return rate / 2 * exp(-rate x) for x >= 0."""
        return 0.5 * self.rate * np.exp(-self.rate * x)

    def tail(self, x: Array) -> Array:
        """Return P(X > x) = exp(-rate x) / 2 for x >= 0."""
        return 0.5 * np.exp(-self.rate * x)

    def cdf(self, x: Array) -> Array:
        """Return P(X <= x)."""
        return 0.5 + 0.5 * np.sign(x) * -np.expm1(-self.rate * np.abs(x))

    def quantile(self, share: Array) -> Array:
        """Return x with P(X <= x) = share."""
        from_middle = share - 0.5
        return -np.sign(from_middle) * np.log1p(-2.0 * np.abs(from_middle)) / self.rate

    def interval_mean(self, low: Array, high: Array) -> Array:
        """Return low + 1/rate - w exp(-rate w) / (1 - exp(-rate w)) for the width w = high - low.

        The last term is 0 for an interval that extends to infinity.
        """
        width = np.where(np.isinf(high), 0.0, high - low)
        with np.errstate(invalid="ignore", divide="ignore"):
            beyond = width / np.expm1(self.rate * width)
        return low + 1.0 / self.rate - np.where(np.isinf(high), 0.0, beyond)


DENSITIES: dict[DensityName, Density] = {
    DensityName.GAUSSIAN: Gaussian(),
    DensityName.LAPLACE: Laplace(),
}
