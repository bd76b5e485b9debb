"""Warnings: each wrong input has its message, sound ones have none."""

from __future__ import annotations

import numpy as np
import pytest

from microlut.ops.arrays import FloatArray
from microlut.ops.tensor import Quantization, Tensor
from microlut.quantize.diagnosis import input_warnings, unlike_features
from microlut.quantize.ranges.activations import activation_quantization
from small_classifier import pictures
from weather import sensors


def spanning(x: FloatArray) -> Quantization:
    return activation_quantization(float(x.min()), float(x.max()))


def found_in(x: FloatArray, quantization: Quantization | None = None) -> list[str]:
    tensor = Tensor("x", x.shape[1:], "int8", quantization or spanning(x))
    return list(input_warnings(x, tensor))


def test_sound_inputs_are_not_warned_of():
    assert found_in(pictures(100)) == []


@pytest.mark.parametrize(
    ("x", "text"),
    [
        (pictures(1), "1 calibration inputs: "),
        (np.repeat(pictures(1), 40, axis=0), "40 calibration inputs, of which 1 differ: "),
        (np.tile(pictures(10), (30, 1, 1, 1)), "300 calibration inputs, of which 10 differ: "),
    ],
)
def test_few_inputs_and_copies_are_warned_of(x, text: str):
    (warning,) = found_in(x)
    assert warning.startswith(text)
    assert "give 50 or more different ones" in warning


def test_outliers_are_warned_of_with_what_is_used():
    x = np.random.default_rng(0).uniform(0, 255, (100, 320)).astype(np.float32)
    x[17, 5] = 32_000
    (warning,) = found_in(x, activation_quantization(0, 255))
    assert "span" in warning
    assert "to 32000, but all except" in warning
    assert "the range in use is 0 to 255" in warning


@pytest.mark.parametrize("kind", ["normal", "laplace", "sparse", "uint8"])
def test_heavy_tails_are_no_outliers(kind: str):
    rng = np.random.default_rng(0)
    x = {
        "normal": lambda: rng.normal(size=(100, 320)),
        "laplace": lambda: rng.laplace(size=(100, 320)),
        "sparse": lambda: rng.uniform(size=(100, 320)) * (rng.uniform(size=(100, 320)) < 0.05),
        "uint8": lambda: rng.integers(0, 256, (100, 320)),
    }[kind]()
    assert found_in(x.astype(np.float32)) == []


def test_features_of_unlike_scale_are_named():
    warning = found_in(sensors())[-1]
    assert "3 of 4 (0, 1, 2) span less than 4 of the input's steps" in warning
    assert "(x - mean) / deviation" in warning


def test_constant_features_and_few_faint_ones_are_no_trouble():
    x = np.random.default_rng(0).uniform(0, 1, (100, 40)).astype(np.float32)
    x[:, 3] = 0.5
    x[:, 7] /= 1000
    assert unlike_features(x, spanning(x)) == []
    x[:, 8:13] /= 1000
    assert unlike_features(x, spanning(x)) == [7, 8, 9, 10, 11, 12]
