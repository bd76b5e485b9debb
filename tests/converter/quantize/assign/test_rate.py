"""Entropy-coded weights at a rate: bits, errors, levels, and what the error feedback gains."""

import numpy as np
import pytest

from microlut.integer.packing import weight_bytes
from microlut.quantize.assign.feedback import damped
from microlut.quantize.assign.rate import assign_at_rate
from microlut.quantize.assign.reconstruct import InputMoments
from microlut.quantize.weights import WeightConfig, may_be_coded, quantize_weights

# Signal-to-noise ratios of uniform levels with an ideal entropy code on Gaussian weights.
GAUSSIAN_DB = {1.5: 7.5, 2.0: 10.3, 3.0: 16.2, 4.0: 22.2}


def keep(scales: np.ndarray) -> np.ndarray:
    return scales


def entropy(indices: np.ndarray) -> float:
    share = np.bincount(indices.ravel()) / indices.size
    share = share[share > 0]
    return float(-(share * np.log2(share)).sum())


@pytest.mark.parametrize("rate", GAUSSIAN_DB)
def test_gaussian_weights_have_the_known_error_at_a_rate(rate):
    weights = np.random.default_rng(0).normal(size=(1, 48, 96))
    independent = np.eye(96)[None]
    found = assign_at_rate(weights, InputMoments(independent, independent), rate, 5, keep)
    real = found.scales[:, :, None] * found.levels[found.indices]
    noise = np.mean((real - weights) ** 2) / np.mean(weights**2)
    reached = entropy(found.indices)
    assert reached == pytest.approx(rate, abs=0.25)
    assert -10 * np.log10(noise) > GAUSSIAN_DB[rate] + 6.02 * (reached - rate) - 0.3


def test_correlated_inputs_make_up_for_errors():
    rng = np.random.default_rng(1)
    weights = rng.normal(size=(1, 16, 60))
    x = rng.normal(size=(500, 12)) @ rng.normal(size=(12, 60)) + 0.3 * rng.normal(size=(500, 60))
    covariance = np.cov(x.T)[None]
    independent = np.eye(60)[None]

    def lost(moments: InputMoments) -> float:
        found = assign_at_rate(weights, moments, 2.0, 4, keep)
        error = found.scales[:, :, None] * found.levels[found.indices] - weights
        return float(np.sum((error @ damped(covariance)) * error))

    aware = lost(InputMoments(covariance, covariance))
    assert aware < 0.5 * lost(InputMoments(independent, independent))


@pytest.mark.parametrize("shape", [(32, 3, 3, 8), (24, 96)])
def test_layers_take_the_bytes_of_their_rate(shape):
    kernel = np.random.default_rng(2).laplace(size=shape).astype(np.float32)
    columns = kernel[0].size
    independent = np.eye(columns)[None]
    moments = InputMoments(independent, independent)
    sizes = []
    for rate in (1.25, 2.0, 3.0):
        found = quantize_weights(kernel, 0, WeightConfig(5, rate=rate), moments)
        found.check()
        assert found.coded
        assert found.codebook is not None
        assert 0 in found.codebook
        sizes.append(weight_bytes(found))
        assert sizes[-1] < kernel.size * (rate + 0.4) / 8 + 250
    assert sizes == sorted(sizes)


def test_zeros_and_channels_of_zeros_are_no_trouble():
    kernel = np.zeros((8, 40), np.float32)
    independent = np.eye(40)[None]
    moments = InputMoments(independent, independent)
    for filled in (0, 3):
        kernel[:filled] = np.random.default_rng(3).normal(size=(filled, 40))
        found = quantize_weights(kernel, 0, WeightConfig(4, rate=2.0), moments)
        found.check()
        assert not found.int8()[filled:].any()


def test_only_rows_with_scales_of_their_own_are_coded():
    assert may_be_coded((4, 3, 3, 2), WeightConfig(4))
    assert not may_be_coded((3, 3, 2), WeightConfig(4))
    assert not may_be_coded((4, 6), WeightConfig(4, "tensor"))
    assert not may_be_coded((4, 6), WeightConfig(4, sparsity=0.5))
