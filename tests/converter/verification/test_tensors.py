"""Figures of every tensor beside the float network: what they are, and where noise begins."""

from dataclasses import replace

import numpy as np
import pytest

from graphs import as_batch
from microlut.errors import InvalidInput
from microlut.graph.ir import Graph
from microlut.integer import QuantizedGraph
from microlut.ops.conv2d import QConv2D
from microlut.quantize.quality import compare
from microlut.quantize.ranges.measure import Ranges, calibrate
from microlut.quantize.stage import quantize
from microlut.quantize.types import with_conversions
from microlut.quantize.weights import WeightConfig
from microlut.verification.tensors import (
    FAR,
    differing_bytes,
    float_network,
    tensor_figures,
    with_firmware,
)
from small_classifier import SHAPE, classifier


def samples(count: int = 40) -> np.ndarray:
    return np.random.default_rng(8).normal(size=(count, *SHAPE)).astype(np.float32)


def made(graph: Graph, bits: int = 8) -> QuantizedGraph:
    x = as_batch(graph, samples())
    return quantize(graph, calibrate(graph, x), x, WeightConfig(bits))


def test_ratios_are_those_of_the_report():
    graph = classifier()
    quantized, x = made(graph), as_batch(graph, samples())
    found = tensor_figures(graph, quantized, x)
    wanted = compare(graph, quantized, x).snr
    assert [each.name for each in found] == [node.name for node in graph.nodes]
    for each in found:
        assert each.snr_db == pytest.approx(wanted[each.name])


def test_figures_of_a_tensor_are_consistent():
    graph = classifier()
    for each in tensor_figures(graph, made(graph), as_batch(graph, samples())):
        assert len(each.steps) == 2 * FAR + 1
        assert sum(each.steps) == pytest.approx(1.0)
        assert each.largest_error > 0
        assert 0 <= each.saturated < 0.1
        ratios = [channel.snr_db for channel in each.worst]
        assert ratios == sorted(ratios)


def test_damaged_channel_is_where_the_noise_begins():
    graph = classifier()
    quantized = made(graph)
    node = quantized.nodes[2]
    assert isinstance(node.op, QConv2D)
    indices = node.op.weights.indices.copy()
    indices[5] = (-indices[5].view(np.int8)).view(np.uint8)
    op = replace(node.op, weights=replace(node.op.weights, indices=indices))
    nodes = tuple(replace(n, op=op) if n is node else n for n in quantized.nodes)
    found = tensor_figures(graph, replace(quantized, nodes=nodes), as_batch(graph, samples()))
    worst = max(found, key=lambda each: each.added_noise)
    assert worst.name == node.name
    assert worst.worst[0].channel == 5
    assert worst.worst[0].snr_db < 5 < worst.worst[1].snr_db


def test_saturated_values_are_counted():
    graph = classifier()
    x = as_batch(graph, samples())
    ranges = calibrate(graph, x)
    first = graph.nodes[0].output
    narrow = ranges.replaced({first: (0.0, 0.1 * ranges[first][1])})
    quantized = quantize(graph, Ranges(narrow.limits), x, WeightConfig(8))
    assert tensor_figures(graph, quantized, x)[0].saturated > 0.2


def test_int16_conversions_are_found_again():
    graph = classifier()
    first = graph.nodes[0].output
    typed, types = with_conversions(graph, {first: "int16"})
    x = as_batch(graph, samples())
    quantized = quantize(typed, calibrate(typed, x).typed(types), x, WeightConfig(8))
    again = float_network(graph, quantized, {})
    assert [node.output for node in again.nodes] == [node.output for node in typed.nodes]
    assert len(tensor_figures(again, quantized, x)) == len(typed.nodes)


def test_another_model_is_refused():
    quantized = made(classifier())
    with pytest.raises(InvalidInput, match="other layers than the one that was converted"):
        float_network(classifier(), quantized, {"equalized": [{"layer": "no", "exponents": [1]}]})


def test_bytes_of_both_types_are_compared():
    values = np.array([[1, -2], [3, 4]], np.int8)
    assert differing_bytes(values.ravel(), values) == 0
    assert differing_bytes(np.array([1, -2, 3, 5], np.int8), values) == 1
    wide = np.array([258, -1], np.int16)
    assert differing_bytes(np.array([2, 1, -1, -1], np.int8), wide) == 0
    assert differing_bytes(np.array([2, 1, 0, 0], np.int8), wide) == 2


def test_firmware_is_named_by_layer():
    graph = classifier()
    found = tensor_figures(graph, made(graph), as_batch(graph, samples()))
    name = found[1].name
    assert [each.firmware_differs for each in with_firmware(found, {name: 3})][:3] == [
        None,
        3,
        None,
    ]
