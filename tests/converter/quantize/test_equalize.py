"""Cross-layer equalization: what it scales, what it leaves alone, and what it gains."""

from dataclasses import replace

import numpy as np
import pytest

import random_graphs as rg
from graphs import as_batch
from microlut.graph import evaluate as floats
from microlut.graph.ir import Graph
from microlut.ops.activation import ActivationKind
from microlut.ops.arrays import FloatArray
from microlut.ops.batch_norm import ChannelStatistics
from microlut.ops.conv2d import Conv2D
from microlut.ops.dense import Dense
from microlut.ops.depthwise_conv2d import DepthwiseConv2D
from microlut.ops.linear import Linear
from microlut.ops.pool2d import MaxPool2D
from microlut.ops.reshape import Reshape
from microlut.ops.windows import Padding, Window
from microlut.quantize.equalize import divided, equalized
from microlut.quantize.quality import compare
from microlut.quantize.ranges.measure import calibrate
from microlut.quantize.stage import quantize
from microlut.quantize.weights import WeightConfig

RELU = ActivationKind.RELU
SHAPE = (8, 8, 3)


def unequal(channels: int, spread: float, seed: int) -> FloatArray:
    factors = np.exp(np.random.default_rng(seed).normal(0, spread, channels))
    return factors.astype(np.float32)


def network(spread: float, activation: ActivationKind = RELU) -> Graph:
    """Return two convolutions, a depthwise layer of two outputs per channel, and a dense layer.

    Their channels differ by `spread`, a deviation of the logarithms, as the next layer expects.
    """
    rng, made = np.random.default_rng(3), rg.Network("net", SHAPE)

    def draw(*shape: int) -> FloatArray:
        return rng.normal(0, np.prod(shape[1:]) ** -0.5, shape).astype(np.float32)

    s, t, u = (unequal(n, spread, n) for n in (8, 16, 6))
    same, window = Padding(1, 1, 1, 1), Window((3, 3), (1, 1), Padding(1, 1, 1, 1))
    kernel, bias = draw(8, 3, 3, 3), draw(8) / 4
    made.add(Conv2D(kernel * s[:, None, None, None], bias * s, window, activation), (8, 8, 8))
    kernel, bias = rng.normal(0, 0.3, (3, 3, 16)).astype(np.float32), draw(16)
    kernel = kernel / np.repeat(s, 2) * t
    made.add(
        DepthwiseConv2D(kernel, bias * t, Window((3, 3), (1, 1), same), 2, activation), (8, 8, 16)
    )
    made.add(MaxPool2D(Window((2, 2), (2, 2))), (4, 4, 16))
    kernel, bias = draw(6, 1, 1, 16) / t * u[:, None, None, None], draw(6) / 4
    made.add(Conv2D(kernel, bias * u, Window((1, 1)), activation), (4, 4, 6))
    made.add(Reshape((96,)), (96,))
    made.add(Dense(draw(4, 96) / np.tile(u, 16), draw(4)), (4,))
    return made.graph()


def samples(count: int = 60) -> FloatArray:
    return np.random.default_rng(5).normal(size=(count, *SHAPE)).astype(np.float32)


def configs(graph: Graph, bits: int = 8) -> dict[str, WeightConfig]:
    return {node.name: WeightConfig(bits) for node, _ in graph.weighted()}


def snr(graph: Graph, bits: int) -> float:
    x = as_batch(graph, samples())
    made = quantize(graph, calibrate(graph, x), x, configs(graph, bits))
    found = compare(graph, made, x).quality.snr_db
    assert found is not None
    return found


@pytest.mark.parametrize("bits", [8, 4])
def test_unequal_channels_cost_nothing_any_more(bits: int):
    before = network(2.0)
    found = equalized(before, as_batch(before, samples()), configs(before, bits))
    assert len(found.layers) == 3
    assert snr(found.graph, bits) > snr(before, bits) + 10
    assert snr(found.graph, bits) > snr(network(0.0), bits) - 6


def test_floats_stay_the_same_to_the_last_bit():
    before = network(2.0)
    x = as_batch(before, samples())
    after = equalized(before, x, configs(before))
    assert after.layers
    assert np.array_equal(floats.evaluate(after.graph, x), floats.evaluate(before, x))


@pytest.mark.parametrize("spread", [0.0, 0.3])
def test_equal_channels_stay_as_they_are(spread: float):
    graph = network(spread)
    found = equalized(graph, as_batch(graph, samples()), configs(graph))
    assert found.layers == ()
    assert found.graph is graph


def test_relu6_is_left_alone():
    """It is not homogeneous: a divided channel would saturate at another value."""
    graph = network(2.0, ActivationKind.RELU6)
    assert equalized(graph, as_batch(graph, samples()), configs(graph)).layers == ()


def test_recorded_ranges_are_left_alone():
    graph = network(2.0)
    name = graph.nodes[0].output
    graph = replace(graph, ranges={name: (0.0, 6.0)})
    assert equalized(graph, as_batch(graph, samples()), configs(graph)).layers == ()


def test_layer_whose_output_others_read_is_left_alone():
    graph = network(2.0)
    first = graph.nodes[0]
    graph = replace(graph, outputs=(*graph.outputs, first.output), output_names=("y", "z"))
    found = equalized(graph, as_batch(graph, samples()), configs(graph))
    assert first.name not in [each.layer for each in found.layers]
    assert found.layers


def test_layers_that_share_a_kernel_are_left_alone():
    graph = network(2.0)
    first = graph.nodes[0]
    assert isinstance(first.op, Linear)
    again = replace(first, name="again", outputs=(replace(first.outputs[0], name="again"),))
    outputs = (*graph.outputs, "again")
    graph = replace(graph, nodes=(*graph.nodes, again), outputs=outputs, output_names=("y", "z"))
    found = equalized(graph, as_batch(graph, samples()), configs(graph))
    assert first.name not in [each.layer for each in found.layers]
    assert found.layers


def test_single_input_changes_nothing():
    graph = network(2.0)
    assert equalized(graph, as_batch(graph, samples(1)), configs(graph)).layers == ()


def test_what_was_divided_can_be_divided_again():
    before = network(2.0)
    found = equalized(before, as_batch(before, samples()), configs(before))
    again = divided(before, found.layers)
    for one, other in zip(found.graph.weighted(), again.weighted(), strict=True):
        assert np.array_equal(one[1].kernel, other[1].kernel)


def test_statistics_follow_their_channels():
    graph = network(2.0)
    first = graph.nodes[0]
    ones = np.ones(8, np.float32)
    known = ChannelStatistics(ones, 2 * ones)
    nodes = (replace(first, statistics=known), *graph.nodes[1:])
    found = equalized(replace(graph, nodes=nodes), as_batch(graph, samples()), configs(graph))
    made = found.graph.nodes[0]
    assert isinstance(made.op, Linear)
    assert isinstance(first.op, Linear)
    assert made.statistics is not None
    factor = made.op.bias / first.op.bias
    assert np.array_equal(made.statistics.mean, factor)
    assert np.array_equal(made.statistics.deviation, 2 * factor)
