"""How near an integer network is: figures by hand, few inputs of large networks, layer ratios."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import random_graphs as rg
from graphs import make_node, net, output_of
from microlut.graph import evaluate as float_ops
from microlut.graph.ir import Graph
from microlut.integer import QuantizedGraph
from microlut.integer import evaluate as int_ops
from microlut.ops.activation import ActivationKind
from microlut.ops.add import Add
from microlut.ops.dense import Dense
from microlut.ops.relu import Relu
from microlut.ops.reshape import Reshape
from microlut.ops.sigmoid import Sigmoid
from microlut.ops.softmax import Softmax
from microlut.ops.tensor import dequantize_array, quantize_array
from microlut.quantize import quality as module
from microlut.quantize.figures import Quality, pooled, worst
from microlut.quantize.labels import label_qualities
from microlut.quantize.quality import (
    affordable_inputs,
    compare,
    final_softmax,
    integer_quality,
    judged,
    kind_of,
    quality,
    relative_error,
    spread,
    without_softmax,
)
from microlut.quantize.ranges.measure import calibrate
from microlut.quantize.stage import quantize
from microlut.quantize.weights import WeightConfig
from small_classifier import classifier, pictures

RELU = Relu(ActivationKind.RELU)


def one(op: object, length: int = 2) -> Graph:
    return net("one", "x", (length,), (make_node("y", op, ("x",), (length,)),), "y")


PROBABILITIES, VALUES = one(Softmax()), one(RELU)


def rows(*values: list[float]) -> np.ndarray:
    return np.array(values, np.float32)


def logits(*probabilities: list[float]) -> np.ndarray:
    """Return scores whose softmax is these probabilities."""
    return np.log(np.array(probabilities)).astype(np.float32)


def test_divergence_of_classes_is_kullback_leiblers():
    real, found = logits([0.5, 0.5], [0.75, 0.25]), logits([0.25, 0.75], [0.75, 0.25])
    first = 0.5 * np.log(0.5 / 0.25) + 0.5 * np.log(0.5 / 0.75)
    assert quality(real, found, True).divergence == pytest.approx(first / 2, rel=1e-6)


def test_divergence_of_classes_takes_the_float_ones_as_the_truth():
    real, found = logits([0.9, 0.1]), logits([0.5, 0.5])
    expected = 0.9 * np.log(1.8) + 0.1 * np.log(0.2)
    assert quality(real, found, True).divergence == pytest.approx(expected, rel=1e-5)
    assert quality(found, real, True).divergence != pytest.approx(expected, rel=0.1)


@pytest.mark.parametrize("classes", [2, 12, 100, 1000])
def test_divergence_knows_no_least_probability(classes: int):
    """Of a thousand classes most have less than 1/512, the half step of an int8 probability."""
    rng = np.random.default_rng(classes)
    real = rng.normal(0, 2, (200, classes)).astype(np.float32)
    found = real + rng.normal(0, 0.5, real.shape).astype(np.float32)
    p, q = (
        np.exp(x.astype(float)) / np.exp(x.astype(float)).sum(1)[:, None] for x in (real, found)
    )
    expected = np.mean(np.sum(p * np.log(p / q), axis=1))
    assert quality(real, found, True).divergence == pytest.approx(expected, rel=1e-4)
    # Errors of 0.5 in each score cost half their variance, whatever the number of classes.
    assert expected == pytest.approx(0.125 * (1 - np.mean(np.sum(p**2, axis=1))), rel=0.25)


def test_divergence_of_impossible_classes_is_finite():
    real, found = rows([200, -200]), rows([-200, 200])
    assert quality(real, found, True).divergence == pytest.approx(400)


@pytest.mark.parametrize("classes", [2, 12, 100, 1000])
def test_divergence_of_an_integer_network_is_that_of_its_scores(classes: int):
    random = np.random.default_rng(classes)
    kernel = random.normal(0, 1.5, (classes, 16)).astype(np.float32)
    x = random.normal(0, 1, (100, 16)).astype(np.float32)
    net = rg.Network("wide", (16,))
    net.add(Dense(kernel, np.zeros(classes, np.float32)), (classes,))
    net.add(Softmax(), (classes,))
    graph = net.graph()
    q = quantize(graph, calibrate(graph, x), x, WeightConfig(2, method="fitted"))
    real = float_ops.evaluate(without_softmax(graph), x)
    integer = replace(q, outputs=without_softmax(graph).outputs)
    scores = int_ops.evaluate(integer, quantize_array(x, q.inputs[0].quantized))
    found = dequantize_array(scores, output_of(integer).quantized)
    measured = integer_quality(graph, q, x)
    # batches of other sizes may round otherwise in single precision
    expected = quality(real, found, True).divergence
    assert measured.divergence == pytest.approx(expected, rel=1e-6)
    assert measured.divergence > 0.05
    answers = int_ops.evaluate(q, quantize_array(x, q.inputs[0].quantized)).argmax(axis=1)
    assert measured.agreement == pytest.approx(100 * np.mean(answers == real.argmax(axis=1)))


def test_relative_error_is_squared_error_over_squares():
    real, found = rows([3, 4], [0, 5]), rows([3, 5], [2, 5])
    assert relative_error(real, found) == pytest.approx(5 / 50)
    assert quality(real, found, False).divergence == pytest.approx(5 / 50)
    assert quality(real, found, False).snr_db == pytest.approx(10)


@pytest.mark.parametrize(("found", "expected"), [([0.0, 0.0], 0.0), ([0.0, 3.0], 1.0)])
def test_relative_error_of_values_that_are_all_zero(found, expected: float):
    assert relative_error(rows([0, 0]), rows(found)) == expected


@given(
    st.lists(st.lists(st.floats(-9, 9, width=32), min_size=3, max_size=3), min_size=1),
    st.booleans(),
)
def test_divergence_is_never_negative_and_zero_for_equal_outputs(given_values, classes: bool):
    real = np.array(given_values, np.float32)
    found = np.roll(real, 1, axis=1)
    assert quality(real, real, classes).divergence == 0.0
    assert quality(real, found, classes).divergence >= -1e-12


def test_agreement_is_the_share_of_equal_classes_in_percent():
    real = rows([0.9, 0.1], [0.2, 0.8], [0.6, 0.4], [0.3, 0.7])
    found = rows([0.6, 0.4], [0.4, 0.6], [0.4, 0.6], [0.1, 0.9])
    compared = quality(real, found, True)
    assert compared.agreement == pytest.approx(75)
    assert compared.inputs == 4
    assert compared.snr_db is None


def test_agreement_is_of_the_answers_where_they_are_not_the_highest_scores():
    real = found = rows([0.9, 0.1], [0.2, 0.8])
    assert quality(real, found, True, np.array([0, 0])).agreement == 50


def test_expected_drop_is_what_changed_inputs_lose_by_the_float_probabilities():
    real = logits([0.9, 0.1], [0.2, 0.8], [0.6, 0.4], [0.3, 0.7])
    found = logits([0.6, 0.4], [0.6, 0.4], [0.4, 0.6], [0.1, 0.9])
    drop = quality(real, found, True).expected_drop
    assert drop == pytest.approx(100 * ((0.8 - 0.2) + (0.6 - 0.4)) / 4, rel=1e-5)


@given(st.integers(0, 2**32 - 1))
def test_expected_drop_is_never_negative(seed: int):
    real, found = np.random.default_rng(seed).normal(0, 2, (2, 6, 4)).astype(np.float32)
    assert 0 <= quality(real, found, True).expected_drop <= 100


def test_values_have_no_classes():
    compared = quality(rows([1.0, 9.0], [2.0, 0.0]), rows([1.0, 9.0], [3.0, 4.0]), False)
    assert (compared.agreement, compared.expected_drop) == (None, None)


@pytest.mark.parametrize("classes", [True, False])
def test_one_output_has_no_classes(classes: bool):
    compared = quality(rows([1.0], [2.0]), rows([1.0], [3.0]), classes)
    assert (compared.agreement, compared.expected_drop) == (None, None)
    assert compared.divergence == pytest.approx(1 / 5)


def test_exact_values_have_no_ratio_in_json():
    compared = quality(rows([1.0]), rows([1.0]), False)
    assert compared.snr_db == np.inf
    assert compared.as_json()["snr_db"] is None
    assert quality(rows([2.0]), rows([1.0]), False).as_json()["snr_db"] == pytest.approx(6.02, 0.01)


# --- what is compared


def pixels(softmax_shape=(4, 3), output_shape=None) -> Graph:
    """Return a softmax per position, whose probabilities may get another shape."""
    net = rg.Network("pixels", softmax_shape)
    net.add(Softmax(), softmax_shape)
    if output_shape is not None:
        net.add(Reshape(output_shape), output_shape)
    return net.graph()


@pytest.mark.parametrize("output_shape", [None, (2, 2, 3), (12,)])
def test_classes_of_each_position_count(output_shape):
    """A flat view of the probabilities has one largest value; the positions have one each."""
    graph = pixels(output_shape=output_shape)
    assert judged(graph, graph.outputs[0]) == (graph.inputs[0].name, True)
    x = np.zeros((1, 4, 3), np.float32)
    x[0, np.arange(4), [0, 1, 2, 0]] = 4
    q = quantize(graph, calibrate(graph, x), x, WeightConfig())
    sound = integer_quality(graph, q, x)
    assert (sound.agreement, sound.inputs) == (100, 1)
    wrong = x.copy()
    wrong[0, 3] = [0, 4, 0]
    real, found = x, wrong
    compared = quality(real, found, True)
    assert compared.agreement == 75
    assert compared.expected_drop == pytest.approx(100 * (np.exp(4) - 1) / (np.exp(4) + 2) / 4)


def test_softmax_that_is_not_last_does_not_make_classes():
    nodes = (
        make_node("p", Softmax(), ("x",), (2,)),
        make_node("y", RELU, ("p",), (2,)),
    )
    graph = net("two", "x", (2,), nodes, "y")
    assert final_softmax(graph, "y") is None
    assert judged(graph, graph.outputs[0]) == ("y", False)
    assert judged(graph, "p") == ("x", True)
    assert without_softmax(graph) == replace(graph, output_names=("y",))
    summed = net("sum", "x", (2,), (nodes[0], make_node("y", Add(), ("p", "x"), (2,))), "y")
    assert judged(summed, "y") == ("y", False)


def test_task_decides_where_it_is_given():
    assert judged(PROBABILITIES, "y", "values") == ("y", False)
    assert judged(PROBABILITIES, "y", "classes") == ("x", True)
    assert judged(VALUES, "y", "classes") == ("y", True)
    assert judged(VALUES, "y", "auto") == ("y", False)


@pytest.mark.parametrize("softmax", [True, False])
def test_task_decides_which_figures_there_are(softmax: bool):
    graph = classifier(softmax)
    q, x = quantized(graph, 4), pictures()
    as_classes, as_values = (integer_quality(graph, q, x, task) for task in ("classes", "values"))
    assert as_classes.agreement > 50
    assert as_classes.snr_db is None
    assert as_values.agreement is None
    assert as_values.snr_db > 5


def test_scores_without_a_softmax_are_judged_as_those_before_one():
    kinds = (classifier(softmax) for softmax in (True, False))
    found = [
        integer_quality(graph, quantized(graph, 3), pictures(70, seed=1), "classes")
        for graph in kinds
    ]
    assert found[0].divergence == found[1].divergence


# --- labels


def labelled(labels: int = 3, features: int = 8, gain: float = 1.0) -> Graph:
    rng = np.random.default_rng(4)
    net = rg.Network("labels", (features,))
    kernel = gain * rng.normal(0, 1, (labels, features)).astype(np.float32)
    net.add(Dense(kernel.astype(np.float32), np.zeros(labels, np.float32)), (labels,))
    net.add(Sigmoid(), (labels,))
    return net.graph()


def test_final_sigmoid_makes_labels_unless_a_picture_is_made_of_a_picture():
    assert kind_of(labelled(), labelled().outputs[0]) == "labels"
    alike = labelled(labels=8)
    assert kind_of(alike, alike.outputs[0]) == "values"
    assert kind_of(alike, alike.outputs[0], "labels") == "labels"
    assert kind_of(PROBABILITIES, "y") == "classes"
    assert kind_of(VALUES, "y") == "values"
    assert kind_of(PROBABILITIES, "y", "values") == "values"


def test_labels_by_hand():
    real, found = rows([2, -1], [-1, 3], [1, 0.5]), rows([1, -1], [1, 3], [1, -0.5])
    p = 1 / (1 + np.exp(-real.astype(float)))
    q = 1 / (1 + np.exp(-found.astype(float)))
    labels = label_qualities((real, found), (p, q), 0.5)
    expected = np.mean(p * np.log(p / q) + (1 - p) * np.log((1 - p) / (1 - q)), axis=0)
    assert [one.divergence for one in labels] == pytest.approx(expected.tolist())
    assert [one.agreement for one in labels] == pytest.approx([200 / 3] * 2)
    assert [one.expected_drop for one in labels] == pytest.approx(
        [100 * (1 - 2 * p[1, 0]) / 3, 100 * (2 * p[2, 1] - 1) / 3]
    )
    assert [one.largest_error for one in labels] == pytest.approx(abs(p - q).max(axis=0).tolist())
    ratio = 10 * np.log10(np.sum(p[:, 0] ** 2) / np.sum((p[:, 0] - q[:, 0]) ** 2))
    assert labels[0].snr_db == pytest.approx(ratio)


def test_each_label_has_its_figures_and_no_class():
    x = np.random.default_rng(0).normal(0, 1, (200, 8)).astype(np.float32)
    graph = labelled()
    q = quantize(graph, calibrate(graph, x), x, WeightConfig(2, method="fitted"))
    found = integer_quality(graph, q, x)
    assert (found.agreement, found.expected_drop) == (None, None)
    assert [one.label for one in found.labels] == [0, 1, 2]
    assert found.drop == max(one.expected_drop for one in found.labels) > 0
    assert found.largest_error == max(one.largest_error for one in found.labels) < 1
    assert found.snr_db == pytest.approx(-10 * np.log10(found.divergence))
    as_values = integer_quality(graph, q, x, "values")
    assert replace(found, labels=()) == as_values
    assert as_values.drop is None


def test_labels_may_be_scores_if_the_task_says_so():
    graph = classifier(softmax=False)
    found = integer_quality(graph, quantized(graph, 4), pictures(), "labels")
    assert len(found.labels) == 5
    assert min(one.agreement for one in found.labels) > 80


def test_values_have_their_largest_error_in_their_own_units():
    compared = quality(rows([3, 400], [0, 5]), rows([3, 388], [2, 5]), False)
    assert compared.largest_error == 12
    assert quality(rows([3, 4]), rows([3, 4]), True).largest_error is None


def test_standard_error_of_the_drop_is_that_of_the_mean_over_inputs():
    real = logits([0.9, 0.1], [0.2, 0.8], [0.6, 0.4], [0.3, 0.7])
    found = logits([0.6, 0.4], [0.6, 0.4], [0.4, 0.6], [0.1, 0.9])
    expected = 100 * np.std([0, 0.6, 0.2, 0], ddof=1) / 2
    assert quality(real, found, True).drop_error == pytest.approx(expected, rel=1e-5)
    assert quality(real[:1], found[:1], True).drop_error is None


def test_pooled_quality_is_that_of_all_inputs():
    rng = np.random.default_rng(1)
    real, found = rng.normal(0, 2, (2, 30, 4)).astype(np.float32)
    whole = quality(real, found, True)
    parts = pooled([quality(real[:10], found[:10], True), quality(real[10:], found[10:], True)])
    assert parts.divergence == pytest.approx(whole.divergence)
    assert parts.agreement == pytest.approx(whole.agreement)
    assert parts.expected_drop == pytest.approx(whole.expected_drop)
    assert parts.drop_error == pytest.approx(whole.drop_error, rel=0.2)
    assert parts.inputs == 30
    values = [quality(real[:10], found[:10], False), quality(real[10:], found[10:], False)]
    assert pooled(values).largest_error == pytest.approx(np.abs(real - found).max(), rel=1e-6)


def test_output_that_uses_most_of_its_limit_is_the_worst():
    values, classes = Quality(0.05, None, None, 1), Quality(0.08, 90.0, 1.0, 1)
    assert worst([values, classes]) is values


def test_without_a_final_softmax_the_output_is_what_it_reads():
    nodes = (
        make_node("z", RELU, ("x",), (2,)),
        make_node("p", Softmax(), ("z",), (2,)),
    )
    graph = net("two", "x", (2,), nodes, "p")
    x = rows([1, -3], [2, 5])
    assert float_ops.evaluate(without_softmax(graph), x).tolist() == [[1, 0], [2, 5]]
    assert without_softmax(PROBABILITIES).outputs[0] == "x"


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
    node = make_node("y", Dense(kernel, np.zeros(units, np.float32)), ("x",), (units,))
    return net("dense", "x", (inputs,), (node,), "y")


def test_small_networks_are_looked_at_on_the_most_inputs():
    assert affordable_inputs(dense_graph(3, 2)) == 128


def test_inputs_are_bounded_by_products():
    assert affordable_inputs(dense_graph(1 << 16, 1 << 10)) == (1 << 32) // (1 << 26)


def test_inputs_are_bounded_by_memory():
    node = make_node("y", RELU, ("x",), (1 << 22,))
    assert affordable_inputs(net("wide", "x", (1 << 22,), (node,), "y")) == 1 << (27 - 23)


def test_at_least_one_input_is_looked_at():
    assert affordable_inputs(dense_graph(1 << 20, 1 << 20)) == 1


def test_products_of_a_depthwise_layer_are_one_window_a_value():
    # 1024 * 1024 positions of 8 channels with 121 weights each
    kernel = np.zeros((11, 11, 8), np.float32)
    op = rg.DepthwiseConv2D(kernel, np.zeros(8, np.float32), rg.Window((11, 11)))
    node = make_node("y", op, ("x",), (1024, 1024, 8))
    graph = net("net", "x", (1034, 1034, 8), (node,), "y")
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
    if softmax:
        assert best.agreement > 95
        assert best.expected_drop < 5
    else:
        assert best.snr_db > 27
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
    graph = one(RELU, 4)
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


# --- the whole comparison


def test_rounding_ratio_is_that_of_a_tensor_alone():
    graph = classifier(softmax=False)
    q, x = quantized(graph, 2), pictures()
    found = compare(graph, q, x)
    assert min(found.rounding_snr.values()) > 30
    for node, made in float_ops.walk(graph, x):
        if node is not None:
            real, own = made[node.output], q.quantization_of(node.output)
            error = real - dequantize_array(quantize_array(real, own), own)
            expected = 10 * np.log10(
                np.sum(real.astype(float) ** 2) / np.sum(error.astype(float) ** 2)
            )
            assert found.rounding_snr[node.name] == pytest.approx(expected, abs=1e-3)


def test_variation_ratio_leaves_out_what_all_inputs_have_in_common():
    """A thermometer that reads 20.0 where it should read 19 to 21 is useless at 30 dB."""
    kernel, bias = np.float32([[1.0]]), np.float32([20.0])
    net = rg.Network("thermometer", (1,))
    net.add(Dense(kernel, bias), (1,))
    graph = net.graph()
    x = np.random.default_rng(0).uniform(-1, 1, (100, 1)).astype(np.float32)
    q = quantize(graph, calibrate(graph, x), x, WeightConfig(8))
    stuck = replace(q.nodes[0].op.weights, indices=np.zeros_like(q.nodes[0].op.weights.indices))
    node = replace(q.nodes[0], op=replace(q.nodes[0].op, weights=stuck))
    found = compare(graph, replace(q, nodes=(node,)), x)
    assert found.quality.snr_db > 28
    (output,) = found.outputs.values()
    assert output.variation_snr < 1
    assert output.constant
    assert found.variation_snr[node.name] == pytest.approx(output.variation_snr)
    assert found.constant == {node.name}
    sound = compare(graph, q, x)
    (output,) = sound.outputs.values()
    assert output.variation_snr > 10
    assert not output.constant
    assert sound.variation_snr[node.name] > 10
    assert not sound.constant


def test_one_input_does_not_vary():
    graph = classifier()
    found = compare(graph, quantized(graph, 8), pictures(1))
    (output,) = found.outputs.values()
    assert output.variation_snr is None
    assert not output.constant
    assert not found.constant


def test_outputs_that_the_float_network_gives_alike_are_not_called_constant():
    dead = Dense(np.zeros((2, 2), np.float32), np.ones(2, np.float32))
    graph = one(dead)
    x = np.random.default_rng(0).normal(size=(20, 2)).astype(np.float32)
    q = quantize(graph, calibrate(graph, x), x, WeightConfig(8))
    found = compare(graph, q, x)
    assert not found.constant
    assert not any(output.constant for output in found.outputs.values())
