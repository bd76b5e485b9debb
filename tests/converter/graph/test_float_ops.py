"""The float interpreter against loops, hand-checked numbers and its own promises."""

import gc
import weakref

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from graphs import make_node, net, run_float
from microlut.errors import InvalidInput
from microlut.graph.evaluate import evaluate, walk
from microlut.ops.activation import ActivationKind
from microlut.ops.add import Add
from microlut.ops.batch_norm import BatchNorm
from microlut.ops.conv2d import Conv2D
from microlut.ops.dense import Dense
from microlut.ops.depthwise_conv2d import DepthwiseConv2D
from microlut.ops.identity import Identity
from microlut.ops.pad import Pad
from microlut.ops.pool2d import AveragePool2D, MaxPool2D
from microlut.ops.relu import Relu
from microlut.ops.reshape import Reshape
from microlut.ops.softmax import Softmax
from microlut.ops.windows import Padding, Window, patches


def column(*values):
    """Return one picture, one pixel high, of one channel."""
    return np.array(values, np.float32).reshape(1, 1, -1, 1)


def spatial(draw):
    size = draw(st.tuples(st.integers(1, 3), st.integers(1, 3)))
    strides = draw(st.tuples(st.integers(1, 3), st.integers(1, 3)))
    dilation = draw(st.tuples(st.integers(1, 2), st.integers(1, 2)))
    padding = Padding(*draw(st.tuples(*[st.integers(0, 2)] * 4)))
    return Window(size, strides, padding, dilation)


@st.composite
def windows(draw):
    """Draw a window and a picture that it fits into."""
    window = spatial(draw)
    height, width = draw(st.tuples(st.integers(5, 8), st.integers(5, 8)))
    channels = draw(st.integers(1, 3))
    seed = draw(st.integers(0, 1000))
    x = np.random.default_rng(seed).integers(-9, 9, (2, height, width, channels))
    return window, x.astype(np.float32)


def seen_at(x, window, row, col, pad_value):
    """Return what the window sees at one output position, by plain indexing."""
    p = window.padding
    seen = np.full((len(x), *window.size, x.shape[-1]), pad_value, x.dtype)
    for i in range(window.size[0]):
        for j in range(window.size[1]):
            y = row * window.strides[0] + i * window.dilation[0] - p.top
            z = col * window.strides[1] + j * window.dilation[1] - p.left
            if 0 <= y < x.shape[1] and 0 <= z < x.shape[2]:
                seen[:, i, j] = x[:, y, z]
    return seen


def positions(x, window):
    height, width = window.output_size(*x.shape[1:3])
    return (height, width), [(r, c) for r in range(height) for c in range(width)]


@settings(max_examples=40, deadline=None)
@given(windows(), st.sampled_from([np.float32, np.int8, np.int32]))
def test_patches_equals_indexing(drawn, dtype):
    window, x = drawn[0], drawn[1].astype(dtype)
    found = patches(x, window, 7)
    assert found.dtype == dtype
    assert found.shape[1:3] == positions(x, window)[0]
    for row, col in positions(x, window)[1]:
        np.testing.assert_array_equal(found[:, row, col], seen_at(x, window, row, col, 7))


def test_patches_does_not_copy_without_padding():
    x = np.zeros((1, 4, 4, 2), np.int8)
    assert np.shares_memory(patches(x, Window((2, 2)), 0), x)


def test_patches_is_read_only():
    assert not patches(np.zeros((1, 4, 4, 2)), Window((2, 2)), 0).flags.writeable


@settings(max_examples=40, deadline=None)
@given(windows(), st.integers(1, 4))
def test_conv2d_equals_loops(drawn, filters):
    window, x = drawn
    rng = np.random.default_rng(1)
    kernel = rng.integers(-3, 4, (filters, *window.size, x.shape[-1])).astype(np.float32)
    bias = rng.integers(-3, 4, filters).astype(np.float32)
    size, where = positions(x, window)
    found = run_float(Conv2D(kernel, bias, window), x)
    assert found.shape == (2, *size, filters)
    for row, col in where:
        seen = seen_at(x, window, row, col, 0)
        expected = np.einsum("nijc,fijc->nf", seen, kernel) + bias
        np.testing.assert_array_equal(found[:, row, col], expected)


@settings(max_examples=40, deadline=None)
@given(windows(), st.integers(1, 3))
def test_depthwise_equals_loops(drawn, multiplier):
    window, x = drawn
    channels = x.shape[-1] * multiplier
    rng = np.random.default_rng(1)
    kernel = rng.integers(-3, 4, (*window.size, channels)).astype(np.float32)
    bias = rng.integers(-3, 4, channels).astype(np.float32)
    size, where = positions(x, window)
    op = DepthwiseConv2D(kernel, bias, window, multiplier)
    found = run_float(op, x)
    assert found.shape == (2, *size, channels)
    for row, col in where:
        seen = seen_at(x, window, row, col, 0)
        for channel in range(channels):
            product = seen[..., channel // multiplier] * kernel[..., channel]
            expected = product.sum(axis=(1, 2)) + bias[channel]
            np.testing.assert_array_equal(found[:, row, col, channel], expected)


def test_average_pool_does_not_count_padding():
    op = AveragePool2D(Window((1, 3), (1, 1), Padding(left=1, right=1)))
    found = run_float(op, column(3, 6, 9))
    np.testing.assert_array_equal(found, column(4.5, 6, 7.5))


def test_max_pool_padding_never_wins():
    op = MaxPool2D(Window((1, 2), (1, 2), Padding(right=1)))
    found = run_float(op, column(-3, -4, -5))
    np.testing.assert_array_equal(found, column(-3, -5))


def test_pad_adds_zeros():
    found = run_float(Pad(Padding(left=1, right=2)), column(5))
    np.testing.assert_array_equal(found, column(0, 5, 0, 0))


@pytest.mark.parametrize(
    ("kind", "expected"),
    [
        (ActivationKind.LINEAR, (-2, 3, 8)),
        (ActivationKind.RELU, (0, 3, 8)),
        (ActivationKind.RELU6, (0, 3, 6)),
    ],
)
def test_activation_is_applied(kind, expected):
    x = column(-2, 3, 8)
    one = Window((1, 1))
    for op in (
        Relu(kind),
        MaxPool2D(one, kind),
        AveragePool2D(one, kind),
        Conv2D(np.ones((1, 1, 1, 1), np.float32), np.zeros(1, np.float32), one, kind),
        DepthwiseConv2D(np.ones((1, 1, 1), np.float32), np.zeros(1, np.float32), one, 1, kind),
        Dense(np.ones((1, 1), np.float32), np.zeros(1, np.float32), kind),
    ):
        np.testing.assert_array_equal(run_float(op, x), column(*expected))


def test_add_applies_its_activation():
    found = run_float(Add(ActivationKind.RELU), column(1, 2), column(-3, 4))
    np.testing.assert_array_equal(found, column(0, 6))


def test_batch_norm_scales_and_offsets():
    op = BatchNorm(np.array([2, 3], np.float32), np.array([1, -1], np.float32))
    found = run_float(op, np.array([[1, 2]], np.float32))
    np.testing.assert_array_equal(found, [[3, 5]])


def test_dense_applies_to_the_last_dimension():
    op = Dense(np.array([[1, 10], [2, 0]], np.float32), np.array([0, 5], np.float32))
    found = run_float(op, np.array([[[1, 2], [3, 4]]], np.float32))
    np.testing.assert_array_equal(found, [[[21, 7], [43, 11]]])


def test_softmax_survives_large_values():
    found = run_float(Softmax(), np.array([[1000, 1000], [-1000, 1000]], np.float32))
    np.testing.assert_array_equal(found, [[0.5, 0.5], [0, 1]])


def test_reshape_keeps_the_order():
    found = run_float(Reshape((4,)), np.arange(8, dtype=np.float32).reshape(2, 2, 2))
    np.testing.assert_array_equal(found, [[0, 1, 2, 3], [4, 5, 6, 7]])


def chain(*ops):
    nodes = tuple(
        make_node(f"n{i}", op, (f"n{i - 1}" if i else "x",), (2,)) for i, op in enumerate(ops)
    )
    return net("chain", "x", (2,), nodes, nodes[-1].name)


RELU = Relu(ActivationKind.RELU)


def test_walk_yields_the_input_first():
    x = np.ones((1, 2), np.float32)
    (first, values), *rest = walk(chain(RELU, Softmax()), x)
    assert first is None
    assert list(values) == ["x"]
    np.testing.assert_array_equal(values["x"], x)
    assert [node.name for node, _ in rest] == ["n0", "n1"]


def test_walk_forgets_tensors_after_their_last_use():
    alive = []
    for _, made in walk(chain(RELU, Softmax(), RELU, Softmax()), np.ones((1, 2), np.float32)):
        (values,) = made.values()
        alive.append(weakref.ref(values))
    del values, made
    gc.collect()
    assert [ref() is None for ref in alive[1:-1]] == [True, True, True]


def test_walk_keeps_a_tensor_for_a_later_reader():
    nodes = (
        make_node("a", RELU, ("x",), (2,)),
        make_node("b", Softmax(), ("a",), (2,)),
        make_node("c", Add(), ("a", "a"), (2,)),
        make_node("d", Add(), ("b", "c"), (2,)),
    )
    graph = net("residual", "x", (2,), nodes, "d")
    found = evaluate(graph, np.array([[1, 1]], np.float32))
    np.testing.assert_array_equal(found, [[2.5, 2.5]])


def test_evaluate_returns_an_output_in_the_middle():
    graph = chain(RELU, Softmax())
    early = net("early", "x", (2,), graph.nodes, "n0")
    np.testing.assert_array_equal(evaluate(early, np.array([[-1, 2]], np.float32)), [[0, 2]])


def test_evaluate_computes_in_float32():
    assert evaluate(chain(Identity()), np.ones((1, 2), np.float64)).dtype == np.float32


def test_evaluate_refuses_another_shape():
    with pytest.raises(InvalidInput, match=r"shape \[1, 3\]; expected \[samples, 2\]"):
        evaluate(chain(RELU), np.ones((1, 3), np.float32))
