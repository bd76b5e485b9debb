"""Synthetic inputs and activations: their range, mean and smoothness, the statistics restored."""

from dataclasses import replace

import numpy as np
import pytest

from graphs import input_limits, make_node, net, run_float
from microlut.errors import InvalidInput
from microlut.graph.batch import only
from microlut.graph.evaluate import evaluate
from microlut.ops.activation import ActivationKind
from microlut.ops.add import Add
from microlut.ops.batch_norm import ChannelStatistics
from microlut.ops.conv2d import Conv2D
from microlut.ops.dense import Dense
from microlut.ops.depthwise_conv2d import DepthwiseConv2D
from microlut.ops.windows import Padding, Window
from microlut.quantize.without_data import synthetic
from microlut.quantize.without_data.synthetic import synthetic_inputs, walk

PICTURE = (12, 6, 2)


def normal(rng, *shape):
    return rng.normal(size=shape).astype(np.float32)


def layers(rng):
    """Return layers for a picture by name: strides, padding, dilation and a multiplier."""
    same = Padding(1, 1, 1, 1)
    wide = Window((3, 2), (1, 2), Padding(0, 2, 1, 0), (2, 1))
    return {
        "conv": Conv2D(normal(rng, 16, 3, 3, 2), normal(rng, 16), Window((3, 3), (1, 1), same)),
        "strided": Conv2D(normal(rng, 16, 3, 2, 2), normal(rng, 16), wide),
        "depthwise": DepthwiseConv2D(normal(rng, 3, 2, 6), normal(rng, 6), wide, 3),
        "dense": Dense(normal(rng, 8, 2), normal(rng, 8)),
    }


LAYERS = tuple(layers(np.random.default_rng(0)))


def noise(graph, limits, seed=0):
    """Return the synthetic values of the only input."""
    return only(synthetic_inputs(graph, input_limits(graph, limits), seed))


def one_layer(op, statistics=None, shape=PICTURE):
    made = run_float(op, np.zeros((1, *shape), np.float32)).shape[1:]
    return net("net", "x", shape, (make_node("y", op, ("x",), made, statistics),), "y")


def statistics_of(y):
    flat = y.reshape(-1, y.shape[-1])
    return ChannelStatistics(flat.mean(axis=0), flat.std(axis=0))


def test_synthetic_inputs_stay_within_the_range():
    graph = one_layer(layers(np.random.default_rng(0))["conv"])
    x = noise(graph, (-1.0, 3.0))
    assert x.shape[1:] == PICTURE
    assert x.dtype == np.float32
    assert -1.0 <= x.min() < x.max() <= 3.0


def test_synthetic_inputs_depend_on_the_seed_alone():
    graph = one_layer(layers(np.random.default_rng(0))["conv"])
    first, again, other = (noise(graph, (0.0, 1.0), seed) for seed in (1, 1, 2))
    np.testing.assert_array_equal(first, again)
    assert not np.array_equal(first, other)


@pytest.mark.parametrize("limits", [(1.0, 1.0), (2.0, 1.0), (0.0, np.inf), (np.nan, 1.0)])
def test_synthetic_inputs_refuse_an_empty_range(limits):
    with pytest.raises(InvalidInput, match="input range is"):
        noise(one_layer(layers(np.random.default_rng(0))["conv"]), limits)


def test_synthetic_inputs_are_smooth():
    x = noise(one_layer(layers(np.random.default_rng(0))["conv"]), (-10.0, 10.0))
    x = x - x.mean(axis=(0, 1, 2))
    near = np.mean(x[:, :-1] * x[:, 1:]) / np.mean(x**2)
    far = np.mean(x[:, :-8] * x[:, 8:]) / np.mean(x**2)
    assert near == pytest.approx(0.95, abs=0.03)
    assert far == pytest.approx(0.95**8, abs=0.1)


def test_synthetic_inputs_are_fewer_for_larger_tensors():
    op = layers(np.random.default_rng(0))["conv"]
    small = noise(one_layer(op, shape=(8, 8, 2)), (0.0, 1.0))
    large = noise(one_layer(op, shape=(200, 300, 2)), (0.0, 1.0))
    assert len(large) < len(small)


def test_synthetic_inputs_without_statistics_lie_in_the_middle():
    x = noise(one_layer(layers(np.random.default_rng(0))["conv"]), (0.0, 8.0))
    assert x.mean() == pytest.approx(4.0, abs=0.5)


@pytest.mark.parametrize("name", ["conv", "strided", "dense"])
def test_synthetic_inputs_have_the_mean_that_the_first_statistics_imply(name):
    rng = np.random.default_rng(1)
    mean = np.array([3.0, -2.0])
    op = layers(rng)[name]
    real = (rng.normal(0, 1, (50, *PICTURE)) + mean).astype(np.float32)
    graph = one_layer(op, statistics_of(run_float(op, real)))
    found = noise(graph, (-9.0, 9.0)).mean(axis=(0, 1, 2))
    np.testing.assert_allclose(found, mean, atol=0.5)


def test_synthetic_inputs_find_a_column_of_another_mean():
    rng = np.random.default_rng(2)
    op = layers(rng)["conv"]
    mean = np.zeros(PICTURE)
    mean[:, 0] = -6.0
    real = (rng.normal(0, 1, (50, *PICTURE)) + mean).astype(np.float32)
    graph = one_layer(op, statistics_of(run_float(op, real)))
    columns = noise(graph, (-9.0, 9.0)).mean(axis=(0, 1, 3))
    assert columns[0] < -4.0
    assert np.abs(columns[2:]).max() < 1.5


def test_synthetic_inputs_ignore_a_dead_channel():
    rng = np.random.default_rng(3)
    op = layers(rng)["conv"]
    op.kernel[0] = 0
    real = normal(rng, 20, *PICTURE)
    x = noise(one_layer(op, statistics_of(run_float(op, real))), (-4.0, 4.0))
    assert np.isfinite(x).all()
    assert abs(x.mean()) < 0.5


@pytest.mark.parametrize("name", LAYERS)
def test_mean_response_is_what_the_layer_does_to_a_column(name):
    op = layers(np.random.default_rng(4))[name]
    response = synthetic._mean_response(op, PICTURE)
    linear = replace(op, bias=np.zeros_like(op.bias))
    for column in range(response.shape[1]):
        x = np.zeros((1, *PICTURE), np.float32)
        # a dense layer sees all positions alike
        x[:, :, column if response.shape[1] > 1 else slice(None), 1] = 1
        moved = run_float(linear, x).reshape(-1, len(response)).mean(axis=0)
        np.testing.assert_allclose(response[:, column, 1], moved, atol=1e-5)


@pytest.mark.parametrize("name", LAYERS)
def test_walk_restores_the_statistics(name):
    rng = np.random.default_rng(5)
    op = layers(rng)[name]
    wanted = ChannelStatistics(normal(rng, len(op.bias)), np.abs(normal(rng, len(op.bias))))
    graph = one_layer(op, wanted)
    (step,) = walk(graph, normal(rng, 7, *PICTURE))
    found = statistics_of(step.outputs[0].astype(np.float64))
    np.testing.assert_allclose(found.mean, wanted.mean, atol=1e-5)
    np.testing.assert_allclose(found.deviation, wanted.deviation, rtol=1e-4)


def test_walk_restores_statistics_before_the_activation():
    rng = np.random.default_rng(6)
    op = replace(layers(rng)["conv"], activation=ActivationKind.RELU)
    wanted = ChannelStatistics(np.zeros(16, np.float32), np.ones(16, np.float32))
    (step,) = walk(one_layer(op, wanted), normal(rng, 20, *PICTURE))
    # half of a standard normal: its mean is 1 / sqrt(2 pi)
    assert step.outputs[0].mean() == pytest.approx(0.3989, abs=0.02)


def test_walk_without_statistics_is_the_float_network():
    rng = np.random.default_rng(7)
    conv = Conv2D(normal(rng, 2, 1, 1, 2), normal(rng, 2), Window((1, 1)), ActivationKind.RELU)
    nodes = (make_node("a", conv, ("x",), PICTURE), make_node("b", Add(), ("a", "x"), PICTURE))
    graph, x = net("net", "x", PICTURE, nodes, "b"), normal(rng, 3, *PICTURE)
    *_, last = walk(graph, x)
    np.testing.assert_allclose(last.outputs[0], evaluate(graph, x), rtol=1e-6)
    assert [tensor is x for tensor in last.inputs] == [False, True]


def test_walk_gives_a_constant_channel_its_mean():
    op = Dense(np.zeros((1, 2), np.float32), np.ones(1, np.float32))
    wanted = ChannelStatistics(np.float32([3]), np.float32([1]))
    (step,) = walk(one_layer(op, wanted, (2,)), np.ones((4, 2), np.float32))
    np.testing.assert_array_equal(step.outputs[0], np.full((4, 1), 3))


def test_walk_names_the_layer_that_overflows():
    huge = Dense(np.full((3, 2), 1e30, np.float32), np.zeros(3, np.float32))
    again = Dense(np.full((1, 3), 1e30, np.float32), np.zeros(1, np.float32))
    nodes = (make_node("a", huge, ("x",), (3,)), make_node("b", again, ("a",), (1,)))
    with pytest.raises(InvalidInput, match="layer 'b' gives NaN or infinite values"):
        list(walk(net("n", "x", (2,), nodes, "b"), np.ones((1, 2), np.float32)))
