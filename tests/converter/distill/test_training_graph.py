"""Networks as training computes them, against the float interpreter, and their gradients.

tests/ops has the operators one by one.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

import random_graphs as rg
from graphs import all_tensors, net, run_float
from microlut.ops.conv2d import Conv2D
from microlut.ops.depthwise_conv2d import DepthwiseConv2D
from microlut.ops.windows import Padding, Window

tf = pytest.importorskip("tensorflow", reason="needs TensorFlow; pip install tensorflow")

from microlut.distill.train import float_tensors  # noqa: E402

CASES = list(rg.network_cases(4))


def tensors(graph, x):
    """Return every tensor of a graph by name, as training computes it."""
    return float_tensors(graph, {graph.inputs[0].name: tf.constant(x)})


@pytest.mark.parametrize("case", CASES, ids=[case.name for case in CASES])
def test_tensors_equal_those_of_the_float_interpreter(case):
    found = tensors(case.graph, case.samples)
    wanted = all_tensors(case.graph, case.samples)
    assert set(found) == set(wanted) == set(case.graph.tensors())
    for name, expected in wanted.items():
        # the order of sums differs
        tolerance = 1e-4 * max(1.0, float(np.abs(expected).max()))
        np.testing.assert_allclose(found[name], expected, rtol=1e-4, atol=tolerance)


@pytest.mark.parametrize("strides", [(1, 1), (2, 1), (1, 3), (2, 2)])
@pytest.mark.parametrize("dilation", [(1, 1), (2, 1), (3, 2)])
@pytest.mark.parametrize("kind", ["conv2d", "depthwise"])
def test_gradients_flow_through_every_window(kind, dilation, strides):
    rng = np.random.default_rng(0)
    window = Window((3, 2), strides, Padding(1, 0, 2, 1), dilation)
    x = rng.normal(size=(2, 12, 11, 4)).astype(np.float32)
    if kind == "conv2d":
        kernel = rng.normal(size=(5, 3, 2, 4)).astype(np.float32)
        op = Conv2D(kernel, np.zeros(5, np.float32), window)
    else:
        kernel = rng.normal(size=(3, 2, 8)).astype(np.float32)
        op = DepthwiseConv2D(kernel, np.zeros(8, np.float32), window, 2)
    variable, inputs = tf.Variable(kernel), tf.Variable(x)
    with tf.GradientTape() as tape:
        y = op.train_linear(tf, inputs, variable, op.bias)
        total = tf.reduce_sum(y)
    by_kernel, by_input = tape.gradient(total, [variable, inputs])
    expected = run_float(op, x)
    np.testing.assert_allclose(y, expected, rtol=1e-4, atol=1e-4)
    # the layer is linear in the kernel and in its inputs (its biases are zero)
    np.testing.assert_allclose(np.sum(by_kernel * kernel), expected.sum(), rtol=1e-3, atol=1e-3)
    np.testing.assert_allclose(np.sum(by_input * x), expected.sum(), rtol=1e-3, atol=1e-3)
    changed = replace(op, kernel=kernel + 1)
    slope = run_float(changed, x).sum() - expected.sum()
    np.testing.assert_allclose(np.sum(by_kernel), slope, rtol=1e-3, atol=1e-2)


def test_a_graph_without_nodes_is_its_input():
    graph = net("none", "x", (3,), (), "x")
    x = np.ones((2, 3), np.float32)
    assert np.array_equal(tensors(graph, x)["x"], x)
