"""Layers of larq and QKeras, which round weights and activations as they compute."""

import numpy as np
import pytest

from fake_keras import FakeLayer, FakeModel
from microlut.errors import InvalidInput, UnsupportedModel
from microlut.graph.evaluate import evaluate
from microlut.graph.passes import run_passes
from microlut.importers import import_model

RNG = np.random.default_rng(5)
X = RNG.normal(size=(7, 4)).astype(np.float32)
KERNEL, BIAS = (RNG.normal(size=size).astype(np.float32) for size in ((4, 3), (3,)))
SIGN = {"class_name": "SteSign", "config": {"clip_value": 1.0}}


def dorefa(bits, mode, kind="DoReFa"):
    return {"class_name": kind, "config": {"k_bit": bits, "mode": mode}}


def bits_of(bits, integer=0, **options):
    config = {"bits": bits, "integer": integer, "alpha": 1, **options}
    return {"class_name": "quantized_bits", "config": config}


def model(kind, shape=(4,), weights=(KERNEL, BIAS), **options):
    units = {"units": 3} if "Dense" in kind else {}
    config = {"name": "layer", **units, "use_bias": len(weights) > 1, **options}
    return FakeModel("m", shape, (FakeLayer(kind, config, weights),))


def imported(kind, x=X, **options):
    return evaluate(import_model(model(kind, **options)), x)


def test_binary_dense_layer():
    def sign(values):
        return np.where(values >= 0, 1.0, -1.0)

    found = imported("QuantDense", input_quantizer=SIGN, kernel_quantizer="ste_sign")
    np.testing.assert_allclose(found, sign(X) @ sign(KERNEL) + BIAS, rtol=1e-5)
    zero = imported("QuantDense", np.zeros((1, 4), np.float32), input_quantizer="ste_sign")
    np.testing.assert_allclose(zero, KERNEL.sum(axis=0, keepdims=True) + BIAS, rtol=1e-5)


@pytest.mark.parametrize("kind", ["DoReFa", "STCustomDoReFa"])
@pytest.mark.parametrize("bits", [3, 8])
def test_dorefa_dense_layer(kind, bits):
    of_st = kind == "STCustomDoReFa"
    limited = np.tanh(KERNEL)
    n = 2**bits - (2 if of_st else 1)
    kernel = 2 * np.round((limited / (2 * np.abs(limited).max()) + 0.5) * n) / n - 1
    step = 2.0 ** (1 - bits) if of_st else 1 / (2**bits - 1)
    x = np.clip(X, -1, 1 - step) if of_st else np.clip(X, 0, 1)
    rounded = x if bits == 8 else np.floor(x / step + 0.5) * step  # int8 rounds to 8 bits itself
    options = {"input_quantizer": dorefa(bits, "activations", kind)}
    found = imported("QuantDense", kernel_quantizer=dorefa(bits, "weights", kind), **options)
    np.testing.assert_allclose(found, rounded @ kernel + BIAS, rtol=1e-4, atol=1e-5)


def test_range_of_8_bits_is_that_of_the_quantizer():
    given = dorefa(8, "activations", "STCustomDoReFa")
    graph = run_passes(import_model(model("QuantDense", input_quantizer=given)))
    assert list(graph.ranges.values()) == [(-1.0, 127 / 128)]


def test_layers_of_qkeras():
    kernel = np.clip(np.round(KERNEL * 8) / 8, -1, 7 / 8)
    bias = np.clip(np.round(BIAS * 16) / 16, -2, 2 - 1 / 16)
    quantizers = {"kernel_quantizer": bits_of(4), "bias_quantizer": "quantized_bits(6,1,alpha=1)"}
    found = imported("QDense", **quantizers)
    np.testing.assert_allclose(found, X @ kernel + bias, rtol=1e-5, atol=1e-6)
    active = imported("QDense", activation="quantized_relu(3, 1)", **quantizers)
    expected = np.clip(np.floor(found * 4 + 0.5) / 4, 0, 2 - 1 / 4)
    np.testing.assert_allclose(active, expected, rtol=1e-5, atol=1e-6)
    alone = imported("QActivation", weights=(), activation="quantized_relu(8)")
    np.testing.assert_allclose(alone, np.clip(X, 0, 1 - 1 / 256), rtol=1e-6)


FOLDED = ("QDenseBatchnorm", "QConv2DBatchnorm", "QDepthwiseConv2DBatchnorm")


@pytest.mark.parametrize("scale", [True, False])
@pytest.mark.parametrize("kind", FOLDED)
def test_normalization_is_folded_before_weights_are_rounded(kind, scale):
    sizes = {"kernel_size": [3, 2]} | ({"filters": 4} if kind.startswith("QConv") else {})
    shape = (4,) if kind.startswith("QDense") else (5, 4, 4)
    inputs = {"QDenseBatchnorm": (4, 3), "QConv2DBatchnorm": (3, 2, 4, 4)}.get(kind, (3, 2, 4, 1))
    kernel = RNG.normal(size=inputs).astype(np.float32)
    channels = 3 if kind.startswith("QDense") else 4
    bias, gamma, beta, mean = RNG.normal(size=(4, channels)).astype(np.float32)
    variance = RNG.uniform(0.5, 2, channels).astype(np.float32)
    trained = (kernel, bias, *([gamma] if scale else []), beta)
    options = {"folding_mode": "ema_stats_folding", "ema_freeze_delay": None, "momentum": 0.9}
    options |= {"epsilon": 0.01, "center": True, "scale": scale, "axis": [-1], "use_bias": True}
    options |= {} if kind.startswith("QDense") else sizes
    quantizers = {"depthwise_quantizer" if "wise" in kind else "kernel_quantizer": bits_of(5, 1)}
    x = RNG.normal(size=(2, *shape)).astype(np.float32)
    weights = (*trained, np.int64(7), mean, variance)
    found = imported(kind, x, shape=shape, weights=weights, **options, **quantizers)
    factor = (gamma if scale else 1) / np.sqrt(variance + 0.01)
    by_channel = factor.reshape(4, 1) if "wise" in kind else factor
    folded = (kernel * by_channel).astype(np.float32), factor * (bias - mean) + beta
    plain = kind.removesuffix("Batchnorm")
    options = {} if kind.startswith("QDense") else sizes
    expected = imported(plain, x, shape=shape, weights=folded, **options, **quantizers)
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-5)


def test_arrays_that_are_missing_are_named():
    weights = (KERNEL, BIAS, BIAS, BIAS)
    with pytest.raises(InvalidInput, match="has 4 arrays, 6 are needed"):
        import_model(model("QDenseBatchnorm", weights=weights))


def test_padding_with_ones():
    x = RNG.normal(size=(2, 5, 4, 2)).astype(np.float32)
    kernel = RNG.normal(size=(3, 3, 2, 3)).astype(np.float32)
    options = {"filters": 3, "kernel_size": [3, 3], "shape": (5, 4, 2), "weights": (kernel,)}
    found = imported("QuantConv2D", x, padding="same", pad_values=1.0, **options)
    around = np.pad(x, ((0, 0), (1, 1), (1, 1), (0, 0)), constant_values=1.0)
    expected = imported("QuantConv2D", around, padding="valid", **{**options, "shape": (7, 6, 2)})
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize(
    "quantizer",
    [
        bits_of(4, alpha="auto"),
        bits_of(4, symmetric=1),
        "quantized_po2(4)",
        "ste_tern",
        "quantized_bits(",
        3,
    ],
)
def test_other_quantizers_are_refused(quantizer):
    with pytest.raises(UnsupportedModel, match=r"quantizer .*supported are ste_sign, DoReFa"):
        import_model(model("QDense", kernel_quantizer=quantizer))


def test_layers_of_each_step():
    x = RNG.normal(size=(2, 3, 4)).astype(np.float32)
    config = {"name": "dense", "units": 3, "kernel_quantizer": "ste_sign", "use_bias": False}
    inner = {"class_name": "QuantDense", "config": config, "module": "larq.layers"}
    found = imported("TimeDistributed", x, shape=(3, 4), weights=(KERNEL,), layer=inner)
    np.testing.assert_allclose(found, x @ np.where(KERNEL >= 0, 1.0, -1.0), rtol=1e-5)


def test_quantizers_of_hgq_are_refused_with_what_to_do():
    with pytest.raises(UnsupportedModel, match=r"HGQ makes them.* train the model of Keras's"):
        import_model(model("FixedPointQuantizer", weights=(), RND="TRN", SAT="WRAP"))


@pytest.mark.parametrize("kind", ["QGRU", "QLSTM"])
def test_recurrent_layers_of_qkeras_are_refused_with_what_to_do(kind):
    with pytest.raises(UnsupportedModel, match=r"rounds its state in every step.* layer of Keras"):
        import_model(model(kind, shape=(5, 4), weights=(), units=3))
