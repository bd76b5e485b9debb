"""Dynamically quantized ONNX models: real numbers, near what ONNX Runtime computes."""

from __future__ import annotations

import numpy as np
import pytest

from microlut.errors import UnsupportedModel
from microlut.graph.passes import run_passes
from microlut.importers import import_model
from onnx_models import computed, model_of, node, run_onnxruntime, save

pytest.importorskip("onnxruntime", reason="needs the package onnxruntime")
RNG = np.random.default_rng(0)
MICROSOFT = "com.microsoft"


def bytes_of(*shape):
    return RNG.integers(-127, 128, shape).astype(np.int8)


def dynamic(source):
    return node("DynamicQuantizeLinear", [source], ["q", "s", "z"])


def product(weights, zero, scale):
    return [
        dynamic("x"),
        node("MatMulInteger", ["q", weights, "z", zero], "i"),
        node("Cast", ["i"], "f", to=1),
        node("Mul", ["s", scale], "t"),
        node("Mul", ["f", "t"], "y"),
    ]


def convolution():
    weights = bytes_of(4, 3, 3, 3)
    return [
        dynamic("x"),
        node("ConvInteger", ["q", weights, "z", np.int8(3)], "i", pads=[1, 1, 1, 1]),
        node("Cast", ["i"], "f", to=1),
        node("Mul", ["s", np.float32(0.01)], "t"),
        node("Mul", ["f", "t"], "y"),
    ]


def fused():
    read = ["x", bytes_of(6, 5), RNG.uniform(0.01, 0.02, 5).astype(np.float32), bytes_of(5)]
    bias = RNG.normal(size=5).astype(np.float32)
    return [node("DynamicQuantizeMatMul", [*read, bias], "y", domain=MICROSOFT)]


def with_scales():
    scales = RNG.uniform(0.01, 0.02, 5).astype(np.float32)
    read = ["q", bytes_of(6, 5), "s", scales, "z", np.int8(2)]
    return [dynamic("x"), node("MatMulIntegerToFloat", read, "y", domain=MICROSOFT)]


def lstm():
    zeros = np.zeros(1, np.int8)
    scale = np.array([0.004], np.float32)
    bias = RNG.normal(size=(1, 24)).astype(np.float32)
    read = ["x", bytes_of(1, 6, 12), bytes_of(1, 3, 12), bias, "", "", "", ""]
    return [
        node(
            "DynamicQuantizeLSTM",
            [*read, scale, zeros, scale, zeros],
            ["y", "h"],
            domain=MICROSOFT,
            hidden_size=3,
        )
    ]


CASES = {
    "product": (product(bytes_of(6, 5), np.int8(0), np.float32(0.02)), [1, 6]),
    "columns": (product(bytes_of(6, 5), bytes_of(5), np.float32([0.01] * 5)), [1, 6]),
    "convolution": (convolution(), [1, 3, 6, 6]),
    "fused": (fused(), [1, 6]),
    "with scales": (with_scales(), [1, 6]),
}


@pytest.mark.parametrize("case", CASES)
def test_products_are_near(tmp_path, case):
    nodes, shape = CASES[case]
    path = save(model_of(nodes, {"x": shape}), tmp_path)
    x = {"x": RNG.uniform(-1, 1, (4, *shape[1:])).astype(np.float32)}
    found = computed(run_passes(import_model(path)), x)["y"]
    wanted = run_onnxruntime(path, x)["y"]
    assert np.abs(found - wanted).max() < 0.02 * np.abs(wanted).max()


def test_lstm_is_near(tmp_path):
    path = save(model_of(lstm(), {"x": [5, 1, 6]}, ["h"]), tmp_path)
    x = RNG.uniform(-1, 1, (5, 1, 6)).astype(np.float32)
    import onnxruntime

    (wanted,) = onnxruntime.InferenceSession(path).run(["h"], {"x": x})
    found = computed(run_passes(import_model(path)), {"x": x[np.newaxis]})["h"]
    assert np.abs(found.ravel() - wanted.ravel()).max() < 0.02


def test_integers_of_a_scale_that_is_found_are_no_output(tmp_path):
    path = save(model_of([dynamic("x")], {"x": [1, 4]}), tmp_path)
    with pytest.raises(UnsupportedModel, match="output 'q': it has integers of a scale"):
        import_model(path)


def test_nothing_else_computes_with_them(tmp_path):
    nodes = [dynamic("x"), node("Cast", ["q"], "y", to=1)]
    with pytest.raises(UnsupportedModel, match="computes with integers of type dynamic uint8"):
        import_model(save(model_of(nodes, {"x": [1, 4]}), tmp_path))


def test_static_integers_are_multiplied(tmp_path):
    weights = bytes_of(6, 5)
    nodes = [
        node("QuantizeLinear", ["x", np.float32(0.02), np.uint8(130)], "q"),
        node("MatMulInteger", ["q", weights, np.uint8(130)], "i"),
        node("Cast", ["i"], "f", to=1),
        node("Mul", ["f", np.float32(0.0004)], "y"),
    ]
    path = save(model_of(nodes, {"x": [1, 6]}), tmp_path)
    x = {"x": RNG.uniform(-1, 1, (4, 6)).astype(np.float32)}
    found = computed(run_passes(import_model(path)), x)["y"]
    wanted = run_onnxruntime(path, x)["y"]
    assert np.abs(found - wanted).max() < 0.02 * np.abs(wanted).max()
