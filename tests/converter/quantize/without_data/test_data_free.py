"""Quantization without data: synthetic activations, expected ranges, corrected means."""

from dataclasses import replace

import numpy as np
import pytest

from graphs import input_limits, make_node, net
from microlut.errors import InvalidInput
from microlut.graph.batch import only
from microlut.graph.evaluate import evaluate
from microlut.graph.ir import Graph
from microlut.ops.activation import ActivationKind
from microlut.ops.batch_norm import ChannelStatistics
from microlut.ops.conv2d import Conv2D
from microlut.ops.dense import Dense
from microlut.ops.mean import Mean
from microlut.ops.windows import Window
from microlut.quantize.weights import WeightConfig, quantize_weights, single_precision
from microlut.quantize.without_data.fit import expected_ranges, fit_weights, fitted_bias
from microlut.quantize.without_data.synthetic import synthetic_inputs, walk

RNG = np.random.default_rng(0)
MEAN = np.float32([0.5, -1.0, 2.0, 0.0])
DEVIATION = np.float32([1.0, 0.5, 2.0, 0.1])


def noise(graph, limits):
    """Return the synthetic values of the only input."""
    return only(synthetic_inputs(graph, input_limits(graph, limits)))


def expected(graph, limits):
    """Return the expected ranges of a graph on its synthetic inputs."""
    return expected_ranges(graph, noise(graph, limits), input_limits(graph, limits))


def network(activation: ActivationKind = ActivationKind.RELU) -> Graph:
    kernel = RNG.normal(size=(4, 3, 3, 2)).astype(np.float32)
    conv = Conv2D(kernel, np.zeros(4, np.float32), Window((3, 3)), activation)
    statistics = ChannelStatistics(MEAN, DEVIATION)
    return net("n", "x", (8, 8, 2), (make_node("c", conv, ("x",), (6, 6, 4), statistics),), "c")


def test_synthetic_inputs_stay_in_their_range_and_repeat():
    graph = network()
    first, second = (noise(graph, (-2.0, 5.0)) for _ in range(2))
    assert np.array_equal(first, second)
    assert first.min() >= -2.0
    assert first.max() <= 5.0
    assert first.std() > 0.3


@pytest.mark.parametrize("span", [(1.0, 1.0), (3.0, 2.0), (0.0, np.inf), (np.nan, 1.0)])
def test_range_that_is_none_is_refused(span):
    with pytest.raises(InvalidInput, match="input range is"):
        noise(network(), span)


def test_activations_have_the_batch_norm_statistics():
    graph = network(ActivationKind.LINEAR)
    (step,) = walk(graph, noise(graph, (0.0, 1.0)))
    flat = step.outputs[0].reshape(-1, 4)
    assert flat.mean(axis=0) == pytest.approx(MEAN, abs=1e-3)
    assert flat.std(axis=0) == pytest.approx(DEVIATION, rel=1e-3)


def test_ranges_reach_beyond_the_deviations_and_end_at_the_activation():
    graph = network()
    limits = expected(graph, (0.0, 1.0))
    assert limits["x"] == (0.0, 1.0)
    low, high = limits["c"]
    assert low == 0.0
    assert 2.0 + 3 * 2.0 < high < 2.0 + 12 * 2.0


def test_range_of_a_mean_is_that_of_its_pixels():
    graph = network()
    mean = make_node("m", Mean(), ("c",), (1, 1, 4))
    graph = replace(graph, nodes=(*graph.nodes, mean), outputs=("m",))
    limits = expected(graph, (0.0, 1.0))
    assert limits["m"] == limits["c"]


@pytest.mark.parametrize("granularity", ["channel", "tensor"])
def test_biases_keep_the_expected_means(granularity):
    op = Dense(RNG.normal(size=(5, 40)).astype(np.float32), RNG.normal(size=5).astype(np.float32))
    x = (RNG.normal(size=(60, 40)) + 3.0).astype(np.float32)
    fitted = fit_weights(op, x, WeightConfig(2, granularity, "fitted"), single_precision)
    weights = fitted.int8() * fitted.scales[:, None]
    means = (x @ weights.T + fitted_bias(op, fitted, x)).mean(axis=0)
    assert means == pytest.approx((x @ op.kernel.T + op.bias).mean(axis=0), abs=1e-3)


def test_feedback_lowers_the_expected_error_of_the_outputs():
    op = Dense(RNG.normal(size=(5, 40)).astype(np.float32), np.zeros(5, np.float32))
    x = (RNG.normal(size=(300, 8)) @ RNG.normal(size=(8, 40))).astype(np.float32)
    config = WeightConfig(3, "channel", "fitted")

    def error(weights) -> float:
        difference = weights.int8() * weights.scales[:, None] - op.kernel
        return float(np.var(x @ difference.T, axis=0).sum())

    fitted = fit_weights(op, x, config, single_precision)
    assert error(fitted) < 0.7 * error(quantize_weights(op.kernel, 0, config))


def test_a_graph_without_statistics_runs_as_it_is():
    op = Dense(np.eye(3, dtype=np.float32), np.zeros(3, np.float32))
    graph = net("n", "x", (3,), (make_node("d", op, ("x",), (3,)),), "d")
    x = noise(graph, (0.0, 1.0))
    (step,) = walk(graph, x)
    assert np.array_equal(step.outputs[0], evaluate(graph, x))
