"""Reconstruction of a layer's outputs: targets, descent, refits."""

import itertools

import numpy as np
import pytest

from microlut.quantize.assign import reconstruct as reconstruct_module
from microlut.quantize.assign.feedback import assign_with_feedback, damped, feedback_factor
from microlut.quantize.assign.reconstruct import InputMoments, reconstruct
from microlut.quantize.assign.trellis import assign_on_trellis, trellis_order

LEVELS = np.array([-127.0, -38.0, 38.0, 127.0])


def inputs(count: int, columns: int, seed: int) -> np.ndarray:
    rng = np.random.default_rng(seed)
    return rng.normal(size=(count, columns)) @ rng.normal(size=(columns, columns))


def moments(quantized: np.ndarray, real: np.ndarray) -> InputMoments:
    joint = np.cov(quantized.T, real.T, bias=True)
    n = quantized.shape[1]
    return InputMoments(joint[None, :n, :n], joint[None, :n, n:])


def lost(x: np.ndarray, real: np.ndarray, weights: np.ndarray, found) -> float:
    values = found.scales[..., None] * found.levels[found.indices]
    difference = x @ values[0].T - real @ weights[0].T
    return float(np.mean((difference - difference.mean(axis=0)) ** 2))


def keep(scales: np.ndarray) -> np.ndarray:
    return scales


def test_outputs_come_nearer_to_those_of_the_float_inputs_than_by_feedback_alone():
    real = inputs(400, 24, 0)
    rng = np.random.default_rng(1)
    x = real + 0.3 * real.std() * rng.normal(size=real.shape)  # what earlier layers lost
    weights, scales = rng.normal(size=(1, 6, 24)), np.full((1, 6), 1.0 / 70)
    both = moments(x, real)
    found = reconstruct(weights, both, LEVELS, scales, 2, keep)
    plain = assign_with_feedback(weights, feedback_factor(both.covariance), LEVELS, scales)
    started = type(found)(LEVELS, scales, plain)
    assert lost(x, real, weights, found) < 0.8 * lost(x, real, weights, started)


def test_no_single_index_could_be_better():
    real = inputs(100, 6, 2)
    weights, scales = np.random.default_rng(3).normal(size=(1, 3, 6)), np.full((1, 3), 1.0 / 70)
    both = moments(real, real)
    found = reconstruct(weights, both, LEVELS, scales, 2, None)
    covariance = damped(both.covariance)[0]

    def error(indices: np.ndarray, row: int) -> float:
        difference = scales[0, row] * found.levels[indices] - weights[0, row]
        return float(difference @ covariance @ difference)

    for row, column, level in itertools.product(range(3), range(6), range(4)):
        changed = found.indices[0, row].copy()
        changed[column] = level
        assert error(changed, row) >= error(found.indices[0, row], row) * (1 - 1e-9)


def test_scales_stay_when_they_are_not_to_be_refitted():
    real = inputs(100, 5, 4)
    scales = np.full((1, 2), 0.01)
    weights = np.random.default_rng(5).normal(size=(1, 2, 5))
    found = reconstruct(weights, moments(real, real), LEVELS, scales, 2, None)
    assert np.array_equal(found.scales, scales)
    assert np.array_equal(found.levels, LEVELS)


@pytest.mark.parametrize("groups", [1, 4])
def test_refitted_levels_are_ascending_int8_and_better(groups: int):
    real = inputs(200, 16, 6)
    both = moments(real, real)
    both = InputMoments(np.repeat(both.covariance, groups, 0), np.repeat(both.cross, groups, 0))
    weights = np.random.default_rng(7).laplace(size=(groups, 3, 16))
    levels = np.array([-127.0, -120.0, 120.0, 127.0])  # a bad codebook
    found = reconstruct(weights, both, levels, np.full((groups, 3), 1.0 / 60), 2, keep)
    assert np.array_equal(found.levels, np.round(found.levels))
    assert np.max(np.abs(found.levels)) == 127
    assert np.all(np.diff(found.levels) > 0)
    fixed = reconstruct(weights, both, levels, np.full((groups, 3), 1.0 / 60), 2, None)

    def total(state) -> float:
        error = state.scales[..., None] * state.levels[state.indices] - weights
        return float(np.einsum("grc,gcd,grd->", error, damped(both.covariance), error))

    assert total(found) < 0.7 * total(fixed)


def test_large_layers_have_fewer_rounds_and_small_ones_gain_by_more(
    monkeypatch: pytest.MonkeyPatch,
):
    real = inputs(400, 60, 7)
    weights = np.random.default_rng(8).normal(size=(1, 20, 60))
    start = np.linspace(-127, 127, 64)[trellis_order(2, 4)]
    arguments = (weights, moments(real, real), start, np.full((1, 20), 0.02), 2, keep)
    rounds = 0

    def counted(*rows: np.ndarray) -> np.ndarray:
        nonlocal rounds
        rounds += 1
        return assign_on_trellis(*rows)

    monkeypatch.setattr(reconstruct_module, "assign_on_trellis", counted)
    errors = []
    for most, expected in ((16 * 35, 16), (9 * 35, 9), (1, 8)):  # 35: the root of 20 * 60
        monkeypatch.setattr(reconstruct_module, "_ROUNDS_BY_ROOT", most)
        rounds = 0
        errors.append(lost(real, real, weights, reconstruct(*arguments)))
        assert rounds == expected
    assert errors[0] <= errors[1] <= errors[2]
    assert errors[0] < errors[2]
