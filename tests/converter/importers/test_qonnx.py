"""Networks of few bits, as QONNX writes them."""

from __future__ import annotations

import numpy as np
import pytest

import microlut
from microlut.errors import InvalidInput, UnsupportedModel
from microlut.graph.batch import Batch, only
from microlut.graph.passes import run_passes
from microlut.importers import import_model
from microlut.integer.evaluate import outputs as integer_outputs
from microlut.integer.values import quantized_inputs, real_values
from onnx_models import computed, evaluated, model_of, node, save

RNG = np.random.default_rng(0)
DOMAINS = ["qonnx.custom_op.general", "onnx.brevitas", "finn.custom_op.general"]
LAST = "qonnx.custom_op.channels_last"
WEIGHTS = RNG.normal(size=(4, 6)).astype(np.float32)


def quant(source, name, scale, bits, zero=0.0, domain=DOMAINS[0], **options):
    read = [source, np.float32(scale), np.float32(zero), np.float32(bits)]
    return node("Quant", read, name, domain=domain, **{"signed": 1, "narrow": 0, **options})


def plain(x, scale, bits, **options):
    """Return what the definition of Quant says."""
    zero, signed, narrow = (
        options.get(k, n) for k, n in (("zero", 0), ("signed", 1), ("narrow", 0))
    )
    rounding = options.get("rounding", np.round)
    low = -(2 ** (bits - 1)) + narrow if signed else 0
    high = 2 ** (bits - 1) - 1 if signed else 2**bits - 1 - narrow
    return (rounding(np.clip(x / scale + zero, low, high)) - zero) * scale


def read(path, x):
    return computed(run_passes(import_model(path)), {"x": x})["y"]


OPTIONS = {
    "signed": (0.25, 3, {}, {}),
    "narrow": (0.25, 3, {"narrow": 1}, {"narrow": 1}),
    "unsigned": (0.3, 2, {"signed": 0}, {"signed": 0}),
    "floor": (0.3, 4, {"rounding_mode": "FLOOR"}, {"rounding": np.floor}),
    "zero point": (0.3, 4, {"signed": 0, "zero": 3.0}, {"signed": 0, "zero": 3.0}),
}


@pytest.mark.parametrize("domain", DOMAINS)
@pytest.mark.parametrize("case", OPTIONS)
def test_activations_and_weights_have_as_few_levels(tmp_path, case, domain):
    scale, bits, options, own = OPTIONS[case]
    nodes = [
        quant(WEIGHTS, "w", 0.5, 2, domain=domain, narrow=1),
        node("Transpose", ["w"], "t", perm=[1, 0]),
        quant("x", "a", scale, bits, domain=domain, **options),
        node("MatMul", ["a", "t"], "y"),
    ]
    x = RNG.normal(size=(32, 6)).astype(np.float32)
    wanted = plain(x, scale, bits, **own) @ plain(WEIGHTS, 0.5, 2, narrow=1).T
    path = save(model_of(nodes, {"x": [1, 6]}), tmp_path)
    np.testing.assert_allclose(read(path, x), wanted, atol=1e-5)


def test_channels_have_scales_of_their_own(tmp_path):
    scales = np.array([[0.25, 0.5, 1.0, 0.125, 2.0, 0.5]], np.float32)
    nodes = [
        node("Quant", ["x", scales, np.float32(0), np.float32(3)], "y", domain=DOMAINS[1], signed=1)
    ]
    x = RNG.normal(size=(8, 6)).astype(np.float32)
    found = read(save(model_of(nodes, {"x": [1, 6]}), tmp_path), x)
    np.testing.assert_allclose(found, plain(x, scales, 3), atol=1e-6)


def test_signs_are_one_of_zero(tmp_path):
    nodes = [node("BipolarQuant", ["x", np.float32(0.5)], "y", domain=DOMAINS[1])]
    path = save(model_of(nodes, {"x": [1, 3]}), tmp_path)
    found = read(path, np.array([[-0.1, 0.0, 0.2]], np.float32))
    np.testing.assert_array_equal(found, [[-0.5, 0.5, 0.5]])


def test_eight_bits_are_a_range(tmp_path):
    """Of 8 bits int8 rounds to the same levels, and a ReLU is found that the range holds."""
    nodes = [
        node("MatMul", ["x", WEIGHTS.T], "a"),
        quant("a", "q", 0.03, 8, signed=0),
        node("MatMul", ["q", WEIGHTS], "b"),
        quant("b", "y", 0.1, 16),
    ]
    graph = run_passes(import_model(save(model_of(nodes, {"x": [1, 6]}), tmp_path)))
    assert any(limits == pytest.approx((0.0, 7.65)) for limits in graph.ranges.values())


def test_conversion_keeps_the_levels(tmp_path):
    nodes = [
        quant(WEIGHTS, "w", 0.5, 2, narrow=1),
        node("Transpose", ["w"], "t", perm=[1, 0]),
        quant("x", "a", 0.5, 2),
        node("MatMul", ["a", "t"], "y"),
    ]
    path = save(model_of(nodes, {"x": [1, 6]}), tmp_path)
    x = RNG.normal(size=(64, 6)).astype(np.float32)
    made = microlut.convert(path, x, bits=8, distill=False)
    q = quantized_inputs(made.quantized, Batch({"x": x}))
    real = real_values(made.quantized.output_tensors(), integer_outputs(made.quantized, q))
    found = only(real)
    wanted = plain(x, 0.5, 2) @ plain(WEIGHTS, 0.5, 2, narrow=1).T
    assert np.sqrt(np.square(found - wanted).mean()) < 0.2 * wanted.std()


def test_channels_last(tmp_path):
    """Pictures have their channels at the end, as do the weights of convolutions."""
    weights = RNG.normal(size=(4, 3, 3, 2)).astype(np.float32)
    norms = [RNG.uniform(0.5, 1.5, 4).astype(np.float32) for _ in range(4)]
    nodes = [
        node("Conv", ["x", weights], "c", domain=LAST, kernel_shape=[3, 3], pads=[1, 1, 1, 1]),
        node("BatchNormalization", ["c", *norms], "n", domain=LAST),
        node("MaxPool", ["n"], "m", domain=LAST, kernel_shape=[2, 2], strides=[2, 2]),
        node("Resize", ["m", "", "", np.array([1, 6, 6, 4])], "y"),
    ]
    path = save(model_of(nodes, {"x": [1, 6, 6, 2]}), tmp_path)
    first = [
        node("Transpose", ["x"], "t", perm=[0, 3, 1, 2]),
        node("Conv", ["t", weights.transpose(0, 3, 1, 2)], "c", pads=[1, 1, 1, 1]),
        node("BatchNormalization", ["c", *norms], "n"),
        node("MaxPool", ["n"], "m", kernel_shape=[2, 2], strides=[2, 2]),
        node("Resize", ["m", "", "", np.array([1, 4, 6, 6])], "r"),
        node("Transpose", ["r"], "y", perm=[0, 2, 3, 1]),
    ]
    other = save(model_of(first, {"x": [1, 6, 6, 2]}), tmp_path, "first.onnx")
    x = {"x": RNG.normal(size=(2, 6, 6, 2)).astype(np.float32)}
    wanted = evaluated(other, x)["y"]
    np.testing.assert_allclose(read(path, x["x"]), wanted, atol=1e-5)


REFUSED = {
    "rounding": ({"rounding_mode": "UP"}, 0.5, 4, UnsupportedModel, "rounding_mode UP"),
    "bits": ({}, 0.5, 0, InvalidInput, "has 0 bits"),
    "scale": ({}, -1.0, 4, InvalidInput, "scales from -1 on"),
}


@pytest.mark.parametrize("case", REFUSED)
@pytest.mark.parametrize("source", ["x", WEIGHTS])
def test_strange_quantizers_are_refused(tmp_path, case, source):
    options, scale, bits, kind, text = REFUSED[case]
    nodes = [quant(source, "q", scale, bits, **options), node("Add", ["x", "q"], "y")]
    with pytest.raises(kind, match=text):
        import_model(
            save(
                model_of(nodes, {"x": [4, 6] if isinstance(source, np.ndarray) else [1, 6]}),
                tmp_path,
            )
        )
