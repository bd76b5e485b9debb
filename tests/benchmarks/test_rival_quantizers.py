"""The compared quantizers: published constants, level counts, and the errors they minimize."""

import sys
from pathlib import Path

import numpy as np
import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "benchmarks"))

from rival_quantizers import (
    KMEANS,
    QUANTIZERS,
    Quantizer,
    clipped_levels,
    clipping,
    fitted_levels,
    piecewise_linear_levels,
    power_of_two_levels,
    quantized,
    relative_squares,
    uniform_levels,
)

from microlut.quantize.levels.codebook import nearest_mse
from microlut.quantize.levels.densities import DensityName

RNG = np.random.default_rng(0)
WEIGHTS = RNG.normal(0.02, 0.1, size=(16, 300)) * np.geomspace(0.2, 3.0, 16)[:, None]
by_name = pytest.mark.parametrize("quantizer", QUANTIZERS, ids=lambda q: q.title)


# Banner et al. 2019, section 3: Laplace in units of b = deviation / sqrt(2).
@pytest.mark.parametrize(
    ("density", "unit", "published"),
    [
        (DensityName.LAPLACE, 2**-0.5, {2: 2.83, 3: 3.89, 4: 5.03}),
        (DensityName.GAUSSIAN, 1.0, {2: 1.71, 3: 2.15, 4: 2.55}),
    ],
)
def test_clipping_is_the_published_one(
    density: DensityName, unit: float, published: dict[int, float]
):
    for bits, value in published.items():
        assert clipping(density, bits) / unit == pytest.approx(value, abs=0.02)


@by_name
@pytest.mark.parametrize("bits", range(2, 9))
def test_levels_ascend_and_fit_an_index(quantizer: Quantizer, bits: int):
    levels = quantizer.levels(WEIGHTS, bits)
    assert 2**bits - 1 <= levels.size <= 2**bits
    assert np.all(np.diff(levels) > 0)


@by_name
@pytest.mark.parametrize("bits", [2, 4, 6])
def test_no_quantizer_beats_kmeans_on_a_tensor(quantizer: Quantizer, bits: int):
    least = nearest_mse(WEIGHTS.ravel(), KMEANS.levels(WEIGHTS, bits))
    assert nearest_mse(WEIGHTS.ravel(), quantizer.levels(WEIGHTS, bits)) >= least * (1 - 1e-3)


def test_uniform_levels_reach_from_the_smallest_to_the_largest():
    levels = uniform_levels(WEIGHTS, 3)
    assert (levels[0], levels[-1]) == (WEIGHTS.min(), WEIGHTS.max())
    assert np.ptp(np.diff(levels)) == pytest.approx(0.0, abs=1e-12)


def test_best_clipping_beats_the_whole_range_at_few_bits():
    for bits in (2, 3, 4):
        clipped = nearest_mse(WEIGHTS.ravel(), clipped_levels(WEIGHTS, bits))
        assert clipped < nearest_mse(WEIGHTS.ravel(), uniform_levels(WEIGHTS, bits))


def test_power_of_two_levels_halve_towards_zero():
    levels = power_of_two_levels(WEIGHTS, 4)
    positive = levels[levels > 0]
    assert levels == pytest.approx(-levels[::-1])
    assert levels[7] == 0.0
    assert positive[1:] / positive[:-1] == pytest.approx(2.0)


def test_piecewise_linear_levels_have_two_step_sizes():
    steps = np.diff(piecewise_linear_levels(WEIGHTS, 4))
    middle, tail = steps[4:-4], np.concatenate([steps[:4], steps[-4:]])
    assert np.ptp(middle) == pytest.approx(0.0, abs=1e-12)
    assert np.ptp(tail) == pytest.approx(0.0, abs=1e-12)
    assert tail[0] > middle[0]


def test_fitted_levels_are_near_kmeans_on_a_bell():
    bell = RNG.normal(size=20_000)
    fitted = nearest_mse(bell, fitted_levels(bell, 4))
    assert fitted == pytest.approx(nearest_mse(bell, KMEANS.levels(bell, 4)), rel=0.03)


@by_name
def test_tensor_is_quantized_to_one_codebook(quantizer: Quantizer):
    assert len(np.unique(quantized(WEIGHTS, quantizer, 3, "tensor"))) <= 8


@by_name
def test_channels_are_quantized_by_their_scale(quantizer: Quantizer):
    scaled = WEIGHTS * np.geomspace(1.0, 1000.0, 16)[:, None]
    found = quantized(WEIGHTS, quantizer, 3, "channel")
    again = quantized(scaled, quantizer, 3, "channel")
    assert again == pytest.approx(found * np.geomspace(1.0, 1000.0, 16)[:, None], rel=1e-6)


@by_name
@pytest.mark.parametrize("granularity", ["tensor", "channel"])
def test_channels_of_zeros_stay_finite(quantizer: Quantizer, granularity: str):
    weights = np.vstack([WEIGHTS[:2], np.zeros((1, 300))])
    assert np.isfinite(quantized(weights, quantizer, 4, granularity)).all()
    assert np.isfinite(relative_squares(weights, weights * 0.9, granularity))


@pytest.mark.parametrize("granularity", ["tensor", "channel"])
def test_relative_squares_of_a_tenth_are_a_hundredth(granularity: str):
    assert relative_squares(WEIGHTS, 0.9 * WEIGHTS, granularity) == pytest.approx(
        0.01 * WEIGHTS.size
    )
