"""Quantized ONNX models: what they store is dequantized, and the ranges are kept."""

import numpy as np
import onnx
import pytest

import microlut
from microlut.errors import UnsupportedModel
from microlut.graph.passes import run_passes
from microlut.importers import import_model
from microlut.ops.activation import ActivationKind
from microlut.ops.conv2d import Conv2D
from onnx_models import computed, drawn, evaluated, float_error, model_of, node, save

RNG = np.random.default_rng(3)


def quantize(source, name, scale, zero, kind=np.uint8):
    read = [source, np.float32(scale), np.array(zero, kind)]
    return node("QuantizeLinear", read, name)


def back(source, name, scale, zero, kind=np.uint8):
    read = [source, np.float32(scale), np.array(zero, kind)]
    return node("DequantizeLinear", read, name)


def weights(name, shape):
    scales = RNG.uniform(0.002, 0.01, shape[0]).astype(np.float32)
    read = [RNG.integers(-127, 128, shape).astype(np.int8), scales, np.zeros(shape[0], np.int8)]
    return node("DequantizeLinear", read, name, axis=0)


def pairs_around_a_convolution():
    """Return a network whose ReLU its quantizer left out, since integers begin at zero."""
    return [
        quantize("x", "xq", 0.03, 120),
        back("xq", "xd", 0.03, 120),
        weights("w", (4, 3, 3, 3)),
        node("Conv", ["xd", "w", RNG.normal(size=4).astype(np.float32)], "c", pads=[1] * 4),
        quantize("c", "cq", 0.02, 0),
        node("MaxPool", ["cq"], "mq", kernel_shape=[2, 2], strides=[2, 2]),
        back("mq", "y", 0.02, 0),
    ]


def on_the_grid(path):
    """Return samples that quantization by scale 0.03 and zero point 120 leaves as they are."""
    steps = {name: np.clip(np.round(x / 0.03), -120, 135) for name, x in drawn(path).items()}
    return {name: (x * np.float32(0.03)).astype(np.float32) for name, x in steps.items()}


def test_ranges_are_kept_and_a_left_out_relu_is_found(tmp_path):
    model = model_of(pairs_around_a_convolution(), {"x": [1, 3, 8, 8]}, opset=23)
    path = save(model, tmp_path)
    graph = run_passes(import_model(path))
    (conv,) = [each for each in graph.nodes if isinstance(each.op, Conv2D)]
    assert conv.op.activation is ActivationKind.RELU
    assert graph.ranges["x"] == pytest.approx((-120 * 0.03, 135 * 0.03))
    assert graph.ranges[conv.output] == pytest.approx((0.0, 255 * 0.02))
    x = on_the_grid(path)
    found, wanted = computed(graph, x)["y"], evaluated(path, x)["y"]
    assert np.abs(np.minimum(found, 255 * 0.02) - wanted).max() < 1.1 * 0.02


def test_a_quantized_model_needs_no_calibration(tmp_path):
    path = save(model_of(pairs_around_a_convolution(), {"x": [1, 3, 8, 8]}, opset=23), tmp_path)
    made = microlut.convert(path, bits=8)
    assert made.quantized.inputs[0].scale == pytest.approx(0.03)
    (output,) = made.quantized.output_tensors().values()
    assert (output.scale, output.zero_point) == (pytest.approx(0.02), -128)


def test_operators_on_integers_are_those_on_real_values(tmp_path):
    kernel = RNG.integers(-127, 128, (4, 3, 3, 3)).astype(np.int8)
    scales, zeros = np.full(4, 0.005, np.float32), np.zeros(4, np.int8)
    bias = RNG.integers(-5000, 5000, 4).astype(np.int32)
    x, y = (np.float32(0.03), np.uint8(120)), (np.float32(0.05), np.uint8(100))
    nodes = [
        quantize("x", "xq", *x),
        node("QLinearConv", ["xq", *x, kernel, scales, zeros, *y, bias], "cq"),
        back("cq", "y", *y),
    ]
    path = save(model_of(nodes, {"x": [1, 3, 8, 8]}, opset=23), tmp_path)
    samples = on_the_grid(path)
    found = computed(run_passes(import_model(path)), samples)["y"]
    low, high = -100 * 0.05, 155 * 0.05
    assert np.abs(np.clip(found, low, high) - evaluated(path, samples)["y"]).max() < 1.1 * 0.05


@pytest.mark.parametrize("kind", [np.int16, np.uint16])
def test_tensors_of_16_bits_are_said(tmp_path, kind):
    zero = 0 if kind is np.int16 else 1 << 15
    nodes = [
        quantize("x", "q", 2**-12, zero, kind),
        back("q", "r", 2**-12, zero, kind),
        node("Conv", ["r", RNG.normal(size=(4, 3, 3, 3)).astype(np.float32)], "c"),
        quantize("c", "d", 2**-10, zero, kind),
        back("d", "y", 2**-10, zero, kind),
    ]
    path = save(model_of(nodes, {"x": [1, 3, 6, 6]}, opset=21), tmp_path)
    assert any("16 with --activations 16" in note for note in import_model(path).notes)
    (tensor,) = microlut.convert(path, bits=8, activations=16).quantized.output_tensors().values()
    assert tensor.dtype == "int16"
    assert tensor.scale == pytest.approx(2**-10, rel=1e-3)


PASSED = {
    "nearest": ("Resize", ["q", "", np.array([1, 1, 2, 2], np.float32)], {"mode": "nearest"}),
    "linear": ("Resize", ["q", "", np.array([1, 1, 2, 2], np.float32)], {"mode": "linear"}),
    "padded": ("Pad", ["q", np.array([0, 0, 1, 2, 0, 0, 1, 0]), np.uint8(140)], {}),
    "edge": ("Pad", ["q", np.array([0, 0, 1, 2, 0, 0, 1, 0])], {"mode": "edge"}),
}


@pytest.mark.parametrize("case", PASSED)
def test_integers_keep_their_scale_where_they_are_resized_or_padded(tmp_path, case):
    kind, read, options = PASSED[case]
    nodes = [
        quantize("x", "q", 0.03, 120),
        node(kind, read, "r", **options),
        back("r", "y", 0.03, 120),
    ]
    path = save(model_of(nodes, {"x": [1, 3, 6, 5]}, opset=21), tmp_path)
    x = on_the_grid(path)
    found = computed(run_passes(import_model(path)), x)["y"]
    # Kernels of integers take off what is behind the point.
    assert np.abs(found - evaluated(path, x)["y"]).max() < (0.031 if case == "linear" else 1e-5)


def test_integers_of_other_scales_are_scaled(tmp_path):
    nodes = [quantize("x", "q", 0.1, 128), back("q", "r", 0.2, 118), node("Relu", ["r"], "y")]
    path = save(model_of(nodes, {"x": [1, 5]}, opset=23), tmp_path)
    x = {"x": np.array([[0.5, -1.0, 2.0, 0.0, 1.5]], np.float32)}
    found = computed(run_passes(import_model(path)), x)["y"]
    np.testing.assert_allclose(found, evaluated(path, x)["y"], atol=1e-5)


def test_scales_of_channels_of_activations_are_refused(tmp_path):
    read = ["x", np.array([0.1, 0.2], np.float32), np.zeros(2, np.uint8)]
    nodes = [
        node("QuantizeLinear", read, "q", axis=1),
        node("DequantizeLinear", ["q", *read[1:]], "y", axis=1),
    ]
    path = save(model_of(nodes, {"x": [1, 2, 4]}), tmp_path)
    with pytest.raises(UnsupportedModel, match="quantizes each channel of a tensor on its own"):
        import_model(path)


@pytest.mark.parametrize("opset", [10, 13, 18, 23])
def test_weights_are_dequantized_in_every_opset(tmp_path, opset):
    options = {"axis": 0} if opset >= 13 else {}
    scale = np.array([0.01, 0.02], np.float32) if opset >= 13 else np.float32(0.01)
    zero = np.array([1, -2], np.int8) if opset >= 13 else np.int8(1)
    read = [RNG.integers(-9, 9, (2, 3)).astype(np.int8), scale, zero]
    nodes = [
        node("DequantizeLinear", read, "w", **options),
        node("Gemm", ["x", "w", np.zeros(2, np.float32)], "y", transB=1),
    ]
    path = save(model_of(nodes, {"x": [1, 3]}, opset=opset), tmp_path)
    if opset > 18:  # the reference evaluator lacks older ones
        assert float_error(path) < 1e-5
    factors = np.asarray(read[0], float) - np.reshape(zero, (-1, 1))
    expected = factors * np.reshape(scale, (-1, 1))
    graph = run_passes(import_model(path))
    np.testing.assert_allclose(graph.nodes[0].op.kernel, expected, rtol=1e-6)
    assert onnx.load(path).opset_import[0].version == opset
