"""Optimal levels: the published tables, and both conditions by independent integration."""

import math
from collections.abc import Callable
from itertools import pairwise

import numpy as np
import pytest
from scipy.integrate import quad
from scipy.optimize import brentq

from microlut.quantize.levels import lloyd_max
from microlut.quantize.levels.densities import DENSITIES, Density, DensityName
from microlut.quantize.levels.lloyd_max import OptimalQuantizer, optimal_quantizer

ALL = [(density, 2**bits) for density in DensityName for bits in range(1, 9)]
# Max 1960 and, for Laplace, Paez and Glisson 1972; symmetric, unit variance.
PUBLISHED_ERRORS = {
    (DensityName.GAUSSIAN, 2): "0.36338",
    (DensityName.GAUSSIAN, 4): "0.11748",
    (DensityName.GAUSSIAN, 8): "0.03455",
    (DensityName.GAUSSIAN, 16): "0.009501",
    (DensityName.GAUSSIAN, 32): "0.002505",
    (DensityName.LAPLACE, 2): "0.50000",
    (DensityName.LAPLACE, 4): "0.17619",
    (DensityName.LAPLACE, 8): "0.05448",
    (DensityName.LAPLACE, 16): "0.015373",
    (DensityName.LAPLACE, 32): "0.004102",
}
PUBLISHED_LEVELS = {
    (DensityName.GAUSSIAN, 4): "0.4528 1.510",
    (DensityName.GAUSSIAN, 8): "0.2451 0.7560 1.344 2.152",
    (DensityName.LAPLACE, 4): "0.4198 1.8340",
    (DensityName.LAPLACE, 8): "0.2334 0.8330 1.6725 3.0867",
}
PUBLISHED_THRESHOLDS = {
    (DensityName.GAUSSIAN, 4): "0.9816",
    (DensityName.LAPLACE, 4): "1.1269",
    (DensityName.LAPLACE, 8): "0.5332 1.2527 2.3796",
}
# Computed by hand and trial in 1960, these are off by up to one and three units of the last digit.
MAX_16 = ".1284 .3881 .6568 .9424 1.256 1.618 2.069 2.733"
MAX_32 = (
    ".0659 .1981 .3314 .4668 .6050 .7473 .8947 1.049 "
    "1.212 1.387 1.577 1.788 2.029 2.319 2.692 3.263"
)


def gaussian(x: float) -> float:
    return math.exp(-x * x / 2) / math.sqrt(2 * math.pi)


def laplace(x: float) -> float:
    return math.exp(-math.sqrt(2) * abs(x)) / math.sqrt(2)


PDF: dict[DensityName, Callable[[float], float]] = {
    DensityName.GAUSSIAN: gaussian,
    DensityName.LAPLACE: laplace,
}


def integrate(f: Callable[[float], float], low: float, high: float) -> float:
    """Integrate over an interval, cut at 45 deviations, where both densities are below 1e-27."""
    low, high = max(low, -45.0), min(high, 45.0)
    cuts = [low, *(c for c in (-10.0, 10.0) if low < c < high), high]
    options = {"epsabs": 1e-15, "epsrel": 1e-12, "limit": 200}
    return sum(quad(f, a, b, **options)[0] for a, b in pairwise(cuts))


def intervals(quantizer: OptimalQuantizer) -> list[tuple[float, float, float]]:
    edges = [-math.inf, *quantizer.thresholds, math.inf]
    return list(zip(edges, edges[1:], quantizer.levels, strict=False))


@pytest.mark.parametrize(("case", "published"), PUBLISHED_ERRORS.items())
def test_error_equals_the_published_one_to_its_last_digit(
    case: tuple[DensityName, int], published: str
):
    digits = len(published) - 2
    assert f"{optimal_quantizer(*case).mse:.{digits}f}" == published


@pytest.mark.parametrize(("case", "published"), PUBLISHED_LEVELS.items(), ids=str)
def test_positive_levels_equal_the_published_ones_to_their_last_digit(
    case: tuple[DensityName, int], published: str
):
    assert printed(optimal_quantizer(*case).levels, published) == published


@pytest.mark.parametrize(("case", "published"), PUBLISHED_THRESHOLDS.items(), ids=str)
def test_positive_thresholds_equal_the_published_ones_to_their_last_digit(
    case: tuple[DensityName, int], published: str
):
    assert printed(optimal_quantizer(*case).thresholds, published) == published


@pytest.mark.parametrize(("published", "units"), [(MAX_16, 1), (MAX_32, 3)], ids=["16", "32"])
def test_gaussian_levels_are_those_of_max_within_his_rounding(published: str, units: int):
    numbers = published.split()
    levels = optimal_quantizer(DensityName.GAUSSIAN, 2 * len(numbers)).levels[len(numbers) :]
    for level, number in zip(levels, numbers, strict=True):
        unit = 10.0 ** -len(number.partition(".")[2])
        assert level == pytest.approx(float(number), abs=units * unit)


def printed(values: np.ndarray, like: str) -> str:
    """Print the positive ones of symmetric values with the digits of a published table."""
    digits = [len(number.partition(".")[2]) for number in like.split()]
    positive = values[values > 0]
    return " ".join(f"{v:.{d}f}" for v, d in zip(positive, digits, strict=True))


def gaussian_overshoot(distance: float, high: float) -> float:
    """Return E[X | high - distance < X < high] - (high - distance)."""
    low = high - distance
    inside = 0.5 * (math.erfc(low / math.sqrt(2)) - math.erfc(high / math.sqrt(2)))
    return (gaussian(low) - gaussian(high)) / inside - low


def gaussian_outside_in(outermost: float, count: int) -> list[float]:
    """Return the thresholds that follow from the outermost one, down to the `count`-th.

    The level above a threshold is the mean of its interval, the one below as far from it on the
    other side; the width of the next interval is what makes that level its mean (Max 1960).
    """
    thresholds = [outermost]
    tail = 0.5 * math.erfc(outermost / math.sqrt(2))
    reach = gaussian(outermost) / tail - outermost
    while len(thresholds) < count:
        high = thresholds[-1]

        def surplus(width: float, high: float = high, reach: float = reach) -> float:
            return width - gaussian_overshoot(width, high) - reach

        width = brentq(surplus, reach, 8.0, xtol=1e-15, rtol=1e-14)
        thresholds.append(high - width)
        reach = width - reach
    return thresholds


@pytest.mark.parametrize("levels", [4, 8, 16, 32])
def test_gaussian_thresholds_equal_those_by_shooting(levels: int):
    quantizer, half = optimal_quantizer(DensityName.GAUSSIAN, levels), levels // 2
    positive = quantizer.thresholds[half:]

    def center(outermost: float) -> float:
        return gaussian_outside_in(outermost, half)[-1]

    guess = positive[-1]
    outermost = brentq(center, guess - 1e-3, guess + 1e-3, xtol=1e-14)
    wanted = gaussian_outside_in(outermost, half)[-2::-1]
    assert positive == pytest.approx(wanted, abs=1e-9)


@pytest.mark.parametrize("bits", range(1, 9))
def test_laplace_thresholds_equal_those_of_the_exact_recursion(bits: int):
    # Nitadori 1965: without memory, the density gives each width from the one outside it.
    rate = math.sqrt(2)
    reach, widths = 1 / rate, []
    for _ in range(2 ** (bits - 1) - 1):

        def surplus(width: float, reach: float = reach) -> float:
            return width - 1 / rate + width / math.expm1(rate * width) - reach

        widths.append(brentq(surplus, 1e-12, 50.0, xtol=1e-15, rtol=1e-14))
        reach = widths[-1] - reach
    wanted = np.cumsum([0.0, *widths[::-1]])
    found = optimal_quantizer(DensityName.LAPLACE, 2**bits).thresholds[2 ** (bits - 1) - 1 :]
    assert found == pytest.approx(wanted, abs=1e-9)


@pytest.mark.parametrize("case", ALL, ids=str)
def test_newton_needs_few_steps(case: tuple[DensityName, int], monkeypatch: pytest.MonkeyPatch):
    steps = []

    def counted(shape: Density, edges: np.ndarray) -> np.ndarray:
        steps.append(newton_step(shape, edges))
        return steps[-1]

    newton_step = lloyd_max._newton_step
    monkeypatch.setattr(lloyd_max, "_newton_step", counted)
    optimal_quantizer.__wrapped__(*case)
    assert len(steps) <= 10


@pytest.mark.parametrize("density", DensityName)
def test_error_approaches_the_asymptote_of_many_levels(density: DensityName):
    # Panter and Dite 1951: error * n^2 grows to (integral of p^(1/3))^3 / 12.
    limit = {DensityName.GAUSSIAN: math.sqrt(3) * math.pi / 2, DensityName.LAPLACE: 4.5}[density]
    scaled = [optimal_quantizer(density, 2**bits).mse * 4**bits for bits in range(1, 9)]
    assert all(few < many < limit for few, many in pairwise(scaled))
    assert scaled[-1] == pytest.approx(limit, rel=0.02)


@pytest.mark.parametrize("case", ALL, ids=str)
def test_thresholds_are_midpoints(case: tuple[DensityName, int]):
    quantizer = optimal_quantizer(*case)
    midpoints = 0.5 * (quantizer.levels[1:] + quantizer.levels[:-1])
    assert quantizer.thresholds == pytest.approx(midpoints, abs=1e-9)


@pytest.mark.parametrize("case", ALL, ids=str)
def test_levels_are_means_of_their_intervals(case: tuple[DensityName, int]):
    pdf = PDF[case[0]]
    for low, high, level in intervals(optimal_quantizer(*case)):
        mean = integrate(lambda x: x * pdf(x), low, high) / integrate(pdf, low, high)
        assert level == pytest.approx(mean, abs=1e-9)


@pytest.mark.parametrize("case", ALL, ids=str)
def test_error_equals_its_integral(case: tuple[DensityName, int]):
    pdf, quantizer = PDF[case[0]], optimal_quantizer(*case)
    error = sum(
        integrate(lambda x, level=level: (x - level) ** 2 * pdf(x), low, high)
        for low, high, level in intervals(quantizer)
    )
    assert quantizer.mse == pytest.approx(error, rel=1e-8)


@pytest.mark.parametrize("case", ALL, ids=str)
def test_levels_are_symmetric_and_ascending(case: tuple[DensityName, int]):
    levels = optimal_quantizer(*case).levels
    assert np.array_equal(levels, -levels[::-1])
    assert np.all(np.diff(levels) > 0)


def test_result_is_read_only():
    with pytest.raises(ValueError, match="read-only"):
        optimal_quantizer(DensityName.GAUSSIAN, 4).levels[0] = 0.0


@pytest.mark.parametrize("levels", [0, 1, 3, -2])
def test_odd_or_no_levels_are_refused(levels: int):
    with pytest.raises(ValueError, match="even"):
        optimal_quantizer(DensityName.GAUSSIAN, levels)


@pytest.mark.parametrize("name", DensityName)
def test_distribution_function_is_the_integral_of_the_density(name: DensityName):
    for x in (-7.0, -1.3, -0.2, 0.0, 0.4, 2.5, 9.0):
        integral = integrate(PDF[name], -math.inf, x)
        assert DENSITIES[name].cdf(np.array(x)) == pytest.approx(integral, abs=1e-12)


@pytest.mark.parametrize("name", DensityName)
def test_tail_keeps_its_relative_precision(name: DensityName):
    tail = DENSITIES[name].tail(np.array(8.0))
    assert tail == pytest.approx(integrate(PDF[name], 8.0, 45.0), rel=1e-9)


@pytest.mark.parametrize("name", DensityName)
def test_quantiles_invert_the_distribution_function(name: DensityName):
    share = np.concatenate([[1e-12, 1e-6], np.linspace(0.001, 0.999, 999), [1 - 1e-6]])
    shape = DENSITIES[name]
    assert shape.cdf(shape.quantile(share)) == pytest.approx(share, rel=1e-9, abs=1e-16)
    assert shape.quantile(np.array(0.5)) == 0.0
