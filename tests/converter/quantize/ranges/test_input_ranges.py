"""The rules apply to inputs as to all tensors: several, of 16 bits, and with scales by feature."""

from __future__ import annotations

import numpy as np
import pytest

import random_graphs as rg
from microlut.graph.batch import Batch
from microlut.graph.ir import Graph, single
from microlut.graph.passes import run_passes
from microlut.ops.activation import ActivationKind
from microlut.ops.add import Add
from microlut.ops.arrays import FloatArray
from microlut.ops.batch_norm import BatchNorm
from microlut.ops.dense import Dense
from microlut.ops.tensor import Activation, Tensor, feature_ranges
from microlut.quantize.ranges.activations import quantized_tensors
from microlut.quantize.ranges.choose import RangeChoice, choose_ranges, possible_ranges
from microlut.quantize.ranges.inputs import ranged_inputs
from weather import sensors

# Least squared errors keep a value that is far enough away: it is all there is to lose.
RULES: list[RangeChoice] = ["auto", "percentile"]
WILD = 32_000.0


def dense(rng: np.random.Generator, columns: int, rows: int = 8) -> Dense:
    return Dense(
        rng.normal(0, 0.3, (rows, columns)).astype(np.float32),
        np.zeros(rows, np.float32),
        ActivationKind.RELU,
    )


def weather_station(x: FloatArray) -> Graph:
    """Return a network that begins with the normalization of its features."""
    net = rg.Network("weather", (4,))
    scale = (1 / x.std(axis=0)).astype(np.float32)
    net.add(BatchNorm(scale, -x.mean(axis=0) * scale), (4,))
    net.add(dense(np.random.default_rng(1), 4), (8,))
    return run_passes(net.graph())


def two_inputs() -> Graph:
    rng = np.random.default_rng(1)
    ends = Tensor("left", (16,)), Tensor("right", (16,))
    both = single("both", Add(), ("left", "right"), (16,))
    last = single("last", dense(rng, 16), ("both",), (8,))
    return Graph("net", ends, (both, last), ("last",))


def ranges_of(graph: Graph, x, rule: RangeChoice, dtype: Activation = "int8"):
    """Return the range of each feature of each input, by its name."""
    types = {tensor.name: dtype for tensor in graph.tensors().values()}
    tensors = quantized_tensors(graph, choose_ranges(graph, x, rule, types=types).ranges)
    given = {tensor.name: tensors[tensor.name] for tensor in graph.inputs}
    return {name: feature_ranges(t.quantized, t.dtype) for name, t in given.items()}


def widths(ends) -> FloatArray:
    return ends[1] - ends[0]


@pytest.mark.parametrize("rule", RULES)
@pytest.mark.parametrize("feature", [0, 3])
def test_wild_value_of_a_feature_costs_no_steps(rule: RangeChoice, feature: int):
    x = sensors(500)
    graph, wild = weather_station(x), x.copy()
    (one,) = ranged_inputs(graph)
    assert one.label is not None
    wild[17, feature] = 100 * x[:, feature].max()
    ((found, sound),) = (
        (ranges_of(graph, wild, rule)[one.name], ranges_of(graph, x, rule)[one.name]),
    )
    assert np.all(widths(found) < 1.6 * widths(sound))
    full = ranges_of(graph, wild, "min-max")[one.name]
    assert np.all(widths(full) > 20 * widths(sound))


@pytest.mark.parametrize("rule", RULES)
@pytest.mark.parametrize("dtype", ["int8", "int16"])
def test_wild_value_of_one_input_costs_neither_steps(rule: RangeChoice, dtype: Activation):
    rng = np.random.default_rng(0)
    x = {name: rng.normal(0, 1, (200, 16)).astype(np.float32) for name in ("left", "right")}
    sound = ranges_of(two_inputs(), Batch(x), rule, dtype)
    x["right"] = x["right"].copy()
    x["right"][17, 5] = WILD
    found = ranges_of(two_inputs(), Batch(x), rule, dtype)
    for name in x:
        assert np.all(widths(found[name]) < 2.1 * widths(sound[name]))


@pytest.mark.parametrize("rule", ["min-max", "min-error", *RULES])
@pytest.mark.parametrize("given", [None, (-2.0, 3.0)])
@pytest.mark.parametrize("dtype", ["int8", "int16"])
def test_the_range_in_use_is_one_of_the_possible_ones(rule: RangeChoice, given, dtype: Activation):
    """Test inputs are compared with the possible ranges, before one is chosen."""
    rng = np.random.default_rng(0)
    x = Batch({n: rng.normal(0, 1, (200, 16)).astype(np.float32) for n in ("left", "right")})
    x.arrays["right"][17, 5] = WILD
    graph = two_inputs()
    types = {tensor.name: dtype for tensor in graph.tensors().values()}
    possible = possible_ranges(graph, x, rule, given, types)
    ranges = choose_ranges(graph, x, rule, given, types).ranges
    tensors = quantized_tensors(graph, ranges)
    for name, ends in possible.items():
        assert given is None or len(ends) == 1
        used = feature_ranges(tensors[name].quantized, dtype)
        assert any(np.allclose(used, one) for one in ends)


def test_possible_ranges_of_features_are_in_their_units():
    x = sensors(500)
    graph = weather_station(x)
    ((lows, highs),) = possible_ranges(graph, x, "min-max")[graph.inputs[0].name]
    assert np.all(lows <= x.min(axis=0) + 0.01 * np.ptp(x, axis=0))
    assert np.all(highs >= x.max(axis=0) - 0.01 * np.ptp(x, axis=0))
    assert np.all(highs - lows < 2 * np.ptp(x, axis=0))
