"""The choice of activation ranges: the ranges of each rule, and the rule that is taken."""

from dataclasses import replace

import numpy as np
import pytest

import random_graphs as rg
from graphs import make_node, net, output_of
from microlut.errors import InvalidInput
from microlut.graph import evaluate as float_ops
from microlut.graph.ir import Graph
from microlut.integer import evaluate as int_ops
from microlut.ops.activation import ActivationKind
from microlut.ops.add import Add
from microlut.ops.arrays import FloatArray
from microlut.ops.dense import Dense
from microlut.ops.pad import Pad
from microlut.ops.pool2d import AveragePool2D, MaxPool2D
from microlut.ops.relu import Relu
from microlut.ops.reshape import Reshape
from microlut.ops.softmax import Softmax
from microlut.ops.tensor import dequantize_array, quantize_array
from microlut.ops.windows import Padding, Window
from microlut.quantize.ranges.activations import activation_quantization
from microlut.quantize.ranges.choose import choose_ranges, least_error_range
from microlut.quantize.ranges.measure import Tails, calibrate, measure
from microlut.quantize.stage import quantize
from microlut.quantize.weights import WeightConfig

PERCENTILES = {
    "percentile 0.01 %": 1e-4,
    "percentile 0.001 %": 1e-5,
    "percentile 0.03 %": 3e-4,
    "percentile 0.1 %": 1e-3,
}
RULES = ["min-max", *PERCENTILES, "min-error"]


def values(kind: str) -> FloatArray:
    rng = np.random.default_rng(3)
    match kind:
        case "normal":
            drawn = rng.normal(1, 2, 100_000)
        case "laplace":
            drawn = rng.laplace(0, 1, 100_000)
        case "relu":
            drawn = np.maximum(rng.laplace(-1, 1, 100_000), 0)
        case "negative":
            drawn = -rng.exponential(1, 100_000) - 1
        case _:
            drawn = rng.uniform(-1, 3, 100_000)
    return drawn.astype(np.float32)


def tails(x: FloatArray, kept: int = 200) -> Tails:
    ordered = np.sort(x)
    return Tails(ordered[:kept], ordered[::-1][:kept], len(x), np.count_nonzero(x))


def squared_error(x: FloatArray, low: float, high: float) -> float:
    quantization = activation_quantization(low, high)
    rounded = dequantize_array(quantize_array(x, quantization), quantization)
    return float(np.sum((rounded - x) ** 2, dtype=np.float64))


@pytest.mark.parametrize("kind", ["normal", "laplace", "relu", "negative", "uniform"])
def test_no_other_range_has_less_squared_error(kind: str):
    x = values(kind)
    low, high = least_error_range(tails(x))
    ends = tails(x)
    lows = np.linspace(ends.low[0], ends.low[-1], 25)
    highs = np.linspace(ends.high[0], ends.high[-1], 25)
    least = min(squared_error(x, a, b) for a in lows for b in highs)
    assert squared_error(x, low, high) < 1.01 * least


def test_heavy_tails_are_clipped_and_light_ones_are_not():
    heavy, light = values("laplace"), values("uniform")
    assert least_error_range(tails(heavy))[1] < 0.9 * heavy.max()
    assert least_error_range(tails(light)) == pytest.approx((light.min(), light.max()), rel=0.01)


def test_no_end_lies_further_inside_than_what_was_kept():
    x = values("uniform")
    x[:3] = 69, 70, 71
    assert least_error_range(tails(x))[1] < 68
    assert least_error_range(tails(x, 2))[1] == 70
    assert least_error_range(tails(x, 1)) == (x.min(), 71)


@pytest.mark.parametrize("sign", [1, -1])
def test_steps_are_those_of_a_range_that_contains_zero(sign: int):
    far = sign * (100 + np.random.default_rng(0).exponential(5, 100_000)).astype(np.float32)
    outer = [np.abs(least_error_range(tails(x))).max() for x in (far, np.append(far, 0))]
    assert outer[0] == pytest.approx(outer[1], rel=1e-6)


def doubling(features: int) -> Graph:
    """Return a network that doubles vectors and adds them to their halves."""
    ones, zeros = np.ones(features, np.float32), np.zeros(features, np.float32)
    nodes = (
        make_node("half", Dense(np.diag(ones / 2), zeros), ("x",), (features,)),
        make_node("double", Dense(np.diag(ones * 2), zeros), ("x",), (features,)),
        make_node("sum", Add(), ("half", "double"), (features,)),
    )
    return net("net", "x", (features,), nodes, "sum")


def summing(features: int) -> Graph:
    """Return a network that rectifies sums of all features, and adds up what is left."""
    signs = np.where(np.arange(features) % 2, -1, 1).astype(np.float32)
    sums = np.stack([np.ones(features, np.float32), signs])
    relu, zeros = ActivationKind.RELU, np.zeros(2, np.float32)
    nodes = (
        make_node("sums", Dense(sums, zeros, relu), ("x",), (2,)),
        make_node("total", Dense(np.ones((1, 2), np.float32), zeros[:1]), ("sums",), (1,)),
    )
    return net("net", "x", (features,), nodes, "total")


def test_every_rule_is_tried_the_simplest_first():
    x = np.random.default_rng(0).normal(size=(300, 8)).astype(np.float32)
    assert list(choose_ranges(doubling(8), x).divergences) == RULES
    assert list(choose_ranges(doubling(8), x, "percentile").divergences) == list(PERCENTILES)


@pytest.mark.parametrize("rule", ["min-max", "min-error"])
def test_a_given_rule_is_taken(rule):
    x = np.random.default_rng(0).laplace(size=(300, 8)).astype(np.float32)
    graph = doubling(8)
    chosen = choose_ranges(graph, x, rule)
    assert (chosen.rule, list(chosen.divergences)) == (rule, [rule])
    low, high = chosen.ranges["sum"]
    if rule == "min-max":
        assert chosen.ranges.limits == calibrate(graph, x).limits
    else:
        assert (low, high) == least_error_range(measure(graph, x, 1e-3)["sum"])


def test_percentiles_leave_out_what_their_name_says():
    x = np.random.default_rng(0).laplace(size=(3000, 8)).astype(np.float32)
    graph = doubling(8)
    chosen = choose_ranges(graph, x, "percentile")
    assert chosen.ranges.limits == calibrate(graph, x, PERCENTILES[chosen.rule]).limits


def test_range_without_tails_is_from_minimum_to_maximum():
    x = np.random.default_rng(0).uniform(-1, 1, (2000, 8)).astype(np.float32)
    assert choose_ranges(doubling(8), x).rule == "min-max"


def test_the_simpler_rule_is_taken_where_noise_decides():
    x = np.random.default_rng(1).uniform(-1, 1, (2000, 8)).astype(np.float32)
    chosen = choose_ranges(doubling(8), x)
    least = min(chosen.divergences, key=chosen.divergences.__getitem__)
    assert (chosen.rule, least) == ("min-max", "percentile 0.01 %")


def test_an_outlier_does_not_decide_the_range():
    x = np.random.default_rng(0).uniform(-1, 1, (8000, 256)).astype(np.float32)
    x[1234] = 1  # is none of those that the rules are compared on
    chosen = choose_ranges(summing(256), x)
    assert chosen.rule in PERCENTILES
    assert chosen.ranges["sums"][1] < 60
    assert chosen.divergences[chosen.rule] < chosen.divergences["min-max"] / 2


def test_large_values_that_outputs_need_are_kept():
    x = np.random.default_rng(0).uniform(-1, 1, (16000, 256)).astype(np.float32)
    x[[0, -1]] = 1  # every percentile from 0.01 % leaves these out, and they are compared on
    chosen = choose_ranges(summing(256), x)
    assert chosen.ranges["sums"][1] > 200


def test_the_simplest_of_equal_rules_is_chosen():
    x = np.float32([[1, -1], [0.5, 2]])  # too few values to leave out any
    assert choose_ranges(doubling(2), x).rule == "min-max"
    assert choose_ranges(doubling(2), x, "percentile").rule == "percentile 0.01 %"


@pytest.mark.parametrize("place", [0, 7, 3999])  # the first and the last one are judges
@pytest.mark.parametrize("choice", ["auto", "percentile"])
def test_one_wild_value_does_not_decide_the_range_of_the_input(choice, place: int):
    x = np.random.default_rng(0).uniform(-1, 1, (4000, 8)).astype(np.float32)
    x[place, 3] = 32_000
    low, high = choose_ranges(doubling(8), x, choice).ranges["x"]
    assert -1.01 < low < -0.9
    assert 0.9 < high < 1.01


@pytest.mark.parametrize("count", [200, 4000])
def test_least_error_applies_to_the_input(count: int):
    x = np.random.default_rng(0).uniform(-1, 1, (count, 8)).astype(np.float32)
    x[7, 3] = 1.2
    low, high = choose_ranges(doubling(8), x, "min-error").ranges["x"]
    assert low < -0.9
    assert 0.9 < high < np.float32(1.2)


def test_min_max_is_the_minimum_and_maximum_of_the_input_too():
    x = np.random.default_rng(0).standard_t(2, (2000, 8)).astype(np.float32)
    assert choose_ranges(doubling(8), x, "min-max").ranges["x"] == (x.min(), x.max())


def test_auto_keeps_the_range_of_an_input_without_outliers():
    x = np.random.default_rng(0).normal(0, 1, (4000, 8)).astype(np.float32)
    assert choose_ranges(doubling(8), x).ranges["x"] == (x.min(), x.max())
    assert choose_ranges(doubling(8), x, "percentile").ranges["x"] != (x.min(), x.max())


@pytest.mark.parametrize("choice", ["auto", "min-max", "percentile", "min-error"])
def test_given_range_of_the_input_wins(choice):
    x = np.random.default_rng(0).uniform(-1, 1, (500, 8)).astype(np.float32)
    x[7, 3] = 32_000
    found = choose_ranges(doubling(8), x, choice, (-2.0, 3.0))
    assert found.ranges["x"] == (-2.0, 3.0)
    # What saturates at the input does not reach further in the layers after it.
    assert max(high for _, high in found.ranges.limits.values()) <= 7.5


def pooling() -> Graph:
    """Return a network of everything that takes over the quantization of its input."""
    net, relu = rg.Network("net", (6, 6, 3)), ActivationKind.RELU6
    start = net.last
    net.add(Pad(Padding(1, 1, 1, 1)), (8, 8, 3))
    net.add(MaxPool2D(Window((3, 3), (1, 1))), (6, 6, 3))
    net.add(Add(), (6, 6, 3), start, net.last)
    net.add(Relu(relu), (6, 6, 3))
    net.add(AveragePool2D(Window((3, 3), (3, 3))), (2, 2, 3))
    net.add(Reshape((12,)), (12,))
    return net.graph()


def test_divergence_is_that_of_the_integer_network():
    graph = pooling()
    x = np.random.default_rng(1).normal(1, 2, (100, 6, 6, 3)).astype(np.float32)
    chosen = choose_ranges(graph, x, "min-max")
    q = quantize(graph, chosen.ranges, x, WeightConfig(8))
    found = dequantize_array(
        int_ops.evaluate(q, quantize_array(x, q.inputs[0].quantized)),
        output_of(q).quantized,
    )
    real = float_ops.evaluate(graph, x)
    wanted = np.sum((found - real) ** 2) / np.sum(real**2)
    assert chosen.divergences["min-max"] == pytest.approx(wanted, rel=0.05)


def test_what_a_final_softmax_reads_decides():
    graph = doubling(8)
    softmax = make_node("probabilities", Softmax(), ("sum",), (8,))
    longer = replace(graph, nodes=(*graph.nodes, softmax), outputs=(softmax.name,))
    x = np.random.default_rng(0).laplace(size=(300, 8)).astype(np.float32)
    chosen = choose_ranges(longer, x)
    assert chosen.divergences == choose_ranges(graph, x).divergences
    assert set(chosen.ranges.limits) == {"x", "half", "double", "sum", "probabilities"}


def test_samples_are_left_as_they_are():
    x = np.random.default_rng(0).normal(size=(20, 8)).astype(np.float32)
    before = x.copy()
    choose_ranges(doubling(8), x)
    assert np.array_equal(x, before)


def test_outputs_of_zero_have_no_divergence():
    dense = Dense(np.zeros((2, 2), np.float32), np.zeros(2, np.float32))
    graph = net("net", "x", (2,), (make_node("zero", dense, ("x",), (2,)),), "zero")
    assert set(choose_ranges(graph, np.ones((4, 2), np.float32)).divergences.values()) == {0.0}


def test_no_samples_are_refused():
    with pytest.raises(InvalidInput, match="at least one sample"):
        choose_ranges(doubling(2), np.zeros((0, 2), np.float32))
