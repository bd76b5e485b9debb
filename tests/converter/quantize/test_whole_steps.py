"""Weights that were rounded per tensor before stay what they are at 8 bits."""

import numpy as np
import pytest

from microlut.quantize.weights import WeightConfig, quantize_weights
from microlut.quantize.whole_steps import own_step

RNG = np.random.default_rng(0)
SHAPE = (6, 3, 3, 5)


def rounded(step, low=-127, high=127):
    """Return weights of one step whose channels have unlike ranges."""
    weights = RNG.integers(low, high + 1, SHAPE)
    small = np.array([1, 2, 5, 9, 20, 100])[:, None, None, None]
    return (
        np.where(np.arange(6)[:, None, None, None] % 2, weights, weights // small) * step
    ).astype(np.float32)


@pytest.mark.parametrize("step", [0.0131, 3e-6, 41.7])
def test_weights_with_one_step_are_kept(step):
    weights = rounded(step)
    made = quantize_weights(weights, 0, WeightConfig(8))
    real = made.int8().reshape(SHAPE) * made.scales[:, None, None, None]
    np.testing.assert_allclose(real, weights, rtol=1e-6, atol=step * 1e-5)


def test_channels_beyond_8_bits_have_scales_of_their_own():
    weights = rounded(0.01, -200, 50)
    made = quantize_weights(weights, 0, WeightConfig(8))
    steps = np.abs(weights).reshape(6, -1).max(axis=1) / 127
    wide = steps > 0.01
    assert 0 < wide.sum() < 6
    np.testing.assert_allclose(made.scales[wide], steps[wide], rtol=1e-6)
    np.testing.assert_allclose(made.scales[~wide], 0.01, rtol=1e-6)


def test_other_weights_have_no_step():
    for weights in (
        RNG.normal(size=500),
        RNG.normal(size=12),
        RNG.choice(RNG.normal(size=40), 500),
        np.array([0.5, -0.5, 0.0]),
        RNG.integers(-3000, 3000, 5000) * 0.01,
        np.zeros(50),
    ):
        assert own_step(weights) is None
