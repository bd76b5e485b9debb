"""Activation ranges: the outermost values of every tensor over all samples."""

import numpy as np
import pytest

from graphs import make_node, net
from microlut.errors import InvalidInput
from microlut.ops.activation import ActivationKind
from microlut.ops.batch_norm import BatchNorm
from microlut.ops.relu import Relu
from microlut.quantize.ranges.measure import calibrate, measure

NODES = (
    make_node("double", BatchNorm(np.float32([2, 2]), np.float32([1, 1])), ("x",), (2,)),
    make_node("relu", Relu(ActivationKind.RELU), ("double",), (2,)),
)
GRAPH = net("net", "x", (2,), NODES, "relu")


def test_calibrate_finds_the_range_of_every_tensor():
    ranges = calibrate(GRAPH, np.float32([[0, 1], [-3, 2]]))
    assert dict(ranges.limits) == {"x": (-3, 2), "double": (-5, 5), "relu": (0, 5)}


def test_calibrate_sees_every_batch():
    x = np.zeros((1000, 2), np.float32)
    x[0, 0], x[999, 1] = -7, 8
    assert calibrate(GRAPH, x)["x"] == (-7, 8)


def test_calibrate_gives_limits_that_cannot_be_changed():
    limits = calibrate(GRAPH, np.zeros((1, 2), np.float32)).limits
    with pytest.raises(TypeError):
        limits["x"] = (0, 0)


@pytest.mark.parametrize("shape", [(0, 2), (4, 3), (2,)])
def test_calibrate_refuses_shape(shape):
    with pytest.raises(InvalidInput, match=r"expects \[samples, 2\]"):
        calibrate(GRAPH, np.zeros(shape, np.float32))


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_calibrate_refuses_non_finite_samples(value):
    with pytest.raises(InvalidInput, match="samples hold NaN"):
        calibrate(GRAPH, np.float32([[0, value]]))


def test_calibrate_names_the_layer_that_overflows():
    with pytest.raises(InvalidInput, match="layer 'double'"):
        calibrate(GRAPH, np.float32([[3e38, 0]]))


def test_calibrate_leaves_out_the_tail():
    x = np.arange(200, dtype=np.float32).reshape(100, 2)
    ranges = calibrate(GRAPH, x, tail=0.01)
    assert ranges["x"] == (2, 197)
    assert ranges["double"] == (1 + 2 * 2, 1 + 2 * 197)


def test_measure_keeps_the_outermost_values_of_all_batches():
    x = np.random.default_rng(0).normal(size=(1000, 2)).astype(np.float32)
    tails = measure(GRAPH, x, 0.01)
    doubled = np.sort((2 * x + 1).ravel())
    assert tails["double"].low.tolist() == doubled[:21].tolist()
    assert tails["double"].high.tolist() == doubled[:-22:-1].tolist()
    assert tails["x"].high.tolist() == np.sort(x.ravel())[:-22:-1].tolist()


def test_measure_keeps_some_values_of_an_input_that_has_few():
    x = np.arange(100, dtype=np.float32).reshape(50, 2)
    assert measure(GRAPH, x, 0.001)["x"].low.tolist() == list(range(8))
    assert measure(GRAPH, x, 0.0)["x"].low.tolist() == [0]


def test_measure_counts_values_and_zeros():
    tails = measure(GRAPH, np.float32([[0, 1], [-3, 2], [-0.5, -2]]), 0.0)
    assert (tails["double"].count, tails["double"].nonzero) == (6, 5)
    assert (tails["relu"].count, tails["relu"].nonzero) == (6, 3)


def test_tails_leave_out_no_more_than_was_kept():
    x = np.arange(200, dtype=np.float32).reshape(100, 2)
    tails = measure(GRAPH, x, 0.01)["double"]
    assert tails.within(0.0) == (1, 399)
    assert tails.within(0.005) == (3, 397)
    assert tails.within(0.5) == tails.within(0.01) == (5, 395)
