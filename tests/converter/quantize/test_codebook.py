"""fit_codebook: its statistics, its invariances and the tensors that have no bell shape."""

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy import stats

from microlut.errors import InvalidInput
from microlut.quantize.codebook import Codebook, fit_codebook, fit_densities, nearest_index
from microlut.quantize.densities import DensityName

BITS = st.integers(1, 8)
WEIGHTS = arrays(np.float64, st.integers(2, 60), elements=st.floats(-8, 8, width=16))
QUICK = settings(max_examples=50, deadline=None)


def spread_out(weights: np.ndarray) -> None:
    """Leave out tensors that are constant but for rounding."""
    assume(np.ptp(weights) > 1e-3)


@QUICK
@given(WEIGHTS, BITS, st.floats(0.001, 1000))
def test_scaling_the_weights_scales_the_codebook(weights: np.ndarray, bits: int, factor: float):
    spread_out(weights)
    book = fit_codebook(weights, bits, "gaussian")
    scaled = fit_codebook(weights * factor, bits, "gaussian")
    tolerance = 1e-9 * np.abs(weights).max() * factor
    assert scaled.levels == pytest.approx(book.levels * factor, rel=1e-9, abs=tolerance)
    assert scaled.mse == pytest.approx(book.mse * factor**2, rel=1e-6, abs=tolerance**2)


@QUICK
@given(WEIGHTS, BITS, st.floats(-10, 10))
def test_shifting_the_weights_shifts_the_levels(weights: np.ndarray, bits: int, shift: float):
    for density in ("gaussian", "laplace"):
        book = fit_codebook(weights, bits, density)
        shifted = fit_codebook(weights + shift, bits, density)
        assert shifted.levels == pytest.approx(book.levels + shift, abs=1e-9)


@QUICK
@given(WEIGHTS, BITS)
def test_negating_the_weights_mirrors_the_levels(weights: np.ndarray, bits: int):
    for density in ("gaussian", "laplace"):
        mirrored = -fit_codebook(-weights, bits, density).levels[::-1]
        assert mirrored == pytest.approx(fit_codebook(weights, bits, density).levels, abs=1e-9)


@QUICK
@given(WEIGHTS, BITS)
def test_order_of_the_weights_does_not_matter(weights: np.ndarray, bits: int):
    levels = fit_codebook(weights[::-1], bits).levels
    assert levels == pytest.approx(fit_codebook(weights, bits).levels, abs=1e-12)


@QUICK
@given(WEIGHTS, BITS)
def test_mse_is_that_of_the_nearest_levels(weights: np.ndarray, bits: int):
    book = fit_codebook(weights, bits)
    distances = np.abs(weights[:, None] - book.levels).min(axis=1)
    assert book.mse == pytest.approx(np.mean(distances**2), rel=1e-9, abs=1e-15)


@QUICK
@given(WEIGHTS, BITS)
def test_ks_statistics_equal_scipys(weights: np.ndarray, bits: int):
    spread_out(weights)
    gaussian, laplace = fit_densities(weights)
    book = fit_codebook(weights, bits)
    wanted = stats.kstest(weights, stats.norm(weights.mean(), weights.std()).cdf).statistic
    assert book.ks_gaussian == gaussian.ks == pytest.approx(wanted, abs=1e-9)
    assume(laplace.deviation > 0)
    scale = np.abs(weights - np.median(weights)).mean()
    wanted = stats.kstest(weights, stats.laplace(np.median(weights), scale).cdf).statistic
    assert book.ks_laplace == laplace.ks == pytest.approx(wanted, abs=1e-9)


@QUICK
@given(WEIGHTS, BITS)
def test_chosen_density_has_the_smaller_ks_statistic(weights: np.ndarray, bits: int):
    book = fit_codebook(weights, bits)
    chosen = {"gaussian": book.ks_gaussian, "laplace": book.ks_laplace}[book.density.value]
    assert chosen == min(book.ks_gaussian, book.ks_laplace)


@pytest.mark.parametrize("density", DensityName)
@pytest.mark.parametrize("bits", range(1, 8))
def test_large_true_sample_gives_density_and_predicted_error(density: DensityName, bits: int):
    rng = np.random.default_rng(0)
    draw = rng.normal if density is DensityName.GAUSSIAN else rng.laplace
    book = fit_codebook(draw(0.3, 0.05, 200_000), bits)
    assert book.density is density
    assert book.mse == pytest.approx(book.predicted_mse, rel=0.06)


@pytest.mark.parametrize("density", ["gaussian", "laplace"])
def test_density_of_choice_is_used(density: str):
    assert fit_codebook(np.arange(50.0), 3, density).density.value == density


@pytest.mark.parametrize("draw", ["normal", "laplace", "logistic"])
def test_mse_falls_with_every_bit(draw: str):
    weights = getattr(np.random.default_rng(1), draw)(size=5000)
    errors = [fit_codebook(weights, bits).mse for bits in range(1, 9)]
    assert all(fewer > more for fewer, more in pairwise(errors))


def check_sound(book: Codebook, bits: int) -> None:
    assert book.levels.shape == (2**bits,)
    assert book.thresholds.shape == (2**bits - 1,)
    assert np.isfinite(book.levels).all()
    assert np.isfinite([book.mse, book.predicted_mse, book.ks_gaussian, book.ks_laplace]).all()
    assert np.all(np.diff(book.levels) >= 0)


@pytest.mark.parametrize("bits", range(1, 9))
@pytest.mark.parametrize("value", [0.0, 0.7, -3e-30, 1e30])
@pytest.mark.parametrize("count", [1, 100])
def test_constant_tensor_is_exact(bits: int, value: float, count: int):
    book = fit_codebook(np.full(count, value), bits)
    check_sound(book, bits)
    assert book.mse == pytest.approx(0.0, abs=(1e-12 * value) ** 2)


@pytest.mark.parametrize("bits", range(1, 9))
@pytest.mark.parametrize(
    "weights",
    [np.tile([-1.0, 0.0, 1.0], 20), np.append(np.zeros(99), 1e6), np.array([1e-300, -1e-300])],
    ids=["three-values", "outlier", "tiny"],
)
def test_tensor_without_a_bell_shape_gives_a_sound_codebook(bits: int, weights: np.ndarray):
    check_sound(fit_codebook(weights, bits), bits)


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_not_finite_weights_are_refused(bad: float):
    with pytest.raises(InvalidInput, match="NaN or infinity"):
        fit_codebook([0.0, bad, 1.0], 4)


def test_no_weights_are_refused():
    with pytest.raises(InvalidInput, match="no values"):
        fit_codebook([], 4)


@pytest.mark.parametrize("bits", [-1, 0, 9, 100])
def test_bits_out_of_range_are_refused(bits: int):
    with pytest.raises(InvalidInput, match=f"bits is {bits}"):
        fit_codebook([0.0, 1.0], bits)


@QUICK
@given(WEIGHTS, arrays(np.float64, st.integers(2, 20), elements=st.floats(-9, 9, width=16)))
def test_nearest_index_is_nearest(values: np.ndarray, levels: np.ndarray):
    levels = np.sort(levels)
    chosen = np.abs(values - levels[nearest_index(values, levels)])
    assert chosen == pytest.approx(np.abs(values[:, None] - levels).min(axis=1), abs=1e-12)
