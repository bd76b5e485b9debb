"""Alarms: outputs, layers and tensors that do not carry the signal, with causes and remedies."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

import random_graphs as rg
from graphs import as_batch
from microlut.conversion.alarm import alarms
from microlut.conversion.findings import Finding, Remedy
from microlut.conversion.remedies import measured_remedies, with_wide_activations
from microlut.graph.ir import Graph
from microlut.integer import QuantizedGraph
from microlut.ops.activation import ActivationKind
from microlut.ops.add import Add
from microlut.ops.arrays import FloatArray
from microlut.ops.dense import Dense
from microlut.ops.sigmoid import Sigmoid
from microlut.ops.softmax import Softmax
from microlut.quantize.quality import compare
from microlut.quantize.ranges.measure import calibrate
from microlut.quantize.stage import quantize
from microlut.quantize.weights import WeightConfig
from small_classifier import classifier, narrow, pictures, prepared
from weather import sensors


def normal(*shape: int, seed: int = 0) -> FloatArray:
    return np.random.default_rng(seed).normal(0, 1, shape).astype(np.float32)


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


def found_in(graph: Graph, q: QuantizedGraph, x: FloatArray) -> tuple[Finding, ...]:
    return alarms(q, compare(graph, q, x), as_batch(graph, x))


def quantized(graph: Graph, x: FloatArray, bits: int) -> QuantizedGraph:
    return quantize(graph, calibrate(graph, x), x, WeightConfig(bits))


def stuck(q: QuantizedGraph, number: int) -> QuantizedGraph:
    """Return the network with a layer whose weights are all the first level, and its scales 0."""
    nodes = list(q.nodes)
    weights = nodes[number].op.weights
    zeros = replace(weights, indices=np.zeros_like(weights.indices))
    nodes[number] = replace(nodes[number], op=replace(nodes[number].op, weights=zeros))
    return replace(q, nodes=tuple(nodes))


def test_sound_networks_have_no_alarm():
    x, graph = pictures(100), classifier()
    for bits in (8, 4):
        assert found_in(graph, quantized(graph, x, bits), x) == ()


@pytest.mark.parametrize("bits", [8, 4])
def test_unlike_features_are_the_cause_of_bad_outputs(bits: int):
    x = sensors()
    graph = regression(x.mean(axis=0), x.std(axis=0))
    finding = found_in(graph, quantized(graph, x, bits), x)[-1]
    assert finding.code == "constant-output"
    assert finding.place == graph.nodes[0].name
    assert "input features differ too much in scale: 3 of 4" in finding.text
    assert "(x - mean) / deviation" in finding.remedies[0].text


def test_constant_output_is_called_so():
    x, graph = normal(100, 4), regression(np.zeros(4), np.ones(4))
    q = stuck(quantized(graph, x, 8), 1)
    (finding,) = found_in(graph, q, x)
    assert (finding.code, finding.place) == ("constant-output", q.nodes[-1].name)
    assert finding.text.startswith("the output is the same for all inputs, unlike the float")


def test_each_output_that_is_bad_is_named():
    net = rg.Network("two", (4,))
    for scale in (1.0, 0.7):
        net.add(Dense(scale * normal(3, 4, seed=3), np.zeros(3, np.float32)), (3,), net.input_name)
    made = net.graph()
    first, last = (node.name for node in made.nodes)
    graph = replace(made, outputs=(first, last), output_names=("boxes", "scores"))
    x = normal(100, 4)
    q = quantized(graph, x, 8)
    assert found_in(graph, q, x) == ()
    (finding,) = found_in(graph, stuck(q, 1), x)
    assert finding.text.startswith("output 'scores': the output is the same for all inputs")
    assert finding.place == last


def branches() -> Graph:
    """Return the sum of two layers, of which the second hardly counts."""
    net = rg.Network("branches", (4,))
    net.add(Dense(10 * normal(4, 4, seed=1), np.zeros(4, np.float32)), (4,))
    strong = net.last
    net.add(Dense(0.1 * normal(4, 4, seed=2), np.zeros(4, np.float32)), (4,), net.input_name)
    net.add(Add(), (4,), strong, net.last)
    return net.graph()


def test_constant_layer_inside_is_named_even_if_the_outputs_hardly_use_it():
    graph, x = branches(), normal(100, 4)
    q = quantized(graph, x, 8)
    assert found_in(graph, q, x) == ()
    (finding,) = found_in(graph, stuck(q, 1), x)
    assert (finding.code, finding.place) == ("constant-layer", graph.nodes[1].name)
    assert "gives the same values for all inputs" in finding.text


def test_layer_of_more_noise_than_signal_is_named():
    graph, x = branches(), normal(100, 4)
    q = quantized(graph, x, 8)
    nodes = list(q.nodes)
    weights = nodes[1].op.weights
    turned = replace(weights, indices=-weights.indices)
    nodes[1] = replace(nodes[1], op=replace(nodes[1].op, weights=turned))
    (finding,) = found_in(graph, replace(q, nodes=tuple(nodes)), x)
    assert (finding.code, finding.place) == ("noisy-layer", graph.nodes[1].name)
    assert finding.figures["snr_db"] < finding.figures["limit_snr_db"] == 0
    texts = [remedy.text for remedy in finding.remedies]  # its weights have 8 bits already
    assert texts[0] == "--ranges auto, or --ranges percentile if some values are extreme"
    assert texts[1] == f'or give its values 16 bits: "{finding.place}" = 16 under [tensors]'


def test_noisy_layer_of_few_bits_gets_more_of_them():
    graph, x = branches(), normal(100, 4)
    q = quantized(graph, x, 4)
    nodes = list(q.nodes)
    weights = nodes[1].op.weights
    turned = replace(weights, codebook=-weights.codebook)
    nodes[1] = replace(nodes[1], op=replace(nodes[1].op, weights=turned))
    (finding, *_) = found_in(graph, replace(q, nodes=tuple(nodes)), x)
    assert finding.code == "noisy-layer"
    assert (
        finding.remedies[0].text == f'give it more bits: bits = 8 under [layers."{finding.place}"]'
    )


def wide_classifier() -> Graph:
    rng = np.random.default_rng(2)
    net = rg.Network("net", (64,))
    net.add(Dense(rng.normal(0, 1, (10, 64)).astype(np.float32), np.zeros(10, np.float32)), (10,))
    net.add(Softmax(), (10,))
    return net.graph()


def test_few_bits_are_the_cause_where_weights_lose_most():
    graph, x = wide_classifier(), normal(100, 64)
    ranges = calibrate(graph, x)
    q = quantize(graph, ranges, x, WeightConfig(2, method="fitted"))
    (finding,) = found_in(graph, q, x)
    assert finding.code == "diverging-output"
    assert "diverge from the float model's by" in finding.text
    assert "its weights have 2 bits" in finding.text
    assert finding.figures["divergence"] > finding.figures["limit_divergence"] == 0.2
    assert found_in(graph, quantize(graph, ranges, x, WeightConfig(8)), x) == ()


def labelled(bias: float) -> Graph:
    net = rg.Network("labels", (64,))
    net.add(Dense(normal(3, 64, seed=5), np.full(3, bias, np.float32)), (3,))
    net.add(Sigmoid(), (3,))
    return net.graph()


def test_label_that_diverges_is_named():
    graph, x = labelled(0.0), normal(100, 64)
    q = quantize(graph, calibrate(graph, x), x, WeightConfig(2, method="fitted"))
    (finding,) = found_in(graph, q, x)
    assert finding.code == "diverging-output"
    assert finding.text.startswith("label ")
    assert found_in(graph, quantized(graph, x, 8), x) == ()


def test_labels_that_are_always_no_have_no_alarm():
    """Probabilities of 1e-9 are 0 in int8: their ratio is 0 dB, and no answer is wrong."""
    graph, x = labelled(-60.0), normal(100, 64)
    q = quantized(graph, x, 8)
    assert compare(graph, q, x).quality.snr_db < 1
    assert found_in(graph, q, x) == ()


def test_coarse_activations_are_the_cause_where_rounding_loses_most():
    x, graph = normal(100, 4), regression(np.zeros(4), np.ones(4))
    wild = x.copy()
    wild[0] = 3000
    finding = found_in(graph, quantized(graph, wild, 8), x)[-1]
    assert "use few of the 256 steps" in finding.text
    assert "--ranges percentile" in finding.line


def test_errors_that_add_up_at_8_bits_are_warned_of():
    """The difference of two features that are nearly the same loses what they have in common."""
    x = normal(200, 4)
    both = np.float32([[1, -1, 0.5, 1], [1, -1, 0.5, 1.15]])
    net = rg.Network("difference", (4,))
    net.add(Dense(both, np.zeros(2, np.float32)), (2,))
    net.add(Dense(np.float32([[1, -1]]), np.zeros(1, np.float32)), (1,))
    graph = net.graph()
    (finding,) = found_in(graph, quantized(graph, x, 8), x)
    assert finding.text.startswith("the outputs have an SNR of 1")
    assert "(limit 20 at 8 bits); it begins at layer" in finding.text
    assert finding.place == graph.nodes[-1].name
    assert "errors of int8 activations in the layers before it add up" in finding.text
    assert "more bits" not in finding.line


def test_outputs_that_hardly_differ_are_called_so():
    x = np.random.default_rng(0).uniform(-1, 1, (100, 1)).astype(np.float32)
    net = rg.Network("thermometer", (1,))
    net.add(Dense(np.float32([[0.1]]), np.float32([20.0])), (1,))
    graph = net.graph()
    (finding,) = found_in(graph, quantized(graph, x, 8), x)
    assert finding.code == "hardly-varying-output"
    assert finding.text.startswith("the float model's outputs hardly differ from input to input")
    assert "layer" not in finding.line


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
    (finding,) = found_in(graph, quantize(graph, calibrate(graph, x), x, configs), x)
    assert finding.place == last
    assert "its weights have 2 bits" in finding.text


# --- remedies


def test_remedies_are_measured_and_in_the_order_of_their_gain():
    """At 2 bits the weights lose nearly all: 16 bits of activations alone gain next to nothing."""
    ready = prepared(wide_classifier(), normal(100, 64))
    configs = {name: WeightConfig(2, method="fitted") for name in ready.layers}
    q = quantize(ready.graph, ready.ranges, ready.samples, configs)
    now = compare(ready.graph, q, ready.judges).quality
    remedies = measured_remedies(ready, configs, now)
    assert [remedy.text for remedy in remedies] == ["--bits 8 --activations 16", "--bits 8"]
    found = [remedy.figures["divergence"] for remedy in remedies]
    assert found == sorted(found)
    assert found[-1] < now.divergence / 10
    eight = ready.quantize(dict.fromkeys(configs, WeightConfig(8, method="fitted")))
    few = ready.judges[np.linspace(0, 99, 32).round().astype(int)]
    assert found[-1] == pytest.approx(compare(ready.graph, eight, few).quality.divergence)


def test_more_bits_for_small_layers_are_a_remedy_of_the_same_size():
    """All that the wide layers read passes through 16 weights, whose errors count most."""
    ready = prepared(narrow(), normal(200, 4))
    configs = dict.fromkeys(ready.layers, WeightConfig(3))
    now = compare(ready.graph, ready.quantize(configs), ready.judges).quality
    by_text = {each.text: each.figures for each in measured_remedies(ready, configs, now)}
    assert by_text["--average-bits 3"]["divergence"] < 0.8 * now.divergence
    fewest = dict.fromkeys(ready.layers, WeightConfig(2))
    texts = [remedy.text for remedy in measured_remedies(ready, fewest, now)]
    assert "--average-bits 2" not in texts  # nothing is left to choose


def test_activations_are_the_first_remedy_where_they_lose_most():
    x = normal(200, 4)
    wild = x.copy()
    wild[0] = 3000
    graph = regression(np.zeros(4), np.ones(4))
    ready = replace(prepared(graph, x), ranges=calibrate(graph, wild))
    configs = dict.fromkeys(ready.layers, WeightConfig(4))
    now = compare(graph, ready.quantize(configs), ready.judges).quality
    found = measured_remedies(ready, configs, now)
    assert [remedy.text for remedy in found][1:] == ["--activations 16"]
    assert found[1].figures["snr_db"] > now.snr_db + 6


def test_activations_of_16_bits_are_no_remedy_where_they_are_there():
    ready = prepared()
    wide = with_wide_activations(ready)
    assert set(wide.ranges.types.values()) == {"int16"}
    assert with_wide_activations(wide) is None


def test_remedies_are_not_measured_without_need():
    x, graph = pictures(60), classifier()
    q = quantized(graph, x, 8)

    def measured() -> tuple[Remedy, ...]:
        raise AssertionError("nothing is wrong")

    assert alarms(q, compare(graph, q, x), None, measured) == ()


def test_line_has_the_remedies_with_what_they_give():
    one = Finding("c", "", "it is bad", {}, (Remedy("mend it"),))
    assert one.line == "it is bad; mend it"
    two = replace(one, remedies=(Remedy("--bits 8", {"snr_db": 31.234}), Remedy("look at it")))
    assert two.line == (
        "it is bad; remedies, the greatest expected gain first: "
        "(1) --bits 8 (SNR 31.2 dB), (2) look at it"
    )
