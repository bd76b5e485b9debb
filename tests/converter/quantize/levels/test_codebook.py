"""fit_codebook: its statistics, its invariances and the tensors that have no bell shape."""

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy import stats

from microlut.errors import InvalidInput
from microlut.quantize.levels.codebook import (
    Codebook,
    channel_spreads,
    fit_codebook,
    fit_densities,
    nearest_index,
)
from microlut.quantize.levels.densities import DensityName
from microlut.quantize.levels.lloyd_max import optimal_quantizer

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
    gaussian, laplace = fit_densities(np.sort(weights))
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


@pytest.fixture(scope="module", params=DensityName)
def true_sample(request: pytest.FixtureRequest) -> tuple[DensityName, np.ndarray]:
    rng = np.random.default_rng(0)
    draw = rng.normal if request.param is DensityName.GAUSSIAN else rng.laplace
    return request.param, draw(0.3, 0.05, 1_000_000)


@pytest.mark.parametrize("bits", range(1, 9))
def test_large_true_sample_gives_density_and_predicted_error(
    true_sample: tuple[DensityName, np.ndarray], bits: int
):
    density, sample = true_sample
    book = fit_codebook(sample, bits)
    assert book.density is density
    # The widest, outermost interval of 256 levels holds few of the values, hence the 3 %.
    assert book.mse == pytest.approx(book.predicted_mse, rel=0.01 if bits < 7 else 0.03)


def test_large_sample_gives_the_parameters_of_its_density(
    true_sample: tuple[DensityName, np.ndarray],
):
    density, sample = true_sample
    fit = fit_codebook(sample, 4).fit
    deviation = 0.05 if density is DensityName.GAUSSIAN else 0.05 * np.sqrt(2)
    assert fit.density is density
    assert fit.center == pytest.approx(0.3, abs=5e-4)
    assert fit.deviation == pytest.approx(deviation, rel=0.01)


@QUICK
@given(WEIGHTS, BITS, st.sampled_from(["auto", "gaussian", "laplace"]))
def test_thresholds_are_midpoints_and_levels_the_scaled_optimum(
    weights: np.ndarray, bits: int, density: str
):
    book = fit_codebook(weights, bits, density)
    unit = optimal_quantizer(book.density, 2**bits)
    fit = book.fit
    tolerance = 1e-12 * np.abs(weights).max()
    midpoints = 0.5 * (book.levels[1:] + book.levels[:-1])
    assert book.thresholds == pytest.approx(midpoints, abs=tolerance)
    assert book.levels == pytest.approx(fit.center + fit.deviation * unit.levels, abs=tolerance)
    assert book.predicted_mse == pytest.approx(fit.deviation**2 * unit.mse)


@QUICK
@given(WEIGHTS, BITS)
def test_clipping_is_at_the_outermost_levels(weights: np.ndarray, bits: int):
    book = fit_codebook(weights, bits)
    far = book.clipping[1] + 1e6
    assert book.clipping == (book.levels.min(), book.levels.max())
    assert book.levels[nearest_index(np.array([-far, far]), book.levels)].tolist() == [
        *book.clipping
    ]


@QUICK
@given(WEIGHTS)
def test_fitted_parameters_are_of_maximum_likelihood(weights: np.ndarray):
    spread_out(weights)
    book = fit_codebook(weights, 4)
    gaussian, laplace = book.gaussian, book.laplace
    normal = stats.norm.fit(weights)
    assert (gaussian.center, gaussian.deviation) == pytest.approx(normal, abs=1e-9)
    center, scale = stats.laplace.fit(weights)
    assert laplace.center == pytest.approx(center, abs=1e-12)
    assert laplace.deviation == pytest.approx(np.sqrt(2) * scale, abs=1e-9)


def test_result_is_read_only():
    book = fit_codebook(np.arange(9.0), 2)
    for array in (book.levels, book.thresholds):
        with pytest.raises(ValueError, match="read-only"):
            array[0] = 0.0


def test_weights_are_left_as_they_are():
    weights = np.array([3.0, 1.0, 2.0])
    fit_codebook(weights, 2)
    assert weights.tolist() == [3.0, 1.0, 2.0]


def test_tensor_of_many_chunks_is_measured_whole():
    # More than one chunk, and the KS distance is in the last one.
    weights = np.append(np.random.default_rng(3).normal(size=600_000), np.full(200_000, 4.0))
    book = fit_codebook(weights, 3)
    fitted = stats.norm(weights.mean(), weights.std())
    assert book.ks_gaussian == pytest.approx(stats.kstest(weights, fitted.cdf).statistic, abs=1e-9)
    distances = np.abs(weights - book.levels[nearest_index(weights, book.levels)])
    assert book.mse == pytest.approx(np.mean(distances**2), rel=1e-12)


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
    assert book.levels.tolist() == [value] * 2**bits
    assert book.mse == book.predicted_mse == 0.0


@pytest.mark.parametrize("bits", range(1, 9))
@pytest.mark.parametrize(
    "weights",
    [np.tile([-1.0, 0.0, 1.0], 20), np.append(np.zeros(99), 1e6), np.array([1e-300, -1e-300])],
    ids=["three-values", "outlier", "tiny"],
)
def test_tensor_without_a_bell_shape_gives_a_sound_codebook(bits: int, weights: np.ndarray):
    check_sound(fit_codebook(weights, bits), bits)


@pytest.mark.parametrize("outlier", [1e3, -1e6, 3e38])
def test_huge_outlier_is_clipped(outlier: float):
    weights = np.append(np.random.default_rng(0).normal(size=999), outlier)
    book = fit_codebook(weights, 4)
    check_sound(book, 4)
    assert np.abs(book.clipping).max() < abs(outlier) / 2
    assert book.mse < np.var(weights)


def test_more_than_float32_holds_is_refused():
    with pytest.raises(InvalidInput, match=r"weights hold 1e\+200; at most 3.4"):
        fit_codebook([1.0, -1e200], 4)


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_not_finite_weights_are_refused(bad: float):
    with pytest.raises(InvalidInput, match="NaN or infinity"):
        fit_codebook([0.0, bad, 1.0], 4)


def test_no_weights_are_refused():
    with pytest.raises(InvalidInput, match="no values"):
        fit_codebook([], 4)


@pytest.mark.parametrize("bits", [-1, 0, 2.5, 9, 100])
def test_bits_out_of_range_are_refused(bits: int):
    with pytest.raises(InvalidInput, match=f"bits is {bits}"):
        fit_codebook([0.0, 1.0], bits)


def test_other_density_is_refused():
    with pytest.raises(InvalidInput, match="'cauchy'; give 'auto' or 'gaussian' or 'laplace'"):
        fit_codebook([0.0, 1.0], 4, "cauchy")


@QUICK
@given(WEIGHTS, st.sampled_from(["tensor", "channel"]))
def test_channels_divided_by_their_spread_have_unit_power(weights: np.ndarray, granularity: str):
    rows = np.outer([1.0, -3.0, 1e-3], weights)
    spreads = channel_spreads(rows, granularity)
    if granularity == "tensor":
        assert spreads.tolist() == [1.0 if weights.any() else 0.0] * 3
    else:
        assert spreads == pytest.approx(np.sqrt(np.mean(rows**2, axis=1)), rel=1e-12)


@QUICK
@given(WEIGHTS, arrays(np.float64, st.integers(2, 20), elements=st.floats(-9, 9, width=16)))
def test_nearest_index_is_nearest(values: np.ndarray, levels: np.ndarray):
    levels = np.sort(levels)
    chosen = np.abs(values - levels[nearest_index(values, levels)])
    assert chosen == pytest.approx(np.abs(values[:, None] - levels).min(axis=1), abs=1e-12)
