"""Overlapping indices: what may follow what, and the paths that err least."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from microlut.quantize.assign import trellis
from microlut.quantize.assign.feedback import feedback_factor
from microlut.quantize.assign.reconstruct import InputMoments, reconstruct
from microlut.quantize.assign.trellis import assign_on_trellis, trellis_order
from microlut.quantize.levels.densities import DensityName
from microlut.quantize.levels.lloyd_max import optimal_quantizer

WIDTHS = [(2, 4), (3, 3), (4, 2)]
ANY_WIDTH = [*WIDTHS, (2, 1), (1, 3)]


def levels_for(bits: int, overlap: int) -> np.ndarray:
    count = 1 << (bits + overlap)
    return np.linspace(-127, 127, count)[trellis_order(bits, overlap)]


def overlap_as_they_must(indices: np.ndarray, bits: int, overlap: int) -> bool:
    common = indices & ((1 << overlap) - 1)
    return not common[:, 0].any() and np.array_equal(indices[:, :-1] >> bits, common[:, 1:])


@pytest.mark.parametrize(("bits", "overlap"), ANY_WIDTH)
def test_order_uses_every_level_once_and_spreads_those_that_follow_a_state(bits: int, overlap: int):
    order = trellis_order(bits, overlap)
    assert sorted(order) == list(range(1 << (bits + overlap)))
    for state in range(1 << overlap):
        follow = sorted(order[state :: 1 << overlap])
        assert set(np.diff(follow)) <= {1 << overlap}


@given(st.sampled_from(ANY_WIDTH), st.integers(1, 40), st.integers(0, 2**32 - 1))
def test_neighbouring_indices_share_their_bits(width: tuple[int, int], columns: int, seed: int):
    bits, overlap = width
    random = np.random.default_rng(seed)
    inputs = random.normal(size=(50, columns)) @ random.normal(size=(columns, columns))
    factor = feedback_factor(np.cov(inputs.T).reshape(1, columns, columns))[0]
    targets = random.normal(size=(3, columns))
    levels = levels_for(bits, overlap)
    found = assign_on_trellis(targets, factor, levels, np.full(3, 0.02), bits)
    assert found.shape == targets.shape
    assert found.min() >= 0
    assert found.max() < len(levels)
    assert overlap_as_they_must(found, bits, overlap)


@pytest.mark.parametrize(("bits", "overlap", "columns"), [(2, 2, 3), (1, 3, 5), (2, 4, 2)])
def test_without_feedback_no_path_at_all_is_better(bits: int, overlap: int, columns: int):
    random = np.random.default_rng(bits)
    targets, scales = random.normal(size=(8, columns)), random.uniform(0.01, 0.02, 8)
    levels = levels_for(bits, overlap)
    found = assign_on_trellis(targets, np.eye(columns), levels, scales, bits)
    streams = [stream << overlap for stream in range(1 << (bits * columns))]
    mask = len(levels) - 1
    paths = np.array([[s >> (bits * i) & mask for i in range(columns)] for s in streams])
    for row, scale in enumerate(scales):
        errors = np.sum((scale * levels[paths] - targets[row]) ** 2, axis=1)
        mine = np.sum((scale * levels[found[row]] - targets[row]) ** 2)
        assert mine == pytest.approx(errors.min(), rel=1e-5)


@pytest.mark.parametrize(("bits", "overlap"), WIDTHS)
def test_feedback_makes_outputs_err_less(bits: int, overlap: int):
    random = np.random.default_rng(1)
    inputs = random.normal(size=(400, 40)) @ random.normal(size=(40, 40))
    covariance = np.cov(inputs.T)[None]
    targets, levels, scales = (
        random.normal(size=(6, 40)),
        levels_for(bits, overlap),
        np.full(6, 0.02),
    )

    def error(factor: np.ndarray) -> float:
        indices = assign_on_trellis(targets, factor, levels, scales, bits)
        lost = scales[:, None] * levels[indices] - targets
        return float(np.sum((lost @ covariance[0]) * lost))

    assert error(feedback_factor(covariance)[0]) < 0.6 * error(np.eye(40))


def test_rows_and_columns_are_the_same_in_parts(monkeypatch: pytest.MonkeyPatch):
    random = np.random.default_rng(2)
    inputs = random.normal(size=(300, 70)) @ random.normal(size=(70, 70))
    factor = feedback_factor(np.cov(inputs.T)[None])[0]
    arguments = (random.normal(size=(9, 70)), factor, levels_for(2, 4), np.full(9, 0.02), 2)
    whole = assign_on_trellis(*arguments)
    monkeypatch.setattr(trellis, "_VALUES", 1)
    assert np.array_equal(assign_on_trellis(*arguments), whole)
    for block in (1, 7, 70):
        monkeypatch.setattr(trellis, "_BLOCK", block)
        equal = np.mean(assign_on_trellis(*arguments) == whole)
        assert equal > 0.9  # sums in another order: a path may change where two are equally good


@pytest.mark.parametrize(("bits", "overlap"), WIDTHS)
def test_gaussian_weights_err_1_2_db_less_than_by_the_best_independent_levels(
    bits: int, overlap: int
):
    random = np.random.default_rng(3)
    weights = random.normal(size=(1, 40, 250))
    both = InputMoments(np.eye(250)[None], np.eye(250)[None])
    start = optimal_quantizer(DensityName.GAUSSIAN, 1 << (bits + overlap)).levels[
        trellis_order(bits, overlap)
    ]
    scale = np.abs(start).max() / 127
    found = reconstruct(
        weights, both, np.round(start / scale), np.full((1, 40), scale), bits, lambda wanted: wanted
    )
    assert overlap_as_they_must(found.indices[0], bits, overlap)
    error = np.mean((found.scales[..., None] * found.levels[found.indices] - weights) ** 2)
    independent = optimal_quantizer(DensityName.GAUSSIAN, 1 << bits).levels
    nearest = np.abs(weights[..., None] - independent).min(axis=-1)
    assert error < 10**-0.12 * np.mean(nearest**2)
