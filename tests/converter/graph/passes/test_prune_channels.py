"""Networks without the channels that tell nothing compute what they did."""

from dataclasses import replace

import numpy as np
import pytest

from channel_nets import (
    LINEAR,
    RELU,
    SAME,
    Rng,
    channels,
    compare,
    conv,
    random_network,
    row,
    weights,
)
from graphs import make_node, net
from microlut.graph.ir import Graph
from microlut.graph.passes import run_passes
from microlut.graph.passes.prune_channels import Pruned, prune_channels, pruned_layers
from microlut.ops.add import Add
from microlut.ops.base import FloatOp
from microlut.ops.concatenate import Concatenate
from microlut.ops.dense import Dense
from microlut.ops.depthwise_conv2d import DepthwiseConv2D
from microlut.ops.mean import Mean
from microlut.ops.mul import Mul
from microlut.ops.pool2d import AveragePool2D, MaxPool2D
from microlut.ops.reshape import Reshape
from microlut.ops.sigmoid import Sigmoid
from microlut.ops.transpose import Transpose
from microlut.ops.windows import Padding, Window


def dusty(op: FloatOp, channels: list[int], biases: list[float], size: float = 1e-9) -> FloatOp:
    """Return a layer whose channels have almost no weights, and these biases."""
    kernel, bias = np.array(op.kernel), np.array(op.bias)
    kernel[(slice(None),) * op.channel_axis + (channels,)] *= size
    bias[channels] = biases
    return op.with_weights(kernel, bias)


def check(graph: Graph) -> Graph:
    return compare(graph, prune_channels(graph))


def dead(rng: Rng, op: FloatOp) -> FloatOp:
    count = len(op.bias)
    some = [int(c) for c in np.flatnonzero(rng.random(count) < 0.4)]
    return dusty(op, some, list(rng.choice([-1.0, 0.0, 0.5], len(some))), rng.choice([0, 1e-9]))


def test_dead_filters_leave_with_all_that_depends_on_them():
    rng = np.random.default_rng(1)
    depthwise = DepthwiseConv2D(
        weights(rng, (3, 3, 16)), np.zeros(16, np.float32), Window((3, 3), (1, 1), SAME), 2, RELU
    )
    graph = row(
        ("a", dusty(conv(rng, 8, 3, activation=RELU), [1, 4, 5], [-0.2, 0.0, -3.0])),
        ("b", depthwise),
        ("c", conv(rng, 4, 16)),
        ("m", Mean()),
    )
    assert channels(check(graph)) == {"a": 5, "b": 10, "c": 4, "m": 4}


def test_constants_become_biases_where_no_zeros_are_padded():
    rng = np.random.default_rng(2)
    first = dusty(conv(rng, 6, 3), [0, 3], [0.7, -0.4])
    valid = row(("a", first), ("b", conv(rng, 4, 6, Padding())))
    assert channels(check(valid)) == {"a": 4, "b": 4}
    padded = row(("a", first), ("b", conv(rng, 4, 6)))
    assert channels(check(padded)) == {"a": 6, "b": 4}


def test_features_behind_flatten_and_pools_leave():
    rng = np.random.default_rng(3)
    graph = row(
        ("a", dusty(conv(rng, 6, 3, activation=RELU), [0, 2, 5], [0.5, -1.0, 2.0])),
        ("p", MaxPool2D(Window((2, 2), (2, 2)))),
        ("q", AveragePool2D(Window((2, 2), (1, 1)))),
        ("f", Reshape((2 * 6,))),
        ("d", Dense(weights(rng, (7, 12)), weights(rng, (7,)), RELU)),
        ("e", Dense(weights(rng, (3, 7)), weights(rng, (3,)))),
    )
    assert channels(check(graph)) == {"a": 3, "p": 3, "q": 3, "f": 6, "d": 7, "e": 3}


def test_inputs_that_nothing_reads_leave():
    rng = np.random.default_rng(4)
    last = conv(rng, 4, 6)
    kernel = np.array(last.kernel)
    kernel[..., [1, 2]] = 0.0
    graph = row(
        ("a", conv(rng, 6, 3)), ("s", Sigmoid()), ("b", last.with_weights(kernel, last.bias))
    )
    assert channels(check(graph)) == {"a": 4, "s": 4, "b": 4}


def joined(op: FloatOp, dead: tuple[list[int], list[int]]) -> Graph:
    """Return two branches that an operator joins."""
    rng = np.random.default_rng(5)
    a = dusty(conv(rng, 5, 3, activation=RELU), dead[0], [-1.0] * len(dead[0]))
    b = dusty(conv(rng, 5, 3, activation=RELU), dead[1], [-1.0] * len(dead[1]))
    (shape,) = op.shapes([(6, 5, 5)] * 2)
    nodes = (
        make_node("a", a, ("x",), (6, 5, 5)),
        make_node("b", b, ("x",), (6, 5, 5)),
        make_node("j", op, ("a", "b"), shape),
        make_node("y", conv(rng, 3, shape[-1]), ("j",), (*shape[:2], 3)),
    )
    return net("net", "x", (6, 5, 3), nodes, "y")


@pytest.mark.parametrize("op", [Add(), Mul(LINEAR)])
def test_sums_lose_what_is_constant_in_both_branches(op: FloatOp):
    assert channels(check(joined(op, ([0, 1], [1, 2])))) == {"a": 4, "b": 4, "j": 4, "y": 3}


def test_concatenations_lose_the_constants_of_each_branch():
    found = channels(check(joined(Concatenate(2), ([0, 1], [3]))))
    assert found == {"a": 3, "b": 4, "j": 7, "y": 3}
    found = channels(check(joined(Concatenate(0), ([0, 1], [1, 3]))))
    assert found == {"a": 4, "b": 4, "j": 4, "y": 3}


def test_one_channel_is_left_of_a_layer_that_became_nothing():
    rng = np.random.default_rng(6)
    dead = dusty(conv(rng, 4, 3, activation=RELU), [0, 1, 2, 3], [-1.0, -1.0, -2.0, 0.0], 0.0)
    found = check(row(("a", dead), ("b", conv(rng, 3, 4)), ("c", conv(rng, 2, 3, Padding()))))
    assert channels(found)["a"] == 1


def test_what_other_operators_read_is_kept():
    rng = np.random.default_rng(8)
    first = dusty(conv(rng, 6, 3, activation=RELU), [0, 3], [-1.0, -1.0])
    graph = row(("a", first), ("t", Transpose((1, 0, 2))), ("b", conv(rng, 4, 6)))
    assert check(graph) is graph


def test_outputs_and_small_weights_are_kept():
    rng = np.random.default_rng(9)
    graph = row(("a", conv(rng, 6, 3)), ("b", dusty(conv(rng, 4, 6), [1], [0.5])))
    assert check(graph) is graph
    small = dusty(conv(rng, 6, 3), [2], [0.1], 1e-5)
    graph = row(("a", small), ("b", conv(rng, 4, 6)))
    assert check(graph) is graph


@pytest.mark.parametrize("seed", range(40))
def test_random_networks_compute_the_same(seed: int):
    check(random_network(np.random.default_rng(seed), dead))


def test_passes_remove_channels_last():
    rng = np.random.default_rng(11)
    graph = row(("a", dusty(conv(rng, 6, 3, activation=RELU), [0], [-1.0])), ("b", conv(rng, 2, 6)))
    assert channels(run_passes(graph)) == {"a": 5, "b": 2}
    assert replace(graph) == graph


def test_layers_that_lost_channels_are_told():
    rng = np.random.default_rng(12)
    graph = row(("a", dusty(conv(rng, 6, 3, activation=RELU), [0], [-1.0])), ("b", conv(rng, 2, 6)))
    assert pruned_layers(graph, run_passes(graph)) == (Pruned("a", 6, 1),)
    assert pruned_layers(graph, graph) == ()


@pytest.mark.filterwarnings("error")
def test_values_beyond_single_precision_give_no_warning():
    rng = np.random.default_rng(13)
    first = dusty(conv(rng, 6, 3, activation=RELU), [0, 1], [1e30, -1.0])
    second = conv(rng, 4, 6, Padding())
    wide = second.with_weights(second.kernel * np.float32(1e30), second.bias)
    assert channels(prune_channels(row(("a", first), ("b", wide)))) == {"a": 4, "b": 4}
