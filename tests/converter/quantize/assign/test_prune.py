"""Pruning with error feedback: how many weights, which ones, and what makes up for them."""

from dataclasses import replace

import numpy as np
import pytest

import random_graphs as rg
from microlut.errors import InvalidInput
from microlut.ops.linear import Linear
from microlut.quantize.assign.feedback import damped, feedback_factor
from microlut.quantize.assign.prune import prune, prune_smallest
from microlut.quantize.assign.reconstruct import InputMoments
from microlut.quantize.weights import WeightConfig, quantize_weights


def correlated(groups: int, columns: int, seed: int) -> np.ndarray:
    """Return covariances of inputs that go together."""
    rng = np.random.default_rng(seed)
    few = rng.normal(size=(groups, 3 * columns, -(-columns // 4)))
    mixed = few @ rng.normal(size=(groups, few.shape[2], columns))
    mixed += rng.normal(size=mixed.shape)
    return np.swapaxes(mixed, 1, 2) @ mixed / (3 * columns)


def lost(weights: np.ndarray, found: np.ndarray, covariance: np.ndarray) -> float:
    error = found - weights
    return float(np.sum((error @ covariance) * error))


@pytest.mark.parametrize("sparsity", [0.1, 0.5, 0.9])
@pytest.mark.parametrize(("groups", "rows", "columns"), [(1, 8, 300), (1, 1, 7), (5, 2, 9)])
def test_the_asked_share_is_zero_and_the_others_make_up_for_it(sparsity, groups, rows, columns):
    weights = np.random.default_rng(0).normal(size=(groups, rows, columns))
    covariance = correlated(groups, columns, 1)
    made = prune(weights, feedback_factor(covariance), sparsity)
    assert made.zeros.sum() == round(sparsity * weights.size)
    assert not made.weights[made.zeros].any()
    assert made.weights[~made.zeros].all()
    smallest = prune_smallest(weights, sparsity)
    assert smallest.zeros.sum() == made.zeros.sum()
    same = np.where(made.zeros, 0.0, weights)
    free = damped(covariance)
    assert lost(weights, made.weights, free) <= lost(weights, same, free) + 1e-9
    if columns > 100:
        assert lost(weights, made.weights, free) < 0.9 * lost(weights, smallest.weights, free)


def test_of_independent_inputs_those_weights_go_that_weigh_least():
    weights = np.array([[[4.0, -1.0, 3.0, 2.0]]])
    covariance = np.diag([0.01, 100.0, 1.0, 1.0])[None]
    found = prune(weights, feedback_factor(covariance), 0.5)
    assert found.zeros.tolist() == [[[True, False, False, True]]]
    assert np.allclose(found.weights, [[[0.0, -1.0, 3.0, 0.0]]])


@pytest.mark.parametrize("bits", range(2, 9))
@pytest.mark.parametrize("granularity", ["channel", "tensor"])
@pytest.mark.parametrize("axis", [0, 2])
def test_pruned_weights_are_zero_with_and_without_data(bits, granularity, axis):
    kernel = np.random.default_rng(bits).normal(size=(6, 12, 8)).astype(np.float32)
    config = WeightConfig(bits, granularity, "calibrated", 0.6)
    channels, columns = kernel.shape[axis], kernel.size // kernel.shape[axis]
    groups = 1 if axis == 0 else channels
    covariance = correlated(groups, columns, 2)
    for moments in (None, InputMoments(covariance, covariance)):
        found = quantize_weights(kernel, axis, config, moments)
        found.check()
        assert found.overlap == 0
        assert np.mean(found.int8() == 0) >= 0.6 - 0.5 / kernel.size
        assert found.fit is None or found.fit.density == "pruned"


@pytest.mark.parametrize("method", ["calibrated", "fitted", "empirical"])
@pytest.mark.parametrize("kind", ["conv2d", "depthwise_conv2d", "dense"])
def test_layers_of_a_network_are_pruned_by_any_method(kind, method):
    for case in rg.operator_cases(kind, 4):
        sparse = replace(case, config=replace(case.config, method=method, sparsity=0.5))
        ops = {node.name: node.op for node in case.graph.nodes}
        for node, op in sparse.quantized().weighted():
            real = ops[node.name]
            assert isinstance(real, Linear)
            blocks = -(-real.kernel.size // 8)  # each rounds its share
            assert np.mean(op.weights.int8() == 0) >= 0.5 - blocks / (2 * real.kernel.size)


@pytest.mark.parametrize("share", [-0.1, 0.96, float("nan"), "0.5", True, None])
def test_other_shares_are_refused(share):
    with pytest.raises(InvalidInput, match=r"sparsity is .*; give a number from 0 to 0\.95"):
        WeightConfig(sparsity=share)


def test_the_published_method_prunes_nothing():
    with pytest.raises(InvalidInput, match="method is published, which keeps all weights"):
        WeightConfig(method="published", sparsity=0.5)
