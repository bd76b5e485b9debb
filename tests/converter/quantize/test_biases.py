"""Biases that keep a layer's means, where that brings its output nearer."""

import numpy as np
import pytest

from microlut.ops.activation import ActivationKind
from microlut.ops.dense import Dense
from microlut.quantize.biases import chosen_biases

RNG = np.random.default_rng(7)
UNIT = np.full(3, 0.5)
BIAS, SHIFT = np.array([[1.0, -2.0, 3.0], [0.5, 1.5, -2.0]], np.float32)


def layer(activation):
    return Dense(np.ones((3, 4), np.float32), BIAS, activation)


@pytest.mark.parametrize("activation", list(ActivationKind))
def test_shift_of_all_values_is_absorbed(activation):
    wanted = RNG.normal(3, 1, (100, 3)).astype(np.float32)
    reached = np.round((wanted - BIAS - SHIFT) / UNIT).astype(np.int64)
    found = chosen_biases(layer(activation), wanted, reached, UNIT) * UNIT
    np.testing.assert_allclose(found, BIAS + SHIFT, atol=0.05)


def test_shift_of_values_that_relu_sets_to_zero_is_not():
    """With it, those that count would be as far off as they were right."""
    wanted = np.where(RNG.random((200, 3)) < 0.9, -30.0, 4.0).astype(np.float32)
    reached = np.round((np.where(wanted < 0, wanted - 8, wanted) - BIAS) / UNIT).astype(np.int64)
    np.testing.assert_allclose(
        chosen_biases(layer(ActivationKind.RELU), wanted, reached, UNIT) * UNIT, BIAS
    )
    linear = chosen_biases(layer(ActivationKind.LINEAR), wanted, reached, UNIT) * UNIT
    assert (linear > BIAS + 6).all()


def test_channels_choose_for_themselves():
    wanted = np.where(RNG.random((200, 3)) < 0.9, -30.0, 4.0).astype(np.float32)
    moved = np.where(wanted < 0, wanted - 8, wanted)
    moved[:, 1] = wanted[:, 1] - 1
    reached = np.round((moved - BIAS) / UNIT).astype(np.int64)
    found = chosen_biases(layer(ActivationKind.RELU), wanted, reached, UNIT) * UNIT
    np.testing.assert_allclose(found - BIAS, [0, 1, 0], atol=1e-6)
