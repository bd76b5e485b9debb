"""Levels for overlapping indices: what they gain, and on what sample."""

import numpy as np
import pytest
from numpy.testing import assert_allclose

from microlut.quantize.assign.trellis import assign_on_trellis, trellis_order
from microlut.quantize.levels.densities import DENSITIES, DensityName
from microlut.quantize.levels.kmeans import kmeans_codebook
from microlut.quantize.levels.lloyd_max import optimal_quantizer
from microlut.quantize.levels.trellis_levels import density_levels, trained_levels

# Bits and overlap, and the dB by which independent indices of as many bits err more.
GAINS = {
    (DensityName.GAUSSIAN, 2, 4): 1.4,
    (DensityName.GAUSSIAN, 3, 3): 1.65,
    (DensityName.GAUSSIAN, 4, 2): 1.35,
    (DensityName.LAPLACE, 2, 4): 2.7,
    (DensityName.LAPLACE, 3, 3): 2.7,
    (DensityName.LAPLACE, 4, 2): 2.2,
}


def mean_error(levels: np.ndarray, rows: np.ndarray, bits: int) -> float:
    indices = assign_on_trellis(rows, np.eye(rows.shape[1]), levels, np.ones(len(rows)), bits)
    return float(np.mean((levels[indices] - rows) ** 2))


@pytest.mark.parametrize(("density", "bits", "overlap"), GAINS)
def test_levels_of_a_density_beat_the_best_independent_ones_on_other_values(
    density: DensityName, bits: int, overlap: int
):
    rows = DENSITIES[density].quantile(np.random.default_rng(7).random((200, 200)))
    error = mean_error(density_levels(density, bits, overlap), rows, bits)
    independent = optimal_quantizer(density, 1 << bits).mse
    assert 10 * np.log10(independent / error) > GAINS[density, bits, overlap]


def test_levels_of_a_density_are_computed_once_and_cannot_be_changed():
    levels = density_levels(DensityName.GAUSSIAN, 4, 2)
    assert density_levels(DensityName.GAUSSIAN, 4, 2) is levels
    with pytest.raises(ValueError, match="read-only"):
        levels[0] = 0.0


def test_training_fits_levels_to_the_weights_at_hand():
    weights = np.random.default_rng(8).uniform(-1, 1, (64, 144))
    start = kmeans_codebook(weights, 6)[trellis_order(3, 3)]
    trained = trained_levels(start, weights, 3)
    assert mean_error(trained, weights, 3) < 0.95 * mean_error(start, weights, 3)


@pytest.mark.parametrize("size", [1, 5, 64, 65, 130])
def test_few_weights_are_a_sample_too(size: int):
    sample = np.random.default_rng(size).normal(size=size)
    start = np.linspace(-2, 2, 64)[trellis_order(2, 4)]
    trained = trained_levels(start, sample, 2)
    assert np.all(np.isfinite(trained))
    rows = sample[: size - size % min(size, 64)].reshape(-1, min(size, 64))
    assert mean_error(trained, rows, 2) <= mean_error(start, rows, 2)


def test_levels_scale_with_the_sample():
    sample = np.random.default_rng(9).normal(size=(20, 64))
    start = np.linspace(-2, 2, 64)[trellis_order(4, 2)]
    trained = trained_levels(start, sample, 4)
    assert_allclose(trained_levels(4 * start, 4 * sample, 4), 4 * trained, rtol=1e-6)
