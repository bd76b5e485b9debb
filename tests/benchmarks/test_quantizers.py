"""The comparison of quantizers: its networks, the correction of means, its rows and tables."""

import json
import sys
from dataclasses import asdict, replace
from pathlib import Path

import numpy as np
import pytest

from graphs import all_tensors, make_node, net, run_float

pytest.importorskip("tensorflow", reason="benchmarks need TensorFlow; pip install tensorflow")
sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "benchmarks"))

import networks
import quantizers
from rival_quantizers import KMEANS, QUANTIZERS

from microlut.graph import evaluate as float_ops
from microlut.graph.ir import Graph
from microlut.ops.activation import ActivationKind
from microlut.ops.conv2d import Conv2D
from microlut.ops.dense import Dense
from microlut.ops.depthwise_conv2d import DepthwiseConv2D
from microlut.ops.pool2d import MaxPool2D
from microlut.ops.reshape import Reshape
from microlut.ops.softmax import Softmax
from microlut.ops.windows import Padding, Window

RNG = np.random.default_rng(0)
X = RNG.normal(size=(30, 8, 7, 2)).astype(np.float32)


def random(*shape: int) -> np.ndarray:
    return RNG.normal(size=shape).astype(np.float32)


def make_graph() -> Graph:
    conv = Window((3, 2), (2, 1), Padding(1, 0, 0, 1))
    deep = Window((3, 3), (1, 1), Padding(1, 1, 1, 1))
    nodes = (
        make_node("conv", Conv2D(random(4, 3, 2, 2), random(4), conv), ("x",), (4, 7, 4)),
        make_node(
            "deep",
            DepthwiseConv2D(random(3, 3, 8), random(8), deep, 2, ActivationKind.RELU6),
            ("conv",),
            (4, 7, 8),
        ),
        make_node("pool", MaxPool2D(Window((2, 2), (2, 2))), ("deep",), (2, 3, 8)),
        make_node("flat", Reshape((48,)), ("pool",), (48,)),
        make_node("dense", Dense(random(5, 48), random(5)), ("flat",), (5,)),
        make_node("softmax", Softmax(), ("dense",), (5,)),
    )
    return net("net", "x", (8, 7, 2), nodes, "softmax")


GRAPH = make_graph()


def make_network(name: str = "net") -> quantizers.Network:
    labels = RNG.integers(0, 5, size=len(X))
    columns = networks.mean_columns(GRAPH, X)
    return quantizers.Network(name, GRAPH, X, labels, columns, 40.0)


def test_outputs_are_those_of_the_float_interpreter():
    assert networks.evaluate(GRAPH, X) == pytest.approx(float_ops.evaluate(GRAPH, X), abs=1e-6)


def test_kernel_survives_its_way_through_channels():
    for node, _ in GRAPH.weighted():
        again = networks.with_kernel(node.op, networks.by_channel(node.op))
        assert np.array_equal(again.kernel, node.op.kernel)


@pytest.mark.parametrize("name", ["conv", "deep", "dense"])
def test_mean_shift_is_that_of_the_outputs(name: str):
    node = next(node for node in GRAPH.nodes if node.name == name)
    tensors = all_tensors(GRAPH, X)
    linear = replace(node.op, activation=ActivationKind.LINEAR)
    rows = networks.by_channel(linear)
    rows = rows + RNG.normal(size=rows.shape)
    shift = networks.mean_shift(linear, rows, networks.mean_columns(GRAPH, X)[name])
    means = [
        run_float(op, tensors[node.inputs[0]]).reshape(-1, len(rows)).mean(0)
        for op in (
            linear,
            networks.with_kernel(linear, rows),
            networks.with_kernel(linear, rows, shift),
        )
    ]
    assert means[1] - means[0] == pytest.approx(shift, abs=1e-4)
    assert means[2] == pytest.approx(means[0], abs=1e-4)


def test_rows_that_are_known_are_not_measured_again():
    network = make_network()
    rows = list(quantizers.measured([], ["net"], [2, 8], lambda _: network))
    assert len(rows) == 2 * 2 * len(QUANTIZERS)

    def refuse(name: str) -> quantizers.Network:
        raise AssertionError(name)

    read = [quantizers.Row(**json.loads(json.dumps(asdict(row)))) for row in rows]
    assert list(quantizers.measured(read, ["net"], [8], refuse)) == [
        row for row in rows if row.bits == 8
    ]


def test_eight_bits_leave_the_accuracy_and_hardly_an_error():
    network = make_network()
    network = replace(network, y=networks.evaluate(GRAPH, X).argmax(axis=1))
    row = quantizers.measure(network, KMEANS, 8, "tensor")
    assert row.error < 1e-4
    assert (row.top1, row.corrected_top1) == (100.0, 100.0)


def test_tables_give_ratios_and_standard_errors():
    row = quantizers.Row("net", "tensor", 4, KMEANS.title, 0.01, 80.0, 90.0, 91.0, 400)
    other = replace(row, quantizer="other", error=0.025)
    text = quantizers.markdown([row, other])
    assert "| other | 2.50 (2.50) |" in text
    assert f"| {KMEANS.title} | 1.00 (1.00) |" in text
    assert "net, by tensor: top-1, 400 inputs, float 91.0" in text
    assert "| 80.0 ± 2.0 |" in text
    assert "| 90.0 ± 1.5 |" in text
