"""Operators that ONNX Runtime makes when it optimizes a model, against ONNX Runtime."""

from __future__ import annotations

import numpy as np
import pytest

from microlut.errors import UnsupportedModel
from microlut.graph.passes import run_passes
from microlut.importers import import_model
from onnx_models import computed, drawn, model_of, node, run_onnxruntime, save

pytest.importorskip("onnxruntime", reason="needs the package onnxruntime")
RNG = np.random.default_rng(0)


def real(*shape):
    return RNG.normal(size=shape).astype(np.float32)


def own(kind, read, made="y", **options):
    return node(kind, read, made, domain="com.microsoft", **options)


def conv(**options):
    return [own("FusedConv", ["x", real(4, 3, 3, 3), real(4)], **options)]


CASES = {
    "bias gelu": ([own("BiasGelu", ["x", real(8)])], [1, 3, 8]),
    "fast gelu": ([own("FastGelu", ["x", real(8)])], [1, 3, 8]),
    "fast gelu alone": ([own("FastGelu", ["x"])], [1, 3, 8]),
    "gelu": ([own("Gelu", ["x"])], [1, 3, 8]),
    "quick gelu": ([own("QuickGelu", ["x"], alpha=1.3)], [1, 3, 8]),
    "silu": ([own("QuickGelu", ["x"], alpha=1.0)], [1, 3, 8]),
    "conv": (conv(activation="Relu"), [1, 3, 6, 5]),
    "conv clip": (conv(activation="Clip", activation_params=[-0.5, 0.75]), [1, 3, 6, 5]),
    "conv leaky": (conv(activation="LeakyRelu", activation_params=[0.2]), [1, 3, 6, 5]),
    "conv plain": (conv(), [1, 3, 6, 5]),
    "gemm": (
        [
            own(
                "FusedGemm",
                ["x", real(6, 5), real(5)],
                activation="LeakyRelu",
                activation_alpha=0.3,
            )
        ],
        [1, 6],
    ),
    "product": ([own("FusedMatMul", ["x", real(5, 8)], transB=1, alpha=0.5)], [1, 3, 8]),
    "products": ([own("FusedMatMul", ["x", "x"], transB=1, alpha=0.3)], [1, 3, 8]),
    "norm": (
        [own("SkipLayerNormalization", ["x", "x", real(8), real(8), real(8)], epsilon=1e-3)],
        [1, 3, 8],
    ),
    "norm of a sum": (
        [
            node("Relu", ["x"], "r"),
            own("SkipLayerNormalization", ["x", "r", real(8), real(8)], ["n", "", "", "s"]),
            node("Add", ["n", "s"], "y"),
        ],
        [1, 3, 8],
    ),
    "rms": ([own("SkipSimplifiedLayerNormalization", ["x", "x", real(8)])], [1, 3, 8]),
}


@pytest.mark.parametrize("case", CASES)
def test_fused_operators(tmp_path, case):
    nodes, shape = CASES[case]
    path = save(model_of(nodes, {"x": shape}), tmp_path)
    x = drawn(path)
    found, wanted = computed(run_passes(import_model(path)), x)["y"], run_onnxruntime(path, x)["y"]
    np.testing.assert_allclose(found, wanted, rtol=1e-4, atol=2e-5)


def test_an_unknown_activation_is_refused(tmp_path):
    path = save(model_of(conv(activation="Softplus"), {"x": [1, 3, 6, 5]}), tmp_path)
    with pytest.raises(UnsupportedModel, match="activation Softplus; supported are Clip"):
        import_model(path)


SCALE, ZERO = np.float32(0.02), np.uint8(120)


def quantized(*nodes):
    return [
        node("QuantizeLinear", ["x", SCALE, ZERO], "q"),
        *nodes,
        node("DequantizeLinear", ["r", nodes[-1].scale, nodes[-1].zero], "y"),
    ]


def rounded(kind, read, scale, zero, **options):
    made = own(kind, read, "r", **options)
    made.scale, made.zero = np.float32(scale), np.uint8(zero)
    return made


INTEGERS = {
    "softmax": rounded(
        "QLinearSoftmax",
        ["q", SCALE, ZERO, np.float32(1 / 256), np.uint8(0)],
        1 / 256,
        0,
        axis=-1,
        opset=13,
    ),
    "flat softmax": rounded(
        "QLinearSoftmax",
        ["q", SCALE, ZERO, np.float32(1 / 256), np.uint8(0)],
        1 / 256,
        0,
        axis=1,
        opset=11,
    ),
    "concat": rounded(
        "QLinearConcat",
        [np.float32(0.03), np.uint8(100), "q", SCALE, ZERO, "q", SCALE, ZERO],
        0.03,
        100,
        axis=1,
    ),
}


@pytest.mark.parametrize("case", INTEGERS)
def test_operators_on_integers(tmp_path, case):
    made = INTEGERS[case]
    path = save(model_of(quantized(made), {"x": [1, 2, 8]}), tmp_path)
    x = {"x": RNG.uniform(-2, 2, (4, 2, 8)).astype(np.float32)}
    found, wanted = computed(run_passes(import_model(path)), x)["y"], run_onnxruntime(path, x)["y"]
    assert np.abs(found - wanted).max() < 2 * made.scale + SCALE / 2


def test_channels_last_are_refused(tmp_path):
    read = ["q", SCALE, ZERO, SCALE, ZERO]
    made = rounded("QLinearGlobalAveragePool", read, SCALE, ZERO, channels_last=1)
    path = save(model_of(quantized(made), {"x": [1, 4, 4, 2]}), tmp_path)
    with pytest.raises(UnsupportedModel, match="channels_last=1"):
        import_model(path)
