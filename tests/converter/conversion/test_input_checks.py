"""Findings about inputs: each wrong input has its message, sound ones have none."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest

import random_graphs as rg
from microlut.conversion.findings import Finding
from microlut.conversion.input_checks import calibration_findings, run_findings
from microlut.graph.batch import Batch
from microlut.graph.ir import Graph, single
from microlut.ops.activation import ActivationKind
from microlut.ops.add import Add
from microlut.ops.arrays import FloatArray
from microlut.ops.batch_norm import BatchNorm, ChannelStatistics
from microlut.ops.conv2d import Conv2D
from microlut.ops.relu import Relu
from microlut.ops.tensor import Activation, Features, Quantization, Tensor
from microlut.ops.windows import Window
from microlut.quantize.diagnosis import unlike_features
from microlut.quantize.ranges.activations import activation_quantization
from small_classifier import pictures
from weather import sensors


def spanning(x: FloatArray, dtype: Activation = "int8") -> Quantization:
    return activation_quantization(float(x.min()), float(x.max()), dtype=dtype)


def quantized(x: FloatArray, own: Quantization | None = None, dtype: Activation = "int8") -> Tensor:
    return Tensor("x", x.shape[1:], dtype, own or spanning(x, dtype))


def found_in(x: FloatArray, tensor: Tensor | None = None) -> list[Finding]:
    """Return the findings for a network without batch normalization."""
    net = rg.Network("net", x.shape[1:])
    net.add(Relu(ActivationKind.RELU), x.shape[1:])
    return list(calibration_findings(Batch({"x": x}), net.graph(), (tensor or quantized(x),)))


def test_sound_inputs_have_no_findings():
    assert found_in(pictures(100)) == []


@pytest.mark.parametrize(
    ("x", "text", "different"),
    [
        (pictures(1), "1 calibration inputs: ", 1),
        (np.repeat(pictures(1), 40, axis=0), "40 calibration inputs, of which 1 differ: ", 1),
        (
            np.tile(pictures(10), (30, 1, 1, 1)),
            "300 calibration inputs, of which 10 differ: ",
            10,
        ),
    ],
)
def test_few_inputs_and_copies_are_told(x: FloatArray, text: str, different: int):
    (found,) = found_in(x)
    assert found.code == "few-inputs"
    assert found.line.startswith(text)
    assert "give 50 or more different ones" in found.line
    assert found.figures == {"inputs": len(x), "different": different, "limit_different": 50}


def test_inputs_differ_if_any_of_several_does():
    x = pictures(60)
    modes = np.tile(np.float32([[0], [1]]), (30, 1))
    tensors = [quantized(x), Tensor("mode", (1,), "int8", spanning(modes))]
    graph = Graph("net", (Tensor("x", x.shape[1:]), Tensor("mode", (1,))), (), ())
    both = Batch({"x": x, "mode": modes})
    assert calibration_findings(both, graph, tensors) == ()
    (few,) = calibration_findings(Batch({"x": x[:1].repeat(60, 0), "mode": modes}), graph, tensors)
    assert few.text.startswith("60 calibration inputs, of which 2 differ")


@pytest.mark.parametrize("dtype", ["int8", "int16"])
def test_outliers_are_told_with_what_is_used(dtype: Activation):
    x = np.random.default_rng(0).uniform(0, 255, (100, 320)).astype(np.float32)
    x[17, 5] = 32_000
    own = activation_quantization(0, 255, dtype=dtype)
    (found,) = found_in(x, quantized(x, own, dtype))
    assert (found.code, found.place) == ("outliers", "x")
    assert "to 32000, but all except" in found.text
    low = 0 if dtype == "int8" else -255.008
    assert f"the range in use is {low:g} to 255" in found.text
    assert found.line.endswith("repair these inputs; or give --input-range LOW HIGH")
    assert found.figures["largest"] == 32_000


def test_outliers_of_one_feature_are_told_in_its_units():
    """Readings of 90,000 ohm hide a wild temperature of 3,000 unless features are told apart."""
    x = sensors(400)
    deviation, mean = x.std(axis=0), x.mean(axis=0)
    features = Features(tuple((deviation / 30).tolist()), tuple(mean.tolist()))
    own = Quantization(1 / 30, 0, features)
    assert found_in(x, quantized(x, own)) == []
    x[17, 0] = 3_000
    (found,) = found_in(x, quantized(x, own))
    assert found.code == "outliers"
    assert found.text.startswith("feature 0 of the calibration inputs spans ")
    assert "to 3000, but all except" in found.text
    assert found.figures["low"] > -20
    assert found.figures["high"] < 60
    assert found.figures["range_high"] == pytest.approx(20 + 127 * 5 / 30, abs=2)


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
    found = found_in(sensors())[-1]
    assert (found.code, found.figures["unlike"]) == ("unlike-features", 3)
    assert "3 of 4 (0, 1, 2) span less than 4 of the input's steps" in found.text
    assert "(x - mean) / deviation" in found.line


def test_features_of_unlike_scale_may_share_the_steps_of_int16():
    x = sensors()
    assert [f.code for f in found_in(x, quantized(x, dtype="int16"))] == []
    x[:, 0] /= 100
    (found,) = found_in(x, quantized(x, dtype="int16"))
    assert "1 of 4 (0) spans less than 4 of the input's steps" in found.text


def test_constant_features_and_few_faint_ones_are_no_trouble():
    x = np.random.default_rng(0).uniform(0, 1, (100, 40)).astype(np.float32)
    x[:, 3] = 0.5
    x[:, 7] /= 1000
    assert unlike_features(x, spanning(x)) == []
    x[:, 8:13] /= 1000
    assert unlike_features(x, spanning(x)) == [7, 8, 9, 10, 11, 12]


def normalized(y: FloatArray, recorded: float) -> BatchNorm:
    """Return a batch normalization of values [n, ..., channels], with a recorded deviation."""
    flat = y.reshape(-1, y.shape[-1])
    scale = (1 / flat.std(axis=0)).astype(np.float32)
    offset = (-flat.mean(axis=0) * scale).astype(np.float32)
    ones = np.ones(len(scale), np.float32)
    return BatchNorm(scale, offset, ChannelStatistics(0 * ones, recorded * ones))


def camera(count: int = 60) -> FloatArray:
    """Return pictures [count, 6, 6, 3] of 0..1."""
    rng = np.random.default_rng(2)
    means = rng.uniform(0.2, 0.8, (count, 1, 1, 3))
    return np.clip(means + rng.normal(0, 0.15, (count, 6, 6, 3)), 0, 1).astype(np.float32)


def trained(x: FloatArray, *recorded: float) -> Graph:
    """Return convolutions with batch normalizations that recorded these deviations for x."""
    rng = np.random.default_rng(3)
    net, shape = rg.Network("net", x.shape[1:]), x.shape[1:]
    for deviation in recorded or (1.0,):
        kernel = rng.normal(0, 0.5, (8, 1, 1, shape[2])).astype(np.float32)
        conv, shape = Conv2D(kernel, np.zeros(8, np.float32), Window((1, 1))), (*shape[:2], 8)
        norm = normalized(conv.evaluate([x])[0], deviation)
        for op in (conv, norm, Relu(ActivationKind.RELU)):
            net.add(op, shape)
            (x,) = op.evaluate([x])
    return net.graph()


def trained_findings(graph: Graph, x: FloatArray) -> Sequence[Finding]:
    own = tuple(Tensor(t.name, t.shape, "int8", spanning(x)) for t in graph.inputs)
    return calibration_findings(Batch({own[0].name: x}), graph, own)


@pytest.mark.parametrize("count", [7, 50, 60])
def test_inputs_like_those_of_training_contradict_nothing(count: int):
    x = camera()
    codes = [finding.code for finding in trained_findings(trained(x, 1, 1, 1), x[:count])]
    assert codes == ["few-inputs"] * (count < 50)


@pytest.mark.parametrize(
    ("spoil", "ratio", "part"),
    [
        (lambda x: 255 * x, 255, "times too large"),
        (lambda x: x / 255, 1 / 255, "times too small"),
        (lambda x: x / 127.5 - 1, 1 / 127.5, "times too small"),
        (lambda x: (x - 0.5) / 0.25, 4, "times too large"),
        (lambda x: x + 2, 1, "around means that are"),
    ],
)
def test_inputs_that_training_contradicts_are_told(spoil, ratio: float, part: str):
    graph = trained(camera())
    (found,) = trained_findings(graph, spoil(camera()).astype(np.float32))
    assert found.code == "unlike-training"
    assert found.text.startswith("calibration inputs contradict what the network was trained on")
    assert part in found.text
    assert found.figures["deviation_ratio"] == pytest.approx(ratio, rel=0.1)
    assert f"behind layer {graph.nodes[1].name!r}" in found.text
    assert found.line.endswith("train longer, for its statistics have not settled")


def test_batch_norm_that_was_never_trained_tells_nothing():
    x, ones = 255 * camera(), np.ones(3, np.float32)
    net = rg.Network("net", x.shape[1:])
    net.add(BatchNorm(0.9995 * ones, 0 * ones, ChannelStatistics(0 * ones, ones)), x.shape[1:])
    assert trained_findings(net.graph(), x) == ()


def test_wild_value_does_not_contradict_training():
    x = camera()
    graph, wild = trained(x), x.copy()
    wild[3, 2, 2, 1] = 32_000
    own = Tensor(graph.inputs[0].name, x.shape[1:], "int8", spanning(x))
    found = calibration_findings(Batch({own.name: wild}), graph, (own,))
    assert [finding.code for finding in found] == ["outliers"]


def test_other_batch_norms_tell_in_their_majority():
    x = camera()
    assert trained_findings(trained(x, 1, 1, 3), x) == ()
    graph = trained(x, 1, 3, 3)
    (found,) = trained_findings(graph, x)
    assert f"behind layer {graph.nodes[4].name!r} and 1 more values spread 0.33" in found.text
    assert found.figures["layers"] == 2


def test_second_input_is_blamed_alone():
    """The batch normalization behind both inputs is wrong, too, and says nothing of the first."""
    x = camera()
    ends = (Tensor("left", x.shape[1:]), Tensor("right", x.shape[1:]))
    sides = [normalized(x, 1.0), normalized(x, 1.0)]
    nodes = [
        single(f"{t.name}_bn", op, (t.name,), t.shape) for t, op in zip(ends, sides, strict=True)
    ]
    nodes.append(single("both", Add(), ("left_bn", "right_bn"), x.shape[1:]))
    nodes.append(
        single("both_bn", normalized(2 * sides[0].evaluate([x])[0], 1.0), ("both",), x.shape[1:])
    )
    graph = Graph("net", ends, tuple(nodes), ("both_bn",))
    given = Batch({"left": x, "right": 255 * x})
    own = [Tensor(n, v.shape[1:], "int8", spanning(v)) for n, v in given.arrays.items()]
    (found,) = calibration_findings(given, graph, own)
    assert found.place == "right"
    assert "behind layer 'right_bn'" in found.text


PIXELS = Tensor("x", (6, 6, 3), "int8", activation_quantization(0, 1))


@pytest.mark.parametrize("dtype", ["int8", "int16"])
def test_inputs_like_those_of_the_calibration_have_no_findings(dtype: Activation):
    own = quantized(camera(), dtype=dtype)
    assert run_findings(Batch({"x": camera()}), (own,)) == ()
    brighter = np.where(np.random.default_rng(0).uniform(size=(60, 6, 6, 3)) < 0.005, 1.3, camera())
    assert run_findings(Batch({"x": brighter}), (PIXELS,)) == ()
    assert run_findings(Batch({"x": 0.1 * camera(7)}), (PIXELS,)) == ()


@pytest.mark.parametrize(
    ("x", "part"),
    [
        (1.5 * camera(), "% of their values saturate (limit 1 %)"),
        (camera() - 0.5, "% of their values saturate (limit 1 %)"),
        (0.1 * camera(), "they span 10 % of it (limit 25 %)"),
    ],
)
def test_inputs_of_another_range_than_the_calibration_are_told(x: FloatArray, part: str):
    (found,) = run_findings(Batch({"x": x}), (PIXELS,))
    assert (found.code, found.place) == ("unlike-calibration", "x")
    assert "but the model was calibrated for 0 to 1: " in found.text
    assert part in found.text
    assert "scale them as the calibration inputs were" in found.line


def test_value_far_beyond_the_calibration_is_told():
    x = camera()
    x[3, 2, 2, 1] = 32_000
    (found,) = run_findings(Batch({"x": x}), (PIXELS,))
    assert "and one lies 3.2e+04 times its width beyond it" in found.text


def test_features_are_compared_with_their_own_ranges():
    x = sensors(400)
    features = Features(tuple((x.std(axis=0) / 30).tolist()), tuple(x.mean(axis=0).tolist()))
    own = Tensor("x", (4,), "int8", Quantization(1 / 30, 0, features))
    assert run_findings(Batch({"x": x}), (own,)) == ()
    fahrenheit = x * np.float32([1.8, 1, 1, 1]) + np.float32([32, 0, 0, 0])
    (found,) = run_findings(Batch({"x": fahrenheit}), (own,))
    assert "% of their values saturate" in found.text
