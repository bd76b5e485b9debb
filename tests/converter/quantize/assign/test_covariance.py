"""Moments of layer inputs, and the error feedback that they steer."""

import numpy as np
import pytest

import random_graphs as rg
from microlut.ops.conv2d import Conv2D
from microlut.ops.dense import Dense
from microlut.ops.depthwise_conv2d import DepthwiseConv2D
from microlut.ops.tensor import Quantization
from microlut.ops.windows import Window, patches, same_padding
from microlut.quantize.assign.covariance import input_moments, reconstruction_moments
from microlut.quantize.assign.feedback import assign_with_feedback, feedback_factor, refit_scales
from microlut.quantize.levels.densities import Array


def input_covariance(op: Conv2D | DepthwiseConv2D | Dense, x: np.ndarray, zero_point: int) -> Array:
    """Return the covariance; for equal inputs of both networks the cross moments are the same."""
    moments = input_moments(op, x, zero_point, x.astype(np.float32) - np.float32(zero_point))
    assert np.array_equal(moments.cross, moments.covariance)
    return moments.covariance


def test_cross_moments_are_those_of_both_networks_inputs():
    rng = np.random.default_rng(0)
    x = rng.integers(-128, 128, (50, 4), dtype=np.int8)
    real = rng.normal(size=(50, 4)).astype(np.float32) * 40 + x
    op = Dense(np.ones((2, 4), np.float32), np.zeros(2, np.float32))
    got = input_moments(op, x, 3, real).cross
    wanted = np.cov(x.T.astype(np.float64), real.T, bias=True)[:4, 4:]
    assert got == pytest.approx(wanted[None], rel=1e-4, abs=0.1)


def convolution(size: tuple[int, int], channels: int, window: Window) -> Conv2D:
    kernel = np.ones((2, *size, channels), np.float32)
    return Conv2D(kernel, np.zeros(2, np.float32), window)


def test_convolution_has_the_covariance_of_its_receptive_fields():
    window = Window((3, 2), (1, 2), same_padding((9, 8), (3, 2), (1, 2), (1, 1)))
    x = np.random.default_rng(0).integers(-128, 128, (5, 9, 8, 3), dtype=np.int8)
    rows = patches(x, window, 7).reshape(-1, 18).astype(np.float64)
    got = input_covariance(convolution((3, 2), 3, window), x, 7)
    assert got == pytest.approx(np.cov(rows.T, bias=True)[None], rel=1e-4, abs=0.1)


def test_depthwise_convolution_has_one_covariance_a_channel():
    window = Window((2, 2))
    op = DepthwiseConv2D(np.ones((2, 2, 6), np.float32), np.zeros(6, np.float32), window, 2)
    x = np.random.default_rng(0).integers(-128, 128, (5, 6, 7, 3), dtype=np.int8)
    got = input_covariance(op, x, 0)
    assert got.shape == (3, 4, 4)
    for channel in range(3):
        rows = patches(x, window, 0)[..., channel].reshape(-1, 4).astype(np.float64)
        assert got[channel] == pytest.approx(np.cov(rows.T, bias=True), rel=1e-4, abs=0.1)


def test_dense_layer_takes_every_vector():
    op = Dense(np.ones((2, 5), np.float32), np.zeros(2, np.float32))
    x = np.random.default_rng(0).integers(-128, 128, (4, 3, 2, 5), dtype=np.int8)
    wanted = np.cov(x.reshape(-1, 5).T.astype(np.float64), bias=True)[None]
    assert input_covariance(op, x, -128) == pytest.approx(wanted, rel=1e-4, abs=0.1)


@pytest.mark.parametrize("count", [10, 1000])
def test_moments_of_few_inputs_are_doubted(count: int):
    op = Dense(np.ones((2, 5), np.float32), np.zeros(2, np.float32))
    x = np.random.default_rng(0).integers(-128, 128, (count, 5), dtype=np.int8)
    real = 0.5 * (x.astype(np.float32) - 7)
    seen = input_moments(op, x, 7, 2 * real)
    moments = reconstruction_moments(op, x, Quantization(0.5, 7), real)
    assert moments is not None
    share = 5 / count * np.trace(seen.covariance[0]) / 5
    for found, certain in ((moments.covariance, seen.covariance), (moments.cross, seen.cross)):
        assert found - certain == pytest.approx(share * np.eye(5)[None], rel=1e-6, abs=1e-6)


@pytest.mark.parametrize("value", [-100, -37, 50, 100, 127])
@pytest.mark.parametrize("channels", [1, 3])
def test_inputs_that_hardly_vary_have_no_negative_variance(value: int, channels: int):
    rng = np.random.default_rng(0)
    x = np.full((57, 30, 30, channels), value, np.int8)
    x[rng.random(x.shape) < 1e-4] -= 1
    covariance = input_covariance(convolution((3, 3), channels, Window((3, 3))), x, 0)
    assert np.linalg.eigvalsh(covariance).min() >= -1e-12


def test_uncorrelated_inputs_give_nearest_levels():
    weights = rg.weights(np.random.default_rng(0), (1, 6, 30), 0).astype(np.float64)
    levels, scales = np.array([-2.0, -0.5, 0.5, 2.0]), np.full((1, 6), 0.3)
    chosen = assign_with_feedback(weights, feedback_factor(np.eye(30)[None] * 40.0), levels, scales)
    distances = np.abs(weights[..., None] - 0.3 * levels)
    assert np.array_equal(chosen, distances.argmin(axis=-1))


def test_second_of_two_equal_inputs_makes_up_for_the_first():
    # 0.3 goes to 0; the other weight of the same input then stands for 0.3 + 0.4
    covariance = np.array([[[1.0, 0.9999], [0.9999, 1.0]]])
    weights = np.array([[[0.3, 0.4]]])
    chosen = assign_with_feedback(
        weights, feedback_factor(covariance), np.array([0.0, 1.0]), np.ones((1, 1))
    )
    assert chosen.tolist() == [[[0, 1]]]


def test_refitted_scale_minimises_the_error_of_the_output():
    rng = np.random.default_rng(1)
    mix = rng.normal(size=(8, 8))
    covariance = (mix @ mix.T)[None] + np.eye(8)
    weights, levels = rng.normal(size=(1, 3, 8)), rng.normal(size=(1, 3, 8))
    levels *= np.sign((levels @ covariance * weights).sum(axis=2))[..., None]
    fitted = refit_scales(weights, covariance, levels, np.ones((1, 3)))

    def output_error(scales: np.ndarray) -> np.ndarray:
        error = weights - scales[..., None] * levels
        return (error @ covariance * error).sum(axis=2)

    for factor in (0.99, 1.01):
        assert np.all(output_error(fitted) <= output_error(fitted * factor))
