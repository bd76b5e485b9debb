"""Each rewrite alone, on graphs of a few nodes: what it must change and what it must leave."""

from dataclasses import replace

import numpy as np
import pytest

from graphs import make_node, net
from microlut.graph.evaluate import evaluate
from microlut.graph.passes.delay_moves import delay_moves
from microlut.graph.passes.drop_identity import drop_identity
from microlut.graph.passes.fold_affine import fold_affine
from microlut.graph.passes.fold_batch_norm import fold_batch_norm
from microlut.graph.passes.fold_padding import fold_padding
from microlut.graph.passes.fuse_activation import fuse_activation
from microlut.graph.passes.whole_pool import whole_pool
from microlut.graph.passes.widen_single import widen_single
from microlut.ops.activation import ActivationKind
from microlut.ops.add import Add
from microlut.ops.batch_norm import BatchNorm, ChannelStatistics
from microlut.ops.conv2d import Conv2D
from microlut.ops.dense import Dense
from microlut.ops.depthwise_conv2d import DepthwiseConv2D
from microlut.ops.identity import Identity
from microlut.ops.mean import Mean
from microlut.ops.pad import Pad
from microlut.ops.pool2d import AveragePool2D, MaxPool2D
from microlut.ops.relu import Relu
from microlut.ops.reshape import Reshape
from microlut.ops.softmax import Softmax
from microlut.ops.windows import Padding, Window

PICTURE = (4, 4, 2)
RNG = np.random.default_rng(3)
RELU, RELU6 = Relu(ActivationKind.RELU), Relu(ActivationKind.RELU6)


def normal(*shape):
    return RNG.normal(size=shape).astype(np.float32)


def conv(window=None, activation=ActivationKind.LINEAR):
    window = window or Window((1, 1))
    return Conv2D(normal(2, *window.size, 2), normal(2), window, activation)


def norm(channels=2):
    statistics = ChannelStatistics(normal(channels), np.abs(normal(channels)))
    return BatchNorm(normal(channels), normal(channels), statistics)


def without_norm(graph):
    """Return the graph after both passes that take batch normalization away."""
    return fold_affine(fold_batch_norm(graph))


def chain(*steps, shape=PICTURE):
    """Return a graph of operators in a row; a step is an operator or (operator, its shape)."""
    nodes, tensor = [], "x"
    for i, step in enumerate(steps):
        op, made = step if isinstance(step, tuple) else (step, nodes[-1].shape if nodes else shape)
        nodes.append(make_node(f"n{i}", op, (tensor,), made))
        tensor = f"n{i}"
    return net("chain", "x", shape, tuple(nodes), tensor)


def same(rewrite, graph):
    """Return the rewritten graph after checking that it computes the same."""
    x = normal(2, *graph.inputs[0].shape) * 4
    result = rewrite(graph)
    expected = evaluate(graph, x)
    np.testing.assert_allclose(evaluate(result, x), expected, atol=1e-5 * np.abs(expected).max())
    return result


def kinds(graph):
    return [type(node.op).__name__ for node in graph.nodes]


def test_drop_identity_at_the_end_moves_the_output():
    graph = same(drop_identity, chain(RELU, Identity(), Identity()))
    assert kinds(graph) == ["Relu"]
    assert graph.outputs[0] == "n0"


def test_drop_identity_drops_empty_padding():
    assert kinds(same(drop_identity, chain(Pad(Padding()), RELU))) == ["Relu"]


@pytest.mark.parametrize(
    "op",
    [
        conv(),
        DepthwiseConv2D(normal(1, 1, 2), normal(2), Window((1, 1))),
        Dense(normal(2, 2), normal(2)),
    ],
    ids=["conv", "depthwise", "dense"],
)
def test_fold_batch_norm_into_the_layer_before(op):
    graph = same(fold_batch_norm, chain(op, norm(), norm()))
    assert kinds(graph) == [type(op).__name__]


def test_fold_batch_norm_stays_behind_an_activation():
    graph = same(without_norm, chain(conv(activation=ActivationKind.RELU), norm()))
    assert kinds(graph) == ["Conv2D", "DepthwiseConv2D"]


def test_fold_batch_norm_leaves_a_tensor_that_others_read():
    graph = chain(conv(), norm())
    both = replace(
        graph,
        nodes=(*graph.nodes, make_node("sum", Add(), ("n0", "n1"), PICTURE)),
        outputs=("sum",),
    )
    assert kinds(same(without_norm, both)) == ["Conv2D", "DepthwiseConv2D", "Add"]


def test_fold_batch_norm_leaves_the_output():
    graph = replace(chain(conv(), norm()), outputs=("n0",))
    assert kinds(same(fold_batch_norm, graph)) == ["Conv2D"]


def test_fold_batch_norm_after_padding_scales_the_border():
    border = (Pad(Padding(1, 0, 0, 1)), (5, 5, 2))
    graph = same(without_norm, chain(conv(), border, norm()))
    assert kinds(graph) == ["Conv2D", "Pad", "DepthwiseConv2D"]


def test_fold_batch_norm_into_the_dense_layer_after():
    graph = same(
        without_norm,
        chain((Reshape((32,)), (32,)), norm(32), (Dense(normal(3, 32), normal(3)), (3,)), norm(3)),
    )
    assert kinds(graph) == ["Reshape", "Dense"]


def test_fold_batch_norm_of_a_vector_becomes_depthwise():
    graph = same(without_norm, chain(RELU, norm(6), shape=(6,)))
    assert kinds(graph) == ["Relu", "Reshape", "DepthwiseConv2D", "Reshape"]
    assert graph.nodes[-1].shape == (6,)


def test_fold_batch_norm_hands_its_statistics_to_the_layer_before():
    first, last = norm(), norm()
    graph = fold_batch_norm(chain(conv(), first, last))
    assert graph.nodes[0].statistics is last.statistics


def test_fold_batch_norm_hands_its_statistics_to_the_depthwise_layer():
    alone, of_vector = norm(), norm(6)
    picture = without_norm(chain(conv(activation=ActivationKind.RELU), alone))
    vector = without_norm(chain(RELU, of_vector, shape=(6,)))
    assert [node.statistics for node in picture.nodes] == [None, alone.statistics]
    assert [node.statistics for node in vector.nodes] == [None, None, of_vector.statistics, None]


def test_fold_batch_norm_leaves_the_statistics_of_another_tensor_alone():
    last = norm(3)
    graph = without_norm(
        chain(RELU, norm(6), (Dense(normal(3, 6), normal(3)), (3,)), last, shape=(6,))
    )
    assert [node.statistics for node in graph.nodes] == [None, last.statistics]


def affine(scale, offset, channels=2):
    return BatchNorm(np.full(channels, scale, np.float32), np.full(channels, offset, np.float32))


def wide(padding=None):
    """Return a 3x3 convolution of a picture and the shape of its output."""
    window = Window((3, 3), padding=padding or Padding())
    return conv(window), (*window.output_size(*PICTURE[:2]), 2)


def test_fold_affine_into_a_convolution_without_padding():
    assert kinds(same(fold_affine, chain(affine(1 / 127.5, -1), wide()))) == ["Conv2D"]


def test_fold_affine_into_a_padded_convolution_without_offset():
    graph = same(fold_affine, chain(affine(1 / 255, 0), wide(Padding(1, 1, 1, 1))))
    assert kinds(graph) == ["Conv2D"]


def test_fold_affine_keeps_an_offset_before_padding():
    graph = same(fold_affine, chain(affine(1 / 127.5, -1), wide(Padding(1, 1, 1, 1))))
    assert kinds(graph) == ["DepthwiseConv2D", "Conv2D"]


def test_fold_affine_keeps_scales_that_differ_out_of_a_convolution():
    graph = same(fold_affine, chain(norm(), wide()))
    assert kinds(graph) == ["DepthwiseConv2D", "Conv2D"]


def test_fold_affine_into_a_depthwise_layer_scales_each_channel():
    window = Window((2, 2))
    op = DepthwiseConv2D(normal(2, 2, 4), normal(4), window, 2)
    assert kinds(same(fold_affine, chain(norm(), (op, (3, 3, 4))))) == ["DepthwiseConv2D"]


def test_fold_affine_into_every_reader():
    graph = chain(affine(0.5, 3), wide())
    other = make_node("other", wide()[0], ("n0",), (2, 2, 2))
    total = make_node("sum", Add(), ("n1", "other"), (2, 2, 2))
    both = replace(graph, nodes=(*graph.nodes, other, total), outputs=("sum",))
    assert kinds(same(fold_affine, both)) == ["Conv2D", "Conv2D", "Add"]


def test_fold_affine_into_no_reader_if_one_cannot_take_it():
    graph = chain(affine(0.5, 3), conv())
    total = make_node("sum", Add(), ("n0", "n1"), PICTURE)
    both = replace(graph, nodes=(*graph.nodes, total), outputs=("sum",))
    assert kinds(same(fold_affine, both)) == ["DepthwiseConv2D", "Conv2D", "Add"]


def test_fold_affine_moves_behind_reshapes():
    flat = (Reshape((32,)), (32,))
    graph = same(fold_affine, chain(norm(), flat, (Dense(normal(3, 32), normal(3)), (3,))))
    assert kinds(graph) == ["Reshape", "Dense"]


def test_fold_affine_moves_behind_a_reshape_that_parts_a_vector():
    vector = affine(0.5, 3, 32)
    graph = chain(vector, (Reshape(PICTURE), PICTURE), conv(), shape=(32,))
    assert kinds(same(fold_affine, graph)) == ["Reshape", "Conv2D"]


def test_fold_affine_stays_before_a_reshape_that_mixes_its_channels():
    graph = chain(norm(32), (Reshape(PICTURE), PICTURE), conv(), shape=(32,))
    expected = ["Reshape", "DepthwiseConv2D", "Reshape", "Reshape", "Conv2D"]
    assert kinds(same(fold_affine, graph)) == expected


def test_fold_affine_moves_behind_padding_without_offset():
    border = (Pad(Padding(1, 0, 0, 1)), (5, 5, 2))
    first, last = conv(Window((2, 2))), (4, 4, 2)
    assert kinds(same(fold_affine, chain(affine(2, 0), border, (first, last)))) == ["Pad", "Conv2D"]


def test_fold_affine_merges_two_in_a_row():
    graph = same(fold_affine, chain(norm(), norm(), norm(), RELU))
    assert kinds(graph) == ["DepthwiseConv2D", "Relu"]


def test_fold_affine_of_the_output_behind_a_reshape_keeps_the_output():
    graph = same(fold_affine, chain(norm(), (Reshape((32,)), (32,))))
    assert graph.nodes[-1].shape == (32,)


def test_fuse_activation_keeps_statistics():
    known = norm().statistics
    graph = chain(conv(), RELU)
    graph = replace(graph, nodes=(replace(graph.nodes[0], statistics=known), graph.nodes[1]))
    assert fuse_activation(graph).nodes[0].statistics is known


def test_fuse_activation_into_each_operator():
    one = Window((1, 1))
    for op in (conv(), Dense(normal(2, 2), normal(2)), MaxPool2D(one), AveragePool2D(one)):
        graph = same(fuse_activation, chain(op, RELU6))
        assert [node.op.activation for node in graph.nodes] == [ActivationKind.RELU6]


@pytest.mark.parametrize("pair", [(RELU, RELU6), (RELU6, RELU), (RELU, RELU)])
def test_fuse_activation_merges_activations(pair):
    graph = same(fuse_activation, chain(conv(), *pair))
    assert kinds(graph) == ["Conv2D"]


def test_fuse_activation_leaves_a_tensor_that_others_read():
    graph = chain(conv(), RELU)
    both = replace(
        graph,
        nodes=(*graph.nodes, make_node("sum", Add(), ("n0", "n1"), PICTURE)),
        outputs=("sum",),
    )
    assert kinds(same(fuse_activation, both)) == ["Conv2D", "Relu", "Add"]


def test_fuse_activation_leaves_one_after_a_reshape():
    assert kinds(same(fuse_activation, chain((Reshape((32,)), (32,)), RELU))) == ["Reshape", "Relu"]


def test_fold_padding_adds_up():
    window = Window((3, 3), (1, 1), Padding(1, 1, 1, 1))
    graph = same(
        fold_padding,
        chain(
            (Pad(Padding(1, 0, 2, 0)), (5, 6, 2)),
            (Pad(Padding(0, 1, 0, 2)), (6, 8, 2)),
            (conv(window), (6, 8, 2)),
        ),
    )
    assert kinds(graph) == ["Conv2D"]
    assert graph.nodes[0].op.window.padding == Padding(2, 2, 3, 3)


@pytest.mark.parametrize("pool", [MaxPool2D, AveragePool2D])
def test_fold_padding_leaves_pools(pool):
    pooled = (pool(Window((2, 2), (2, 2))), (3, 3, 2))
    graph = same(fold_padding, chain((Pad(Padding(1, 1, 1, 1)), (6, 6, 2)), pooled))
    assert kinds(graph) == ["Pad", pool.__name__]


def test_whole_pool_makes_a_mean_of_a_pool_over_the_picture():
    pool = AveragePool2D(Window((4, 4), (4, 4)))
    graph = same(whole_pool, chain(conv(), (pool, (1, 1, 2)), (Reshape((2,)), (2,))))
    assert kinds(graph) == ["Conv2D", "Mean", "Reshape"]
    assert isinstance(graph.nodes[1].op, Mean)
    assert graph.nodes[1].shape == (1, 1, 2)


@pytest.mark.parametrize(
    ("pool", "size", "padding"),
    [
        (MaxPool2D, (4, 4), Padding()),
        (AveragePool2D, (4, 3), Padding()),
        (AveragePool2D, (4, 4), Padding(left=1)),
    ],
)
def test_whole_pool_leaves_others(pool, size, padding):
    window = Window(size, (4, 4), padding)
    same(whole_pool, chain((pool(window), (*window.output_size(4, 4), 2))))
    assert kinds(whole_pool(chain((pool(window), (1, 1, 2))))) == [pool.__name__]


def depthwise(channels, multiplier):
    kernel = normal(3, 2, channels * multiplier)
    window = Window((3, 2), (2, 1), Padding(1, 1, 0, 1))
    return DepthwiseConv2D(kernel, normal(len(kernel[0, 0])), window, multiplier)


def test_widen_single_makes_a_convolution_of_one_channel():
    graph = same(widen_single, chain((depthwise(1, 8), (2, 4, 8)), shape=(4, 4, 1)))
    assert kinds(graph) == ["Conv2D"]


@pytest.mark.parametrize(("channels", "multiplier"), [(1, 3), (2, 4)])
def test_widen_single_leaves_few_filters_and_many_channels(channels, multiplier):
    op = depthwise(channels, multiplier)
    shape = (2, 4, channels * multiplier)
    graph = widen_single(chain((op, shape), shape=(4, 4, channels)))
    assert kinds(graph) == ["DepthwiseConv2D"]


def test_fold_padding_needs_every_reader():
    graph = chain((Pad(Padding(1, 0, 1, 0)), (5, 5, 2)), conv())
    both = replace(
        graph,
        nodes=(*graph.nodes, make_node("sum", Add(), ("n0", "n1"), (5, 5, 2))),
        outputs=("sum",),
    )
    assert kinds(same(fold_padding, both)) == ["Pad", "Conv2D", "Add"]


def test_fold_padding_leaves_the_output():
    graph = chain(conv(), (Pad(Padding(1, 0, 1, 0)), (5, 5, 2)))
    assert kinds(same(fold_padding, graph)) == ["Conv2D", "Pad"]


def test_delay_moves_keeps_the_last():
    graph = same(
        delay_moves,
        chain(
            (Reshape((32,)), (32,)),
            (Reshape((8, 4)), (8, 4)),
            (Reshape((16, 2)), (16, 2)),
            Softmax(),
        ),
    )
    assert kinds(graph) == ["Reshape", "Softmax"]


def test_delay_moves_drops_a_way_there_and_back():
    graph = same(delay_moves, chain(RELU, (Reshape((32,)), (32,)), (Reshape(PICTURE), PICTURE)))
    assert kinds(graph) == ["Relu"]
    assert graph.outputs[0] == "n0"


def test_delay_moves_joins_layers_over_sequences():
    there, back = (Reshape((1, 16, 2)), (1, 16, 2)), (Reshape((16, 2)), (16, 2))
    graph = chain(there, conv(), back, norm(), RELU, there, conv(), back, shape=(16, 2))
    kept = same(delay_moves, graph)
    assert kinds(kept) == ["Reshape", "Conv2D", "BatchNorm", "Relu", "Conv2D", "Reshape"]
    assert kept.shape_of(kept.outputs[0]) == (16, 2)


def test_delay_moves_moves_one_behind_an_addition():
    there, back = Reshape((1, 16, 2)), Reshape((16, 2))
    nodes = (
        make_node("in", there, ("x",), (1, 16, 2)),
        make_node("conv", conv(), ("in",), (1, 16, 2)),
        make_node("out", back, ("conv",), (16, 2)),
        make_node("sum", Add(), ("x", "out"), (16, 2)),
        make_node("last", Softmax(), ("sum",), (16, 2)),
    )
    graph = same(delay_moves, net("residual", "x", (16, 2), nodes, "last"))
    assert kinds(graph) == ["Reshape", "Conv2D", "Add", "Reshape", "Softmax"]
    assert [node.name for node in graph.nodes] == ["in", "conv", "sum", "sum_view", "last"]


def test_delay_moves_leaves_those_before_a_sum_with_a_constant():
    shape = (4, 2, 4)
    graph = chain((Reshape(shape), shape), Add(constant=normal(4, 1, 4)), shape=(2, 4, 4))
    assert kinds(same(delay_moves, graph)) == ["Reshape", "Add"]


def test_delay_moves_leaves_those_that_mix_channels():
    graph = chain(conv(), (Reshape((32,)), (32,)), norm(32), RELU)
    assert kinds(same(delay_moves, graph)) == ["Conv2D", "Reshape", "BatchNorm", "Relu"]


def test_delay_moves_keeps_one_that_is_read_and_an_output():
    flat = make_node("flat", Reshape((32,)), ("x",), (32,))
    nodes = (flat, make_node("relu", RELU, ("flat",), (32,)))
    graph = net("two", "x", PICTURE, nodes, "relu")
    both = delay_moves(replace(graph, outputs=("flat", "relu"), output_names=("a", "b")))
    assert kinds(both) == ["Relu", "Reshape", "Reshape"]
    assert {name: tensor.shape for name, tensor in both.output_tensors().items()} == {
        "a": (32,),
        "b": (32,),
    }
