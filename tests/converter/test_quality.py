"""How near an integer network is: figures by hand, few inputs of large networks, layer ratios."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import random_graphs as rg
from microlut import quality as module
from microlut.calibrate import calibrate
from microlut.interpreter import float_ops
from microlut.ir import Dense, Graph, Node, Relu, Reshape, Softmax
from microlut.quality import (
    affordable_inputs,
    compare,
    divergence,
    ends_with_softmax,
    integer_quality,
    quality,
    spread,
    without_softmax,
)
from microlut.quantize.stage import quantize
from microlut.quantize.weights import WeightConfig
from microlut.quantized import QuantizedGraph
from small_classifier import classifier, pictures

FLOOR = 1 / 512


def one(op: object, length: int = 2) -> Graph:
    return Graph("one", "x", (length,), (Node("y", op, ("x",), (length,)),), "y")


PROBABILITIES, VALUES = one(Softmax()), one(Relu("relu"))


def rows(*values: list[float]) -> np.ndarray:
    return np.array(values, np.float32)


def test_divergence_of_probabilities_is_kullback_leiblers():
    real, found = rows([0.5, 0.5], [0.75, 0.25]), rows([0.25, 0.75], [0.75, 0.25])
    first = 0.5 * np.log(0.5 / 0.25) + 0.5 * np.log(0.5 / 0.75)
    assert divergence(PROBABILITIES, real, found) == pytest.approx(first / 2, rel=1e-6)


def test_divergence_of_probabilities_takes_the_float_ones_as_the_truth():
    real, found = rows([0.9, 0.1]), rows([0.5, 0.5])
    expected = 0.9 * np.log(1.8) + 0.1 * np.log(0.2)
    assert divergence(PROBABILITIES, real, found) == pytest.approx(expected, rel=1e-5)
    assert divergence(PROBABILITIES, found, real) != pytest.approx(expected, rel=0.1)


def test_divergence_of_zero_probabilities_is_that_of_half_a_step():
    high, low = 1 / (1 + FLOOR), FLOOR / (1 + FLOOR)
    expected = (high - low) * np.log(high / low)
    assert divergence(PROBABILITIES, rows([1, 0]), rows([0, 1])) == pytest.approx(expected)


def test_divergence_of_values_is_the_relative_squared_error():
    real, found = rows([3, 4], [0, 5]), rows([3, 5], [2, 5])
    assert divergence(VALUES, real, found) == pytest.approx(5 / 50)


@pytest.mark.parametrize(("found", "expected"), [([0.0, 0.0], 0.0), ([0.0, 3.0], 1.0)])
def test_divergence_of_values_that_are_all_zero(found, expected: float):
    assert divergence(VALUES, rows([0, 0]), rows(found)) == expected


@given(st.lists(st.lists(st.floats(0, 1, width=32), min_size=3, max_size=3), min_size=1))
def test_divergence_is_never_negative_and_zero_for_equal_outputs(given_values):
    real = np.array(given_values, np.float32) + np.float32(0.01)
    real /= real.sum(axis=1, keepdims=True)
    found = np.roll(real, 1, axis=1)
    for graph in (one(Softmax(), 3), one(Relu("relu"), 3)):
        assert divergence(graph, real, real) == 0.0
        assert divergence(graph, real, found) >= -1e-12


def test_agreement_is_the_share_of_equal_classes_in_percent():
    real = rows([0.9, 0.1], [0.2, 0.8], [0.6, 0.4], [0.3, 0.7])
    found = rows([0.6, 0.4], [0.4, 0.6], [0.4, 0.6], [0.1, 0.9])
    compared = quality(PROBABILITIES, real, found)
    assert compared.agreement == pytest.approx(75)
    assert compared.inputs == 4


def test_expected_drop_is_what_changed_inputs_lose_by_the_float_probabilities():
    real = rows([0.9, 0.1], [0.2, 0.8], [0.6, 0.4], [0.3, 0.7])
    found = rows([0.6, 0.4], [0.6, 0.4], [0.4, 0.6], [0.1, 0.9])
    drop = quality(PROBABILITIES, real, found).expected_drop
    assert drop == pytest.approx(100 * ((0.8 - 0.2) + (0.6 - 0.4)) / 4, rel=1e-5)


def test_expected_drop_without_probabilities_is_the_disagreement():
    real, found = rows([3, 1], [1, 3], [5, 0]), rows([3, 1], [1, 3], [0, 5])
    compared = quality(VALUES, real, found)
    assert compared.expected_drop == pytest.approx(100 / 3)
    assert compared.expected_drop == pytest.approx(100 - compared.agreement)


@given(st.integers(0, 2**32 - 1), st.booleans())
def test_expected_drop_is_never_negative(seed: int, softmax: bool):
    rng = np.random.default_rng(seed)
    real, found = rng.dirichlet(np.ones(4), (2, 6)).astype(np.float32)
    drop = quality(one(Softmax() if softmax else Relu("relu"), 4), real, found).expected_drop
    assert 0 <= drop <= 100


def test_one_output_has_no_classes():
    compared = quality(one(Relu("relu"), 1), rows([1.0], [2.0]), rows([1.0], [3.0]))
    assert (compared.agreement, compared.expected_drop) == (None, None)
    assert compared.divergence == pytest.approx(1 / 5)


def test_classes_are_those_of_all_output_values():
    real = rows([0.1, 0.9]).reshape(1, 1, 1, 2)
    assert quality(PROBABILITIES, real, real).agreement == 100


def test_softmax_that_is_not_last_does_not_make_probabilities():
    nodes = (Node("p", Softmax(), ("x",), (2,)), Node("y", Relu("relu"), ("p",), (2,)))
    graph = Graph("two", "x", (2,), nodes, "y")
    assert not ends_with_softmax(graph)
    assert ends_with_softmax(replace(graph, output_name="p"))
    assert without_softmax(graph) == graph


def test_without_a_final_softmax_the_output_is_what_it_reads():
    nodes = (Node("z", Relu("relu"), ("x",), (2,)), Node("p", Softmax(), ("z",), (2,)))
    graph = Graph("two", "x", (2,), nodes, "p")
    x = rows([1, -3], [2, 5])
    assert float_ops.evaluate(without_softmax(graph), x).tolist() == [[1, 0], [2, 5]]
    assert without_softmax(PROBABILITIES).output_name == "x"


# --- which inputs are looked at


def test_spread_takes_inputs_from_all_over():
    x = np.arange(10, dtype=np.float32)
    assert spread(x, 4).tolist() == [0, 3, 6, 9]
    assert spread(x, 10) is x
    assert spread(x, 99) is x


@given(st.integers(1, 50), st.integers(1, 60))
def test_spread_takes_as_many_different_inputs_as_asked(size: int, count: int):
    chosen = spread(np.arange(size, dtype=np.float32), count)
    assert len(set(chosen.tolist())) == len(chosen) == min(size, count)


def dense_graph(inputs: int, units: int) -> Graph:
    kernel = np.broadcast_to(np.float32(1), (units, inputs))
    node = Node("y", Dense(kernel, np.zeros(units, np.float32)), ("x",), (units,))
    return Graph("dense", "x", (inputs,), (node,), "y")


def test_small_networks_are_looked_at_on_the_most_inputs():
    assert affordable_inputs(dense_graph(3, 2)) == 128


def test_inputs_are_bounded_by_products():
    assert affordable_inputs(dense_graph(1 << 16, 1 << 10)) == (1 << 32) // (1 << 26)


def test_inputs_are_bounded_by_memory():
    node = Node("y", Relu("relu"), ("x",), (1 << 22,))
    assert affordable_inputs(Graph("wide", "x", (1 << 22,), (node,), "y")) == 1 << (27 - 23)


def test_at_least_one_input_is_looked_at():
    assert affordable_inputs(dense_graph(1 << 20, 1 << 20)) == 1


def test_products_of_a_depthwise_layer_are_one_window_a_value():
    # 1024 * 1024 positions of 8 channels with 121 weights each
    kernel = np.zeros((11, 11, 8), np.float32)
    op = rg.DepthwiseConv2D(kernel, np.zeros(8, np.float32), rg.Window((11, 11)))
    node = Node("y", op, ("x",), (1024, 1024, 8))
    graph = Graph("net", "x", (1034, 1034, 8), (node,), "y")
    assert affordable_inputs(graph) == (1 << 32) // (1024 * 1024 * 8 * 121)


# --- integer networks


def quantized(graph: Graph, bits: int) -> QuantizedGraph:
    return quantize(graph, calibrate(graph, pictures()), pictures(), WeightConfig(bits))


@pytest.mark.parametrize("softmax", [True, False])
def test_eight_bits_are_nearly_exact_and_two_are_not(softmax: bool):
    graph = classifier(softmax)
    best, worst = (
        integer_quality(graph, quantized(graph, bits), pictures(70, seed=1)) for bits in (8, 2)
    )
    assert best.divergence < 0.002
    assert best.agreement > 95
    assert best.expected_drop < 5
    assert worst.divergence > 5 * best.divergence
    assert best.inputs == worst.inputs == 70


def test_integer_quality_is_the_same_in_batches(monkeypatch):
    graph = classifier()
    q, x = quantized(graph, 4), pictures(10)
    whole = integer_quality(graph, q, x)
    monkeypatch.setattr(module, "_BATCH", 3)
    parts = integer_quality(graph, q, x)
    assert parts.divergence == pytest.approx(whole.divergence, rel=1e-4)
    assert (parts.agreement, parts.inputs) == (whole.agreement, 10)


def test_layer_ratios_are_in_execution_order_and_high_with_eight_bits():
    graph = classifier(softmax=False)
    ratios = compare(graph, quantized(graph, 8), pictures()).snr
    assert list(ratios) == [node.name for node in graph.nodes]
    assert min(ratios.values()) > 25
    assert max(ratios.values()) < 70


def test_layer_ratios_are_the_same_in_batches(monkeypatch):
    graph = classifier()
    q, x = quantized(graph, 4), pictures(10)
    whole = compare(graph, q, x).snr
    monkeypatch.setattr(module, "_BATCH", 3)
    assert compare(graph, q, x).snr == pytest.approx(whole, abs=1e-3)


def test_each_bit_adds_to_the_ratio_of_a_layer():
    graph = classifier()
    first = graph.nodes[0].name
    ratios = [compare(graph, quantized(graph, bits), pictures()).snr[first] for bits in (2, 4, 6)]
    assert ratios[0] + 6 < ratios[1] < ratios[2] - 5


def test_reshape_keeps_the_ratio_of_its_input():
    graph = classifier()
    ratios = compare(graph, quantized(graph, 4), pictures()).snr
    (node,) = (node for node in graph.nodes if isinstance(node.op, Reshape))
    assert ratios[node.name] == ratios[node.inputs[0]]


def test_exact_outputs_have_an_infinite_ratio():
    graph = one(Relu("relu"), 4)
    x = np.arange(-128, 128, dtype=np.float32).reshape(-1, 4) / 2
    q = quantize(graph, calibrate(graph, x), x, WeightConfig())
    assert compare(graph, q, x).snr == {"y": float("inf")}


def test_noise_without_signal_has_the_least_ratio():
    dead = Dense(np.zeros((2, 2), np.float32), np.zeros(2, np.float32))
    alive = Dense(np.eye(2, dtype=np.float32), np.zeros(2, np.float32))
    x = np.random.default_rng(0).normal(size=(20, 2)).astype(np.float32)
    graph = one(alive)
    q = quantize(graph, calibrate(graph, x), x, WeightConfig(8))
    assert compare(one(dead), q, x).snr == {"y": float("-inf")}


@pytest.mark.parametrize("number", range(4))
def test_damaged_layer_shows_at_that_layer_first(number: int):
    graph = classifier(softmax=False)
    q = quantized(graph, 8)
    name = q.weighted()[number][0].name
    nodes = []
    for node in q.nodes:
        if node.name == name:
            weights = node.op.weights
            turned = replace(weights, indices=np.roll(weights.indices, 1, axis=0))
            node = replace(node, op=replace(node.op, weights=turned))
        nodes.append(node)
    sound = compare(graph, q, pictures()).snr
    damaged = compare(graph, replace(q, nodes=tuple(nodes)), pictures()).snr
    first = next(name for name in damaged if damaged[name] < 15)
    assert first == name
    before = list(damaged)[: list(damaged).index(name)]
    assert {n: damaged[n] for n in before} == {n: sound[n] for n in before}
