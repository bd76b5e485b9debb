"""The published method: the fitted density's levels, nearest assignment, and nothing else."""

from __future__ import annotations

import numpy as np
import pytest

from graphs import as_batch
from microlut.distill.decision import may_lose
from microlut.graph.ir import Graph
from microlut.integer import QuantizedGraph
from microlut.ops.linear import Linear, QLinear
from microlut.ops.weights import Granularity
from microlut.quantize.levels.codebook import channel_spreads, fit_codebook
from microlut.quantize.ranges.measure import calibrate
from microlut.quantize.stage import quantize, quantize_without_data
from microlut.quantize.weight_error import real_kernel
from microlut.quantize.weights import WeightConfig
from small_classifier import classifier, pictures, prepared

# Levels are stored as int8, scales as two bytes.
ROUNDING = 1 / 100  # of the largest level


def density_levels(op: Linear, bits: int, granularity: Granularity) -> np.ndarray:
    """Return the levels [channels, levels] in real numbers, as the authors describe them."""
    rows = np.moveaxis(op.kernel, op.channel_axis, 0)
    flat = rows.reshape(len(rows), -1).astype(np.float64)
    spread = channel_spreads(flat, granularity)[:, None]
    return fit_codebook(flat / spread, bits).levels * spread


def layers(graph: Graph, q: QuantizedGraph) -> list[tuple[Linear, QLinear]]:
    made = {node.name: node.op for node in q.nodes}
    return [(op, made[node.name]) for node, op in graph.weighted()]


@pytest.mark.parametrize("granularity", ["tensor", "channel"])
@pytest.mark.parametrize("bits", [2, 3, 4])
def test_weights_are_nearest_levels_of_the_density(bits: int, granularity: Granularity):
    graph, x = classifier(), pictures()
    q = quantize(graph, calibrate(graph, x), x, WeightConfig(bits, granularity, "published"))
    for op, made in layers(graph, q):
        assert made.weights.overlap == 0
        assert len(made.weights.codebook) == 1 << bits
        stored = made.weights.scales[:, None].astype(np.float64) * made.weights.codebook
        wanted = density_levels(op, bits, granularity)
        largest = np.abs(wanted).max(axis=1, keepdims=True)
        np.testing.assert_allclose(stored / largest, wanted / largest, atol=ROUNDING)
        weights, found = (
            np.moveaxis(values, op.channel_axis, 0).reshape(len(stored), -1)
            for values in (op.kernel, real_kernel(made.weights, op.channel_axis))
        )
        nearest = np.abs(weights[..., None] - stored[:, None]).min(axis=-1)
        np.testing.assert_allclose(np.abs(weights - found), nearest, atol=1e-6)


def test_biases_stay_as_they_are():
    graph, x = classifier(), pictures()
    config = WeightConfig(2, method="published")
    ranges, inputs = calibrate(graph, x), as_batch(graph, x)
    with_data, without = (
        stage(graph, ranges, inputs, config) for stage in (quantize, quantize_without_data)
    )
    tensors = with_data.tensors()
    for node, other in zip(with_data.nodes, without.nodes, strict=True):
        if not isinstance(node.op, QLinear):
            continue
        np.testing.assert_array_equal(node.op.weights.indices, other.op.weights.indices)
        np.testing.assert_array_equal(node.op.output.bias, other.op.output.bias)
        unit = tensors[node.inputs[0]].scale * node.op.weights.scales.astype(np.float64)
        wanted = next(op.bias for n, op in graph.weighted() if n.name == node.name)
        step = node.outputs[0].scale
        np.testing.assert_allclose(node.op.output.bias * unit, wanted, atol=step / 2)
    corrected = quantize(graph, ranges, inputs, WeightConfig(2, method="fitted"))
    pairs = zip(layers(graph, with_data), layers(graph, corrected), strict=True)
    assert any(np.any(made.output.bias != other.output.bias) for (_, made), (_, other) in pairs)


def test_it_needs_no_data_and_is_not_trained():
    config = WeightConfig(2, method="published")
    assert not config.needs_data
    ready = prepared(config=config)
    assert not may_lose(ready.configs)
    q = ready.quantize(ready.configs)
    assert [made.weights.overlap for _, made in layers(ready.graph, q)] == [0] * 4
