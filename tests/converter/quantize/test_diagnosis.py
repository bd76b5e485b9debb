"""Warnings: each wrong input has its message, sound ones have none."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

import random_graphs as rg
from graphs import as_batch
from microlut.graph.ir import Graph
from microlut.integer import QuantizedGraph
from microlut.ops.activation import ActivationKind
from microlut.ops.arrays import FloatArray
from microlut.ops.dense import Dense
from microlut.ops.softmax import Softmax
from microlut.ops.tensor import Quantization, Tensor
from microlut.quantize.diagnosis import input_warnings, output_warnings, unlike_features
from microlut.quantize.quality import compare
from microlut.quantize.ranges.activations import activation_quantization
from microlut.quantize.ranges.measure import calibrate
from microlut.quantize.stage import quantize
from microlut.quantize.weights import WeightConfig
from small_classifier import classifier, pictures
from weather import sensors


def spanning(x: FloatArray) -> Quantization:
    return activation_quantization(float(x.min()), float(x.max()))


def found_in(x: FloatArray, quantization: Quantization | None = None) -> list[str]:
    tensor = Tensor("x", x.shape[1:], "int8", quantization or spanning(x))
    return list(input_warnings(x, tensor))


def regression(mean: FloatArray, deviation: FloatArray) -> Graph:
    """Return a network that begins with the folded normalization of its features."""
    rng = np.random.default_rng(1)
    features = len(mean)
    first = rng.normal(0, 1, (16, features)) / deviation
    net = rg.Network("regression", (features,))
    bias = (-first @ mean).astype(np.float32)
    net.add(Dense(first.astype(np.float32), bias, ActivationKind.RELU), (16,))
    last = rng.normal(0, 0.3, (2, 16)).astype(np.float32)
    net.add(Dense(last, np.zeros(2, np.float32)), (2,))
    return net.graph()


def warned(graph: Graph, q: QuantizedGraph, x: FloatArray) -> list[str]:
    return list(output_warnings(q, compare(graph, q, x), as_batch(graph, x)))


def test_sound_inputs_and_outputs_are_not_warned_of():
    x, graph = pictures(100), classifier()
    assert found_in(x) == []
    q = quantize(graph, calibrate(graph, x), x, WeightConfig(4))
    assert warned(graph, q, x) == []


@pytest.mark.parametrize(
    ("x", "text"),
    [
        (pictures(1), "1 calibration inputs: "),
        (np.repeat(pictures(1), 40, axis=0), "40 calibration inputs, of which 1 differ: "),
        (np.tile(pictures(10), (30, 1, 1, 1)), "300 calibration inputs, of which 10 differ: "),
    ],
)
def test_few_inputs_and_copies_are_warned_of(x, text: str):
    (warning,) = found_in(x)
    assert warning.startswith(text)
    assert "give 50 or more different ones" in warning


def test_outliers_are_warned_of_with_what_is_used():
    x = np.random.default_rng(0).uniform(0, 255, (100, 320)).astype(np.float32)
    x[17, 5] = 32_000
    (warning,) = found_in(x, activation_quantization(0, 255))
    assert "span" in warning
    assert "to 32000, but all except" in warning
    assert "the range in use is 0 to 255" in warning


@pytest.mark.parametrize("kind", ["normal", "laplace", "sparse", "uint8"])
def test_heavy_tails_are_no_outliers(kind: str):
    rng = np.random.default_rng(0)
    x = {
        "normal": lambda: rng.normal(size=(100, 320)),
        "laplace": lambda: rng.laplace(size=(100, 320)),
        "sparse": lambda: rng.uniform(size=(100, 320)) * (rng.uniform(size=(100, 320)) < 0.05),
        "uint8": lambda: rng.integers(0, 256, (100, 320)),
    }[kind]()
    assert found_in(x.astype(np.float32)) == []


def test_features_of_unlike_scale_are_named():
    warning = found_in(sensors())[-1]
    assert "3 of 4 (0, 1, 2) span less than 4 of the input's steps" in warning
    assert "(x - mean) / deviation" in warning


def test_constant_features_and_few_faint_ones_are_no_trouble():
    x = np.random.default_rng(0).uniform(0, 1, (100, 40)).astype(np.float32)
    x[:, 3] = 0.5
    x[:, 7] /= 1000
    assert unlike_features(x, spanning(x)) == []
    x[:, 8:13] /= 1000
    assert unlike_features(x, spanning(x)) == [7, 8, 9, 10, 11, 12]


@pytest.mark.parametrize("bits", [8, 4])
def test_unlike_features_are_the_cause_of_bad_outputs(bits: int):
    x = sensors()
    graph = regression(x.mean(axis=0), x.std(axis=0))
    q = quantize(graph, calibrate(graph, x), x, WeightConfig(bits))
    (warning,) = warned(graph, q, x)
    assert f"it begins at layer {graph.nodes[0].name!r}" in warning
    assert "input features differ too much in scale: 3 of 4 (0, 1, 2)" in warning


def test_constant_output_is_called_so():
    x = np.random.default_rng(0).normal(0, 1, (100, 4)).astype(np.float32)
    graph = regression(np.zeros(4), np.ones(4))
    q = quantize(graph, calibrate(graph, x), x, WeightConfig(8))
    last = q.nodes[-1]
    stuck = replace(last.op.weights, indices=np.zeros_like(last.op.weights.indices))
    broken = replace(last, op=replace(last.op, weights=stuck))
    (warning,) = warned(graph, replace(q, nodes=(*q.nodes[:-1], broken)), x)
    assert warning.startswith("the output is the same for all inputs")
    assert f"layer {last.name!r}" in warning


def test_few_bits_are_the_cause_where_weights_lose_most():
    rng = np.random.default_rng(2)
    kernel = rng.normal(0, 1, (10, 64)).astype(np.float32)
    net = rg.Network("net", (64,))
    net.add(Dense(kernel, np.zeros(10, np.float32)), (10,))
    net.add(Softmax(), (10,))
    graph = net.graph()
    x = rng.normal(0, 1, (100, 64)).astype(np.float32)
    ranges = calibrate(graph, x)
    q = quantize(graph, ranges, x, WeightConfig(2, method="fitted"))
    (warning,) = warned(graph, q, x)
    assert "diverge from the float model's by" in warning
    assert "its weights have 2 bits" in warning
    assert warned(graph, quantize(graph, ranges, x, WeightConfig(8)), x) == []


def test_coarse_activations_are_the_cause_where_rounding_loses_most():
    x = np.random.default_rng(0).normal(0, 1, (100, 4)).astype(np.float32)
    graph = regression(np.zeros(4), np.ones(4))
    wild = x.copy()
    wild[0] = 3000
    q = quantize(graph, calibrate(graph, wild), wild, WeightConfig(8))
    (warning,) = warned(graph, q, x)
    assert "use few of the 256 steps" in warning
    assert "--ranges percentile" in warning


def test_errors_that_add_up_at_8_bits_are_warned_of():
    """The difference of two features that are nearly the same loses what they have in common."""
    x = np.random.default_rng(0).normal(0, 1, (200, 4)).astype(np.float32)
    both = np.float32([[1, -1, 0.5, 1], [1, -1, 0.5, 1.15]])
    net = rg.Network("difference", (4,))
    net.add(Dense(both, np.zeros(2, np.float32)), (2,))
    net.add(Dense(np.float32([[1, -1]]), np.zeros(1, np.float32)), (1,))
    graph = net.graph()
    q = quantize(graph, calibrate(graph, x), x, WeightConfig(8))
    (warning,) = warned(graph, q, x)
    assert warning.startswith("the outputs have an SNR of 1")
    assert f"(limit 20 at 8 bits); it begins at layer {graph.nodes[-1].name!r}" in warning
    assert "errors of int8 activations in the layers before it add up" in warning
    assert "more bits" not in warning


def test_outputs_that_hardly_differ_are_called_so():
    x = np.random.default_rng(0).uniform(-1, 1, (100, 1)).astype(np.float32)
    net = rg.Network("thermometer", (1,))
    net.add(Dense(np.float32([[0.1]]), np.float32([20.0])), (1,))
    graph = net.graph()
    q = quantize(graph, calibrate(graph, x), x, WeightConfig(8))
    (warning,) = warned(graph, q, x)
    assert warning.startswith("the float model's outputs hardly differ from input to input")
    assert "layer" not in warning


def test_layer_that_loses_most_is_named_where_all_are_good():
    """The first layer loses all that 8 bits cannot hold of exact inputs, which is no fault."""
    rng = np.random.default_rng(0)
    net = rg.Network("net", (16,))
    net.add(Dense(rng.normal(0, 1, (16, 16)).astype(np.float32), np.zeros(16, np.float32)), (16,))
    net.add(
        Dense(rng.normal(0, 1, (10, 16)).astype(np.float32), np.full(10, 24, np.float32)), (10,)
    )
    graph = net.graph()
    x = rng.normal(0, 1, (100, 16)).astype(np.float32)
    first, last = (node.name for node in graph.nodes)
    configs = {first: WeightConfig(8), last: WeightConfig(2, "tensor", "fitted")}
    (warning,) = warned(graph, quantize(graph, calibrate(graph, x), x, configs), x)
    assert f"it begins at layer {last!r}" in warning
    assert "its weights have 2 bits" in warning
