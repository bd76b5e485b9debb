"""Inputs in other units: first layers that scale and shift, in all forms."""

import json
import subprocess
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from harness import Case, in_a_row, layer, operator_tests

from microlut.codegen.render import render
from microlut.errors import InvalidInput
from microlut.graph.batch import Batch
from microlut.graph.ir import Graph, single
from microlut.graph.passes import run_passes
from microlut.importers.scaling import check_scaled_alike
from microlut.integer.check import check_graph
from microlut.ops.batch_norm import BatchNorm
from microlut.ops.conv2d import Conv2D
from microlut.ops.dense import Dense
from microlut.ops.relabel import Relabel, units_between
from microlut.ops.tensor import (
    Quantization,
    Tensor,
    dequantize_array,
    feature_ranges,
    quantize_array,
)
from microlut.ops.windows import Padding, Window
from microlut.plan import make_plan
from microlut.quantize.ranges.activations import quantized_tensors
from microlut.quantize.ranges.measure import calibrate
from microlut.quantize.stage import quantize
from microlut.quantize.weights import WeightConfig

ENGINE = Path(__file__).resolve().parents[2] / "firmware" / "include"
SAME = layer("Conv2D", filters=2, kernel_size=3, padding="same")


def relabel(scale, offset, channels):
    """Return the operator for numbers, or lists of one per channel."""
    arrays = (np.broadcast_to(np.float32(values), (channels,)) for values in (scale, offset))
    return Relabel(*arrays)


def case(name, shape, scale, offset, *layers, spread=100.0):
    return Case(name, relabel(scale, offset, shape[-1]), (shape,), in_a_row(*layers), (spread,))


CASES = (
    case(
        "pixels", (6, 5, 3), 1 / 127.5, -1.0, layer("Rescaling", scale=1 / 127.5, offset=-1), SAME
    ),
    case(
        *("by_channel", (6, 5, 3), [0.01, 0.02, 0.03], [-2, -1, 0]),
        *(layer("Rescaling", scale=[0.01, 0.02, 0.03], offset=[-2, -1, 0]), SAME),
    ),
    case(
        *("features", (4,), [1.0, 10.0, 0.1, 5.0], [1, 2, 3, 40]),
        layer("Rescaling", scale=[1.0, 10.0, 0.1, 5.0], offset=[1, 2, 3, 40]),
        layer("Dense", units=3),
    ),
    case("negative", (4, 4, 1), -0.5, 1.0, layer("Rescaling", scale=-0.5, offset=1.0), SAME),
    case(
        *("normalized", (5, 4, 2), [0.5, 0.25], [-1, -2]),
        layer("Normalization", mean=[2.0, 8.0], variance=[4.0, 16.0]),
        SAME,
    ),
    case(
        *("whole", (5, 4, 2), 0.5, -1.0),
        *(layer("Normalization", axis=None, mean=2.0, variance=4.0), SAME),
    ),
    case(
        *("pooled", (4, 4, 3), 0.5, -1.0, layer("Rescaling", scale=0.5, offset=-1)),
        layer("MaxPooling2D"),
    ),
)
(
    test_float_equals_keras,
    test_training_equals_float,
    test_integer_equals_tflite_micro,
    test_c_equals_integer_on_this_computer,
    test_c_equals_integer_on_cortex_m4,
) = operator_tests(CASES)


def padded_network(scale, offset, shape=(8, 8, 3), seed=0):
    """Return an input that is scaled, and a convolution with zero padding after it."""
    rng = np.random.default_rng(seed)
    channels = shape[-1]
    norm = BatchNorm(
        *(np.broadcast_to(np.float32(values), (channels,)) for values in (scale, offset))
    )
    kernel = rng.normal(size=(4, 3, 3, channels)).astype(np.float32)
    conv = Conv2D(kernel, np.zeros(4, np.float32), Window((3, 3), padding=Padding(1, 1, 1, 1)))
    nodes = (single("norm", norm, ("x",), shape), single("conv", conv, ("norm",), (8, 8, 4)))
    return run_passes(Graph("net", (Tensor("x", shape),), nodes, ("conv",)))


def quantized(graph, x):
    made = quantize(graph, calibrate(graph, x), x, WeightConfig(bits=8))
    check_graph(made)
    return made


def test_nothing_runs_for_an_offset_before_zero_padding():
    graph = padded_network(1 / 127.5, -1.0)
    x = np.random.default_rng(0).uniform(0, 255, (20, 8, 8, 3)).astype(np.float32)
    made = quantized(graph, x)
    assert [node.op.kind for node in made.nodes] == ["reshape", "conv2d"]
    assert [step.is_called for step in make_plan(made).steps] == [False, True]


@pytest.mark.parametrize(("low", "high"), [(0, 255), (0, 1), (-3, 9), (200, 255)])
@pytest.mark.parametrize("offset", [-1.0, -0.3, 0.7, 2.0])
def test_bytes_mean_the_same_before_and_after(low, high, offset):
    scale = 2 / max(abs(low), high)
    graph = padded_network(scale, offset)
    x = np.random.default_rng(1).uniform(low, high, (20, 8, 8, 3)).astype(np.float32)
    tensors = quantized_tensors(graph, calibrate(graph, x))
    source, target = tensors["x"].quantized, tensors["x_scaled"].quantized
    q = np.arange(-128, 128, dtype=np.int8)[:, None]
    real = dequantize_array(q, source)
    np.testing.assert_allclose(
        real * np.float32(scale) + np.float32(offset), dequantize_array(q, target), atol=1e-5 * 255
    )
    assert quantize_array(real, source).tolist() == q.tolist()


def test_pixels_keep_one_zero_point():
    graph = padded_network(1 / 127.5, -1.0)
    x = np.linspace(0, 255, 20 * 192).reshape(20, 8, 8, 3).astype(np.float32)
    source = quantized_tensors(graph, calibrate(graph, x))["x"].quantized
    assert source == Quantization(pytest.approx(255 / 254), -128)


def test_features_far_from_zero_keep_their_resolution():
    """Pressures of 1013 and shares of 0.01 get 255 steps each."""
    kernel = np.ones((1, 2), np.float32)
    norm = BatchNorm(np.float32([0.1, 100.0]), np.float32([-101.3, -1.0]))
    nodes = (
        single("norm", norm, ("x",), (2,)),
        single("dense", Dense(kernel, np.zeros(1, np.float32)), ("norm",), (1,)),
    )
    graph = run_passes(Graph("net", (Tensor("x", (2,)),), nodes, ("dense",)))
    rng = np.random.default_rng(0)
    x = rng.normal([1013, 0.01], [10, 0.01], (50, 2)).astype(np.float32)
    source = quantized_tensors(graph, calibrate(graph, x))["x"].quantized
    assert source.features is not None
    again = dequantize_array(quantize_array(x, source), source)
    assert np.all(np.abs(again - x).max(axis=0) < [0.2, 0.0002])
    check_scaled_alike(x, *feature_ranges(source))
    with pytest.raises(InvalidInput, match="inputs span"):
        check_scaled_alike(x[:, ::-1], *feature_ranges(source))


def helper_bytes(plan, x, folder):
    """Return what the helpers of model.h make of values [n, ...], compiled here."""
    for name, text in render(plan).items():
        (folder / name).write_text(text)
    values = ", ".join(f"{float(value)!r}f" for value in x.ravel().tolist())
    (folder / "main.c").write_text(
        f"""#include <stdio.h>
#include "model.h"
static const float x[] = {{ {values} }};
int main(void) {{
    for (size_t i = 0; i < sizeof x / sizeof *x; i++) {{
        printf("%s%d", i ? "," : "[", net_quantize(x[i], i));
    }}
    puts("]");
}}
"""
    )
    flags = ["-std=c11", "-Wall", "-Wextra", "-Wconversion", "-Wshadow", "-Werror", "-O2"]
    program = folder / "program"
    subprocess.run(
        ["cc", *flags, f"-I{ENGINE}", str(folder / "main.c"), "-o", str(program)], check=True
    )
    found = subprocess.run([str(program)], check=True, capture_output=True, text=True).stdout
    return np.array(json.loads(found), np.int8).reshape(x.shape)


def test_helpers_of_c_quantize_each_feature_by_its_scale(tmp_path):
    graph = padded_network([0.01, 0.5, 3.0], [-2.0, 1.0, 0.25])
    rng = np.random.default_rng(3)
    x = rng.normal([200, 0, 1], [100, 2, 0.3], (20, 8, 8, 3)).astype(np.float32)
    made = quantized(graph, x)
    assert made.inputs[0].quantized.features is not None
    text = render(make_plan(made))["model.h"]
    assert "NET_INPUT_FEATURES 3u" in text
    assert "NET_INPUT_SCALE " not in text
    wanted = quantize_array(3 * x, made.inputs[0].quantized)
    np.testing.assert_array_equal(helper_bytes(make_plan(made), 3 * x, tmp_path), wanted)


def test_damaged_features_are_found():
    graph = padded_network([0.01, 0.5, 3.0], [-2.0, 1.0, 0.25])
    x = np.random.default_rng(3).normal(size=(20, 8, 8, 3)).astype(np.float32)
    made = quantized(graph, x)
    (tensor,) = made.inputs
    found = tensor.quantized
    for scales in ((1.0, 2.0), (1.0, 0.0, 1.0), (1.0, float("nan"), 2.0)):
        bad = replace(found, features=replace(found.features, scales=scales))
        with pytest.raises(ValueError, match="scales"):
            check_graph(replace(made, inputs=(replace(tensor, quantization=bad),)))


def test_scale_of_an_input_that_others_read_too_becomes_a_layer():
    rng = np.random.default_rng(0)
    norm = BatchNorm(np.float32([0.5] * 3), np.float32([1] * 3))
    window = Window((3, 3), padding=Padding(1, 1, 1, 1))
    conv = Conv2D(rng.normal(size=(4, 3, 3, 3)).astype(np.float32), np.zeros(4, np.float32), window)
    nodes = (
        single("norm", norm, ("x",), (8, 8, 3)),
        single("a", conv, ("norm",), (8, 8, 4)),
        single("b", conv, ("x",), (8, 8, 4)),
    )
    graph = run_passes(Graph("net", (Tensor("x", (8, 8, 3)),), nodes, ("a", "b")))
    assert [type(node.op).__name__ for node in graph.nodes] == [
        "DepthwiseConv2D",
        "Conv2D",
        "Conv2D",
    ]


def test_two_inputs_of_one_sum_keep_their_own_zero_points():
    graph = two_inputs()
    rng = np.random.default_rng(0)
    x = Batch({n: rng.uniform(0, 255, (20, 4, 4, 3)).astype(np.float32) for n in ("a", "b")})
    tensors = quantized_tensors(graph, calibrate(graph, x))
    for name in ("a", "b"):
        assert tensors[name].quantized.features is None


def two_inputs():
    from microlut.ops.concatenate import Concatenate

    norms = {"a": (1 / 127.5, -1.0), "b": (1 / 255, -0.3)}
    made = [
        single(f"norm_{n}", relabel_norm(*numbers), (n,), (4, 4, 3)) for n, numbers in norms.items()
    ]
    join = single("join", Concatenate(2), ("norm_a", "norm_b"), (4, 4, 6))
    inputs = tuple(Tensor(n, (4, 4, 3)) for n in norms)
    return run_passes(Graph("net", inputs, (*made, join), ("join",)))


def relabel_norm(scale, offset):
    return BatchNorm(*(np.full(3, value, np.float32) for value in (scale, offset)))


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize(
    ("source", "target"), [(1e-38, 1e38), (0.0, 1.0), (0.0, 0.0), (1e38, 1e-38)]
)
def test_units_between_scales_of_any_ratio_are_finite(source, target):
    units = units_between(Quantization(source, 100), Quantization(target, -100))
    assert np.isfinite(units.scale).all()
    assert np.isfinite(units.offset).all()
    assert (units.scale[0] == np.finfo(np.float32).max) == (target > source)
