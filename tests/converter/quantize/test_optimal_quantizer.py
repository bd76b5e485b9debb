"""Optimal levels: the published tables, and both conditions by independent integration."""

import math
from collections.abc import Callable
from itertools import pairwise

import numpy as np
import pytest
from scipy.integrate import quad

from microlut.quantize.densities import DENSITIES, DensityName
from microlut.quantize.lloyd_max import OptimalQuantizer, optimal_quantizer

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


@pytest.mark.parametrize(
    ("density", "published"),
    [(DensityName.GAUSSIAN, (0.4528, 1.5104)), (DensityName.LAPLACE, (0.4198, 1.8340))],
)
def test_positive_levels_of_four_equal_the_published_ones(
    density: DensityName, published: tuple[float, float]
):
    assert tuple(np.round(optimal_quantizer(density, 4).levels[2:], 4)) == published


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
