"""Networks without channels that equal others compute what they did."""

import numpy as np
import pytest

from channel_nets import RELU, SAME, Rng, channels, compare, conv, random_network, row, weights
from microlut.graph.ir import Graph
from microlut.graph.passes import run_passes
from microlut.graph.passes.merge_channels import merge_channels
from microlut.ops.base import FloatOp
from microlut.ops.dense import Dense
from microlut.ops.depthwise_conv2d import DepthwiseConv2D
from microlut.ops.pool2d import MaxPool2D
from microlut.ops.reshape import Reshape
from microlut.ops.transpose import Transpose
from microlut.ops.windows import Window


def copied(op: FloatOp, pairs: dict[int, int]) -> FloatOp:
    """Return a layer in which some channels have the weights and the bias of others."""
    kernel, bias = np.array(op.kernel), np.array(op.bias)
    by_channel = np.moveaxis(kernel, op.channel_axis, 0)
    for to, source in pairs.items():
        by_channel[to], bias[to] = by_channel[source], bias[source]
    return op.with_weights(kernel, bias)


def some_copied(rng: Rng, op: FloatOp) -> FloatOp:
    count = len(op.bias)
    found = {i: int(rng.integers(count)) for i in range(count) if rng.random() < 0.5}
    return copied(op, found)


def check(graph: Graph) -> Graph:
    return compare(graph, merge_channels(graph))


def depthwise(rng: Rng, count: int, multiplier: int = 1) -> DepthwiseConv2D:
    kernel, bias = weights(rng, (3, 3, count)), weights(rng, (count,))
    return DepthwiseConv2D(kernel, bias, Window((3, 3), (1, 1), SAME), multiplier, RELU)


def test_equal_filters_are_merged_also_in_the_layers_behind_them():
    rng = np.random.default_rng(1)
    graph = row(
        ("a", copied(conv(rng, 6, 3, activation=RELU), {3: 1, 5: 1, 4: 0})),
        ("b", copied(depthwise(rng, 6), {3: 1, 4: 0})),
        ("p", MaxPool2D(Window((2, 2), (2, 2)))),
        ("c", copied(conv(rng, 5, 6), {4: 2})),
        ("f", Reshape((3 * 2 * 5,))),
        ("d", Dense(weights(rng, (4, 30)), weights(rng, (4,)))),
    )
    # Channel 5 has another depthwise kernel than 1 and needs its own input.
    assert channels(check(graph)) == {"a": 4, "b": 4, "p": 4, "c": 4, "f": 24, "d": 4}


def test_channels_that_only_merged_inputs_make_equal_are_merged():
    rng = np.random.default_rng(2)
    second = conv(rng, 3, 4)
    kernel = np.array(second.kernel)
    kernel[1] = kernel[0]
    kernel[1, ..., [0, 2]] = kernel[1, ..., [2, 0]]
    bias = np.array(second.bias)
    bias[1] = bias[0]
    graph = row(
        ("a", copied(conv(rng, 4, 3), {2: 0})),
        ("b", second.with_weights(kernel, bias)),
        ("c", conv(rng, 2, 3)),
    )
    assert channels(check(graph)) == {"a": 3, "b": 2, "c": 2}


def test_outputs_and_what_other_operators_read_are_kept():
    rng = np.random.default_rng(3)
    graph = row(("a", copied(conv(rng, 4, 3), {2: 0})))
    assert check(graph) is graph
    graph = row(
        ("a", copied(conv(rng, 4, 3), {2: 0})), ("t", Transpose((1, 0, 2))), ("b", conv(rng, 3, 4))
    )
    assert check(graph) is graph


def test_passes_merge_what_constants_have_made_equal():
    rng = np.random.default_rng(4)
    graph = row(("a", copied(conv(rng, 4, 3), {2: 0})), ("b", conv(rng, 3, 4)))
    assert channels(run_passes(graph)) == {"a": 3, "b": 3}


@pytest.mark.parametrize("seed", range(40))
def test_random_networks_compute_the_same_without_copies(seed: int):
    rng = np.random.default_rng(seed)
    check(random_network(rng, some_copied))
