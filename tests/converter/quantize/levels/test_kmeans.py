"""kmeans_codebook: the optimum on small tensors by trying everything, and near it on large ones."""

from itertools import combinations, pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from microlut.errors import InvalidInput
from microlut.quantize.levels import kmeans
from microlut.quantize.levels.codebook import fit_codebook, nearest_mse
from microlut.quantize.levels.kmeans import kmeans_codebook

QUICK = settings(max_examples=60, deadline=None)


def least_error(weights: np.ndarray, clusters: int) -> float:
    """Return the least squared error over all ways to cut the sorted weights."""
    ordered = np.sort(weights)
    cuts = combinations(range(1, ordered.size), min(clusters, ordered.size) - 1)
    return min(
        sum(np.sum((ordered[a:b] - ordered[a:b].mean()) ** 2) for a, b in pairwise([0, *cut, None]))
        for cut in cuts
    )


@QUICK
@given(
    arrays(np.float64, st.integers(1, 11), elements=st.floats(-8, 8, width=16)), st.integers(1, 3)
)
def test_small_tensor_gets_the_optimum_of_all_cuts(weights: np.ndarray, bits: int):
    levels = kmeans_codebook(weights, bits)
    error = nearest_mse(weights, levels) * weights.size
    assert levels.shape == (2**bits,)
    assert np.all(np.diff(levels) >= 0)
    assert error == pytest.approx(least_error(weights, 2**bits), rel=1e-9, abs=1e-12)


def test_optimum_is_found_where_plain_alternation_stays_in_a_worse_one():
    # Three clusters far apart, the left one wide: quantiles would start two levels on the right.
    weights = np.concatenate([[-10.0, -9.0], np.full(50, 0.0), np.full(50, 0.1), np.full(50, 9.0)])
    levels = kmeans_codebook(weights, 2)
    assert levels == pytest.approx([-10.0, -9.0, 0.05, 9.0])


@pytest.mark.parametrize("bits", range(1, 9))
def test_fewer_distinct_values_than_levels_are_kept_exactly(bits: int):
    values = np.linspace(-1.0, 2.0, 2**bits - 1) if bits > 1 else np.array([0.7])
    weights = np.repeat(values, 3)
    assert nearest_mse(weights, kmeans_codebook(weights, bits)) == pytest.approx(0.0, abs=1e-24)


@pytest.mark.parametrize("value", [0.0, -0.3, 1e30])
def test_constant_tensor_is_exact(value: float):
    assert kmeans_codebook(np.full(7, value), 3).tolist() == [value] * 8


def test_outlier_gets_its_level_and_costs_the_others_no_precision():
    bulk = np.random.default_rng(0).normal(size=300) * 1e-3
    for outlier in (1e9, -1e9):
        levels = kmeans_codebook(np.append(bulk, outlier), 3)
        assert levels[0 if outlier < 0 else -1] == outlier
        alone = nearest_mse(bulk, np.sort(np.delete(levels, 0 if outlier < 0 else -1)))
        assert alone <= nearest_mse(bulk, kmeans_codebook(bulk, 2))
        assert alone >= nearest_mse(bulk, kmeans_codebook(bulk, 3))


@pytest.mark.parametrize("bits", [1, 3, 5, 8])
@pytest.mark.parametrize("draw", ["normal", "laplace", "uniform"])
def test_grouping_a_large_tensor_costs_next_to_nothing(
    draw: str, bits: int, monkeypatch: pytest.MonkeyPatch
):
    weights = getattr(np.random.default_rng(1), draw)(size=8000)
    grouped = nearest_mse(weights, kmeans_codebook(weights, bits))
    monkeypatch.setattr(kmeans, "_MAX_POINTS", 8000)
    optimum = nearest_mse(weights, kmeans_codebook(weights, bits))
    assert optimum <= grouped * (1 + 1e-9)
    assert grouped == pytest.approx(optimum, rel=1e-3)


def test_outlier_does_not_take_the_groups_of_a_large_tensor():
    bulk = np.random.default_rng(2).normal(size=20_000)
    levels = kmeans_codebook(np.append(bulk, 1e12), 4)
    assert levels[-1] == pytest.approx(1e12)
    assert nearest_mse(bulk, levels[:-1]) < fit_codebook(bulk, 4).mse * 1.15


@pytest.mark.parametrize("bits", range(1, 9))
def test_levels_beat_the_fitted_ones(bits: int):
    weights = np.random.default_rng(4).normal(size=5000)
    levels = kmeans_codebook(weights, bits)
    assert nearest_mse(weights, levels) < fit_codebook(weights, bits).mse


def test_levels_are_the_means_of_their_weights():
    weights = np.random.default_rng(5).laplace(size=30_000)
    levels = kmeans_codebook(weights, 4)
    nearest = np.abs(weights[:, None] - levels).argmin(axis=1)
    means = [weights[nearest == i].mean() for i in range(16)]
    assert levels == pytest.approx(means, abs=1e-9)


@pytest.mark.parametrize("bits", [0, 9])
def test_bits_out_of_range_are_refused(bits: int):
    with pytest.raises(InvalidInput, match=f"bits is {bits}"):
        kmeans_codebook([0.0, 1.0], bits)


@pytest.mark.parametrize("weights", [[], [0.0, np.nan]])
def test_unusable_weights_are_refused(weights: list[float]):
    with pytest.raises(InvalidInput, match="weights hold"):
        kmeans_codebook(weights, 2)
