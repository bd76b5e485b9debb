"""The stage: integers near the float network, equal layer means, and what must stay exact."""

from dataclasses import replace

import numpy as np
import pytest

import random_graphs as rg
from graphs import make_node, net, output_of, run_float
from microlut.errors import UnsupportedModel
from microlut.graph import evaluate as float_ops
from microlut.graph.batch import Batch
from microlut.graph.ir import Graph
from microlut.integer import QuantizedGraph
from microlut.integer import evaluate as int_ops
from microlut.ops.activation import ActivationKind
from microlut.ops.add import Add, QAdd
from microlut.ops.arrays import FloatArray
from microlut.ops.base import FloatOp
from microlut.ops.batch_norm import BatchNorm
from microlut.ops.concatenate import Concatenate
from microlut.ops.conv2d import Conv2D
from microlut.ops.dense import Dense, QDense
from microlut.ops.depthwise_conv2d import DepthwiseConv2D
from microlut.ops.identity import Identity
from microlut.ops.pad import Pad
from microlut.ops.pool2d import AveragePool2D, MaxPool2D
from microlut.ops.relu import Relu
from microlut.ops.reshape import Reshape
from microlut.ops.softmax import QSoftmax, Softmax
from microlut.ops.tensor import Quantization, Tensor, dequantize_array, quantize_array
from microlut.ops.unit_normalization import UnitNormalization
from microlut.ops.windows import Padding, Window
from microlut.plan.rounding import Rounding, largest_sum, output_rounding
from microlut.quantize.assign import covariance
from microlut.quantize.ranges.measure import Ranges, calibrate
from microlut.quantize.stage import quantize, quantize_without_data
from microlut.quantize.weights import WeightConfig

BITS = range(2, 9)
GRANULARITIES = ("channel", "tensor")


def network(seed: int = 0) -> tuple[Graph, FloatArray]:
    """Return a small residual network of all weighted operators, and inputs for it."""
    rng = np.random.default_rng(seed)

    def draw(*shape: int) -> FloatArray:
        return rng.normal(0, np.prod(shape[1:]) ** -0.5, shape).astype(np.float32)

    net, same = rg.Network("net", (10, 9, 3)), Padding(1, 1, 1, 1)
    relu, w3 = ActivationKind.RELU, Window((3, 3), (1, 1), same)
    net.add(Conv2D(draw(8, 3, 3, 3), draw(8), w3, relu), (10, 9, 8))
    start = net.last
    kernel = rng.normal(0, 0.3, (3, 3, 8)).astype(np.float32)
    net.add(DepthwiseConv2D(kernel, draw(8), w3, 1, ActivationKind.RELU6), (10, 9, 8))
    net.add(Conv2D(draw(8, 1, 1, 8), draw(8), Window((1, 1))), (10, 9, 8))
    net.add(Add(relu), (10, 9, 8), start, net.last)
    net.add(MaxPool2D(Window((2, 2), (2, 2))), (5, 4, 8))
    net.add(Conv2D(draw(6, 2, 2, 8), draw(6), Window((2, 2))), (4, 3, 6))
    net.add(Relu(relu), (4, 3, 6))
    net.add(AveragePool2D(Window((4, 3), (4, 3))), (1, 1, 6))
    net.add(Reshape((6,)), (6,))
    net.add(Dense(draw(5, 6) * 4, draw(5)), (5,))
    return net.graph(), rng.normal(0.2, 1, (40, 10, 9, 3)).astype(np.float32)


def quantized(graph: Graph, x: FloatArray, config: WeightConfig) -> QuantizedGraph:
    return quantize(graph, calibrate(graph, x), x, config)


def one(op: FloatOp, in_shape: tuple[int, ...], shape: tuple[int, ...]) -> Graph:
    inputs = ("x", "x") if isinstance(op, Add) else ("x",)
    return net("one", "x", in_shape, (make_node("y", op, inputs, shape),), "y")


def dense(units: int, inputs: int, seed: int = 0) -> Dense:
    rng = np.random.default_rng(seed)
    kernel = rng.normal(size=(units, inputs)).astype(np.float32)
    return Dense(kernel, rng.normal(size=units).astype(np.float32))


def vectors(inputs: int, count: int = 64) -> FloatArray:
    return np.random.default_rng(5).normal(0.4, 1, (count, inputs)).astype(np.float32)


def steps_off(graph: Graph, q: QuantizedGraph, x: FloatArray) -> np.ndarray:
    """Return how many output steps the integer network is away from the float network."""
    y = int_ops.evaluate(q, quantize_array(x, q.inputs[0].quantized))
    error = dequantize_array(y, output_of(q).quantized) - float_ops.evaluate(graph, x)
    return np.abs(error) / output_of(q).scale


@pytest.mark.parametrize("seed", range(4))
def test_eight_bit_network_is_near_the_float_network(seed: int):
    graph, x = network(seed)
    off = steps_off(graph, quantized(graph, x, WeightConfig(8)), x)
    # Six layers of rounding of up to half a step each, in steps of their own.
    assert np.sqrt(np.mean(off**2)) < 2.0
    assert off.max() < 8.0


@pytest.mark.parametrize("granularity", GRANULARITIES)
def test_error_falls_with_more_bits(granularity):
    networks = [network(seed) for seed in range(4)]  # one alone may be lucky at one width
    errors = [
        sum(
            np.mean(steps_off(graph, quantized(graph, x, WeightConfig(bits, granularity)), x) ** 2)
            for graph, x in networks
        )
        for bits in (2, 4, 6)
    ]
    assert errors[0] > 4 * errors[1]
    assert errors[1] > 1.5 * errors[2]  # that of int8 activations is most of it


@pytest.mark.parametrize(
    "kind", ["relu", "max_pool2d", "average_pool2d", "mean", "pad", "reshape", "add"]
)
def test_operator_without_weights_is_within_its_rounding(kind: str):
    for case in rg.operator_cases(kind, 20):
        x = np.concatenate([case.samples] * 2)
        ranges = calibrate(case.graph, x)
        q = quantize(case.graph, ranges, x, case.config)
        # half a step of each input and of the output; the second term of x + x counts again
        ratio = q.inputs[0].scale / output_of(q).scale
        limit = {"add": 1.6 + ratio, "mean": 0.6 + 0.5 * ratio}
        assert steps_off(case.graph, q, x).max() <= limit.get(kind, 1.1)


@pytest.mark.parametrize("bits", BITS)
@pytest.mark.parametrize("granularity", GRANULARITIES)
def test_layer_means_are_corrected(bits: int, granularity):
    graph, x = network()
    q = quantized(graph, x, WeightConfig(bits, granularity))
    xi = quantize_array(x, q.inputs[0].quantized)
    tensors, known = {graph.inputs[0].name: xi}, q.tensors()
    real = {graph.inputs[0].name: x}
    checked = 0
    for node, qnode in zip(graph.nodes, q.nodes, strict=True):
        inputs = [real[name] for name in node.inputs]
        real.update(float_ops.evaluate_node(node, inputs))
        if isinstance(node.op, Conv2D | DepthwiseConv2D | Dense):
            source = known[qnode.inputs[0]]
            total = qnode.op.accumulate(tensors[source.name], source.zero_point)
            unit = source.scale * qnode.op.weights.scales.astype(np.float64)
            reached = (total + qnode.op.output.bias) * unit
            linear = replace(node.op, activation=ActivationKind.LINEAR)
            wanted = run_float(linear, *inputs)
            axes = tuple(range(wanted.ndim - 1))
            shift = wanted.mean(axis=axes) - reached.mean(axis=axes)
            # the bias's own rounding, to integers and to 16 bits, and single floats
            rounding = 0.51 * unit + qnode.quantization.scale / 16 + 1e-5
            if node.op.activation is ActivationKind.LINEAR:
                assert np.all(np.abs(shift) <= rounding)
            apply = (
                node.op.activation.apply
            )  # behind a ReLU, no channel is worse than with its mean
            found, with_mean = (
                np.sqrt(np.square(apply(made) - apply(wanted)).mean(axis=axes))
                for made in (reached, reached + shift)
            )
            assert np.all(found <= with_mean + rounding)
            checked += 1
        tensors |= int_ops.evaluate_node(qnode, [tensors[n] for n in qnode.inputs], known)
    assert checked == 5


def test_operators_that_move_values_keep_the_quantization():
    net = rg.Network("net", (6, 6, 2))
    net.add(Pad(Padding(1, 0, 2, 0)), (7, 8, 2))
    net.add(MaxPool2D(Window((2, 2))), (6, 7, 2))
    net.add(AveragePool2D(Window((2, 2))), (5, 6, 2))
    net.add(Relu(ActivationKind.RELU6), (5, 6, 2))
    net.add(Reshape((60,)), (60,))
    x = np.random.default_rng(0).normal(size=(4, 6, 6, 2)).astype(np.float32)
    q = quantized(net.graph(), x, WeightConfig(4))
    assert {node.quantization for node in q.nodes} == {q.inputs[0].quantized}


def test_softmax_has_the_quantization_of_the_specification():
    q = quantized(one(Softmax(), (10,), (10,)), vectors(10), WeightConfig(4))
    assert output_of(q).quantized == Quantization(1 / 256, -128)


@pytest.mark.parametrize("stage", [quantize, quantize_without_data])
def test_type_that_an_operator_does_not_compute_is_refused_by_name(stage):
    class Narrow(UnitNormalization):
        wide = ""

    graph, x = one(Narrow(), (10,), (10,)), vectors(10)
    ranges = calibrate(graph, x).typed({"x": "int16", "y": "int16"})
    with pytest.raises(UnsupportedModel, match="layer 'y': Narrow has no form"):
        stage(graph, ranges, x, WeightConfig())


@pytest.mark.parametrize("stage", [quantize, quantize_without_data])
def test_operator_between_types_is_refused(stage):
    graph, x = one(Relu(ActivationKind.RELU), (10,), (10,)), vectors(10)
    with pytest.raises(UnsupportedModel, match="y: its tensors are both int8 and int16"):
        stage(graph, calibrate(graph, x).typed({"y": "int16"}), x, WeightConfig())


def test_int16_inputs_of_unlike_scales_are_rescaled():
    rng = np.random.default_rng(0)
    ends = Tensor("a", (4,)), Tensor("b", (4,))
    graph = Graph("g", ends, (make_node("both", Concatenate(0), ("a", "b"), (8,)),), ("both",))
    x = Batch({"a": rng.normal(size=(5, 4)), "b": 100 * rng.normal(size=(5, 4))})
    ranges = calibrate(graph, x).typed(dict.fromkeys(graph.tensors(), "int16"))
    made = quantize(graph, ranges, x, WeightConfig())
    assert [node.op.kind for node in made.nodes] == ["requantize", "concatenate"]


@pytest.mark.parametrize("op", [Identity(), BatchNorm(np.ones(3), np.ones(3))], ids=["id", "bn"])
def test_operator_that_a_pass_should_have_removed_is_refused(op: FloatOp):
    ranges = Ranges({"x": (-1.0, 1.0), "y": (-1.0, 1.0)})
    with pytest.raises(UnsupportedModel, match="run the passes first"):
        quantize(one(op, (3,), (3,)), ranges, vectors(3), WeightConfig(4))


def test_logits_that_never_differ_are_refused_before_a_softmax():
    ranges = Ranges({"x": (-1e-7, 1e-7), "y": (0.0, 1.0)})
    with pytest.raises(UnsupportedModel, match="y: its inputs differ by less than"):
        quantize(one(Softmax(), (3,), (3,)), ranges, vectors(3) * 1e-7, WeightConfig(4))


@pytest.mark.parametrize("scale", [1e-6, 0.01, 1.0, 1e12])
def test_softmax_factor_has_a_left_shift_that_fits(scale: float):
    x = vectors(10) * np.float32(scale)
    op = quantized(one(Softmax(), (10,), (10,)), x, WeightConfig(4)).nodes[0].op
    assert isinstance(op, QSoftmax)
    assert 0 <= op.left_shift <= 31
    assert -op.minimum_difference << op.left_shift < 2**31


@pytest.mark.parametrize("bits", BITS)
@pytest.mark.parametrize("granularity", GRANULARITIES)
@pytest.mark.parametrize(
    ("weight", "bias"),
    [(1.0, 1.0), (1e-7, 1e4), (1e-20, 1.0), (0.0, 3.0), (1e10, 1.0), (0.0, 0.0)],
)
def test_sums_fit_32_bits(bits: int, granularity, weight: float, bias: float):
    op = dense(4, 30)
    op = Dense(op.kernel * np.float32(weight), op.bias * np.float32(bias))
    q = quantized(one(op, (30,), (4,)), vectors(30), WeightConfig(bits, granularity))
    layer = q.nodes[0].op
    assert isinstance(layer, QDense)
    assert layer.output.bias.dtype == np.int32
    assert largest_sum(layer) << max(int(layer.output.shift.max()), 0) < 2**31


@pytest.mark.parametrize("bits", [2, 4, 8])
@pytest.mark.parametrize("low", [-1e-7, -1e-30, 0.0])
def test_output_that_cancels_out_keeps_sums_within_32_bits(bits: int, low: float):
    ranges = Ranges({"x": (-3.0, 3.0), "y": (low, -low / 2)})
    q = quantize(one(dense(4, 30), (30,), (4,)), ranges, vectors(30), WeightConfig(bits))
    layer = q.nodes[0].op
    assert isinstance(layer, QDense)
    assert largest_sum(layer) << max(int(layer.output.shift.max()), 0) < 2**31


def test_sum_that_cancels_out_has_factors_below_one():
    ranges = Ranges({"x": (-3.0, 3.0), "y": (-1e-9, 1e-9)})
    op = quantize(one(Add(), (3,), (3,)), ranges, vectors(3), WeightConfig(4)).nodes[0].op
    assert isinstance(op, QAdd)
    assert op.output_multiplier[1] <= 0


@pytest.mark.parametrize("bits", BITS)
@pytest.mark.parametrize("weight", [0.0, 1e-20])
def test_channel_without_weight_gives_its_bias(bits: int, weight: float):
    op = dense(4, 8)
    op.kernel[1] *= np.float32(weight)
    op.bias[1] = 3.3
    x = vectors(8)
    graph = one(op, (8,), (4,))
    assert steps_off(graph, quantized(graph, x, WeightConfig(bits)), x)[:, 1].max() <= 1.0


@pytest.mark.parametrize("bits", BITS)
@pytest.mark.parametrize("size", [0.0, 1e-30, 1e-12, 1e-7])
def test_channel_of_dust_costs_no_layer_its_quick_rounding(bits: int, size: float):
    rng = np.random.default_rng(bits)
    kernel, bias = rng.normal(size=(6, 4)).astype(np.float32), rng.normal(size=6)
    kernel[2] *= size
    layer = Dense(kernel, bias.astype(np.float32))
    graph = net("dust", "x", (4,), (make_node("y", layer, ("x",), (6,)),), "y")
    x = rng.normal(size=(50, 4)).astype(np.float32)
    for made in (
        quantize(graph, calibrate(graph, x), x, WeightConfig(bits)),
        quantize_without_data(graph, calibrate(graph, x), x, WeightConfig(bits)),
    ):
        (node,) = made.nodes
        assert output_rounding(node.op, node.quantization.zero_point) is not Rounding.ANY
        got = dequantize_array(
            int_ops.evaluate(made, quantize_array(x, made.inputs[0].quantized)), node.quantization
        )
        assert np.abs(got[:, 2] - bias[2]).max() < node.quantization.scale


@pytest.mark.parametrize("value", [0.0, 0.7, -1.0])
@pytest.mark.parametrize("bits", [2, 4, 8])
def test_inputs_that_hardly_vary_are_quantized(value: float, bits: int):
    rng = np.random.default_rng(0)
    x = np.full((30, 24, 24, 1), value, np.float32)
    x += (rng.random(x.shape) < 1e-4) * np.float32(0.01)
    kernel = rng.normal(size=(8, 3, 3, 1)).astype(np.float32)
    op = Conv2D(kernel, np.ones(8, np.float32), Window((3, 3)))
    ranges = Ranges({"x": (-1.0, 1.0), "y": (-20.0, 20.0)})
    graph = one(op, (24, 24, 1), (22, 22, 8))
    q = quantize(graph, ranges, x, WeightConfig(bits))
    assert steps_off(graph, q, x)[:, 0, 0].max() <= 2.0


def test_equal_inputs_give_equal_graphs():
    graph, x = network()
    one_run, other = (quantized(graph, x, WeightConfig(3)) for _ in range(2))
    for a, b in zip(one_run.weighted(), other.weighted(), strict=True):
        assert np.array_equal(a[1].weights.indices, b[1].weights.indices)
        assert np.array_equal(a[1].output.bias, b[1].output.bias)


def test_quantize_gives_very_wide_layers_nearest_levels(monkeypatch):
    def refuse(*_arguments):
        raise AssertionError("a covariance of that size was computed")

    monkeypatch.setattr(covariance, "input_moments", refuse)
    rng = np.random.default_rng(3)
    kernel = rng.normal(size=(4, 4097)).astype(np.float32)
    node = make_node("wide", Dense(kernel, np.zeros(4, np.float32)), ("x",), (4,))
    graph = net("wide", "x", (4097,), (node,), "wide")
    x = rng.normal(size=(4, 4097)).astype(np.float32)
    quantized = quantize(graph, calibrate(graph, x), x, WeightConfig(4, "channel"))
    weights = quantized.node("wide").op.weights
    real = weights.int8() * weights.scales[:, None]
    assert np.mean((real - kernel) ** 2) < 0.02 * np.mean(kernel**2)
