"""Fitting without data: means kept, errors fed back, ranges that hold, real networks."""

from dataclasses import replace

import numpy as np
import pytest

from microlut.calibrate import calibrate
from microlut.importers import import_model
from microlut.interpreter import float_ops, int_ops
from microlut.ir import (
    ActivationKind,
    ChannelStatistics,
    Conv2D,
    Dense,
    DepthwiseConv2D,
    Graph,
    Node,
    Padding,
    Window,
)
from microlut.passes import run_passes
from microlut.quantize.data_free import expected_ranges, fit_layer
from microlut.quantize.stage import quantize_without_data
from microlut.quantize.synthetic import synthetic_inputs
from microlut.quantize.weights import WeightConfig, quantize_weights, single_precision
from microlut.quantized import dequantize_array, quantize_array
from microlut.samples import load_samples

PICTURE = (9, 7, 40)
SAME = Window((3, 3), (1, 1), Padding(1, 1, 1, 1))


def normal(rng, *shape):
    return rng.normal(size=shape).astype(np.float32)


def layer(kind, rng):
    """Return a layer; 360 columns of the convolution are more than one block of covariances."""
    if kind == "conv":
        return Conv2D(normal(rng, 12, 3, 3, 40), normal(rng, 12), SAME)
    if kind == "depthwise":
        return DepthwiseConv2D(normal(rng, 3, 3, 80), normal(rng, 80), SAME, 2)
    return Dense(normal(rng, 12, 40), normal(rng, 12))


def activations(rng, count=40):
    """Return correlated inputs that are not negative, as after a ReLU."""
    smooth = normal(rng, count, *PICTURE).cumsum(axis=1).cumsum(axis=3)
    return np.maximum(0.5 + smooth / smooth.std(), 0).astype(np.float32)


def decoded(op, weights):
    last = isinstance(op, DepthwiseConv2D)
    scales = weights.scales if last else weights.scales.reshape(-1, *[1] * (op.kernel.ndim - 1))
    return (weights.int8() * scales).astype(np.float32)


def outputs(op, x):
    y = float_ops.apply_op(op, [x], ())
    return y.reshape(-1, y.shape[-1]).astype(np.float64)


def lost(op, x, weights):
    """Return the variance of the error that weights make of a layer's outputs."""
    error = replace(op, kernel=decoded(op, weights) - op.kernel, bias=np.zeros_like(op.bias))
    return float(outputs(error, x).var(axis=0).mean())


def nearest(op, config):
    axis = 3 - 1 if isinstance(op, DepthwiseConv2D) else 0
    return quantize_weights(op.kernel, axis, config)


KINDS = pytest.mark.parametrize("kind", ["conv", "depthwise", "dense"])


@KINDS
@pytest.mark.parametrize("bits", [2, 4, 8])
@pytest.mark.parametrize("granularity", ["channel", "tensor"])
def test_fit_layer_keeps_the_means(kind, bits, granularity):
    rng = np.random.default_rng(0)
    op, x = layer(kind, rng), activations(rng)
    fitted = fit_layer(op, x, WeightConfig(bits, granularity), single_precision)
    quantized = replace(op, kernel=decoded(op, fitted.weights), bias=fitted.bias)
    means = outputs(quantized, x).mean(axis=0)
    np.testing.assert_allclose(means, outputs(op, x).mean(axis=0), atol=1e-3)


@KINDS
def test_fit_layer_makes_smaller_errors_than_the_nearest_levels(kind):
    rng = np.random.default_rng(1)
    op, x, config = layer(kind, rng), activations(rng), WeightConfig(3)
    fitted = fit_layer(op, x, config, single_precision).weights
    assert lost(op, x, fitted) < 0.7 * lost(op, x, nearest(op, config))


@KINDS
def test_fit_layer_leaves_one_scale_a_tensor(kind):
    rng = np.random.default_rng(2)
    fitted = fit_layer(
        layer(kind, rng), activations(rng), WeightConfig(4, "tensor"), single_precision
    )
    assert len(set(fitted.weights.scales.tolist())) == 1


@KINDS
@pytest.mark.parametrize("granularity", ["channel", "tensor"])
def test_fit_layer_reports_its_own_error(kind, granularity):
    rng = np.random.default_rng(3)
    op = layer(kind, rng)
    fitted = fit_layer(op, activations(rng), WeightConfig(4, granularity), single_precision)
    axis = 2 if kind == "depthwise" else 0
    rows = np.moveaxis(op.kernel, axis, 0).reshape(op.kernel.shape[axis], -1)
    error = np.moveaxis(decoded(op, fitted.weights), axis, 0).reshape(rows.shape) - rows
    if granularity == "tensor":
        expected = np.sum(error**2) / np.sum(rows**2)
    else:
        expected = np.mean(np.sum(error**2, axis=1) / np.sum(rows**2, axis=1))
    assert fitted.weights.fit is not None
    assert fitted.weights.fit.error == pytest.approx(expected, rel=1e-5)


@KINDS
def test_fit_layer_takes_only_scales_that_are_allowed(kind):
    def powers_of_two(scales):
        return 2.0 ** np.ceil(np.log2(scales))

    rng = np.random.default_rng(4)
    fitted = fit_layer(layer(kind, rng), activations(rng), WeightConfig(4), powers_of_two)
    assert np.all(np.frexp(fitted.weights.scales)[0] == 0.5)


@KINDS
def test_fit_layer_of_inputs_that_never_vary(kind):
    rng = np.random.default_rng(5)
    op, x, config = layer(kind, rng), np.ones((2, *PICTURE), np.float32), WeightConfig(4)
    op = replace(op, window=Window((3, 3))) if kind != "dense" else op
    fitted = fit_layer(op, x, config, single_precision)
    assert np.isfinite(fitted.bias).all()
    np.testing.assert_array_equal(fitted.weights.indices, nearest(op, config).indices)


def test_fit_layer_with_a_channel_of_zeros():
    rng = np.random.default_rng(6)
    op = layer("conv", rng)
    op.kernel[3] = 0
    fitted = fit_layer(op, activations(rng), WeightConfig(4), single_precision)
    assert np.isfinite(fitted.bias).all()
    assert fitted.bias[3] == pytest.approx(op.bias[3], abs=1e-6)


def network(activation):
    rng = np.random.default_rng(7)
    op = replace(layer("conv", rng), activation=activation)
    statistics = ChannelStatistics(normal(rng, 12), 1 + np.abs(normal(rng, 12)))
    return Graph("net", "x", PICTURE, (Node("y", op, ("x",), (9, 7, 12), statistics),), "y")


def test_expected_ranges_reach_eight_deviations():
    graph = network(ActivationKind.LINEAR)
    ranges = expected_ranges(graph, synthetic_inputs(graph, (0.0, 1.0)), (0.0, 1.0))
    mean, reach = graph.nodes[0].statistics.mean, 8 * graph.nodes[0].statistics.deviation
    expected = (np.min(mean - reach), np.max(mean + reach))
    assert ranges["x"] == (0.0, 1.0)
    assert ranges["y"] == pytest.approx(expected, rel=1e-3)


def test_expected_ranges_of_activations_start_at_zero():
    graph = network(ActivationKind.RELU)
    low, high = expected_ranges(graph, synthetic_inputs(graph, (0.0, 1.0)), (0.0, 1.0))["y"]
    assert low == 0
    assert high > 6


def test_expected_ranges_of_relu6_end_at_six():
    graph = network(ActivationKind.RELU6)
    assert expected_ranges(graph, synthetic_inputs(graph, (0.0, 1.0)), (0.0, 1.0))["y"] == (0, 6)


@pytest.mark.shared
@pytest.mark.parametrize("granularity", ["channel", "tensor"])
@pytest.mark.parametrize(
    ("model", "samples", "limits", "least"),
    [
        ("resnet8_cifar10.h5", "cifar10", (0.0, 255.0), 0.92),
        ("kws_dscnn_savedmodel", "kws01", (-123.4, 25.7), 0.93),
    ],
    ids=["resnet8", "kws"],
)
def test_data_free_4_bits_agree_with_the_float_network(
    shared_data, model, samples, limits, least, granularity
):
    graph = run_passes(import_model(shared_data / model))
    x = load_samples(shared_data / f"{samples}_calibration.npz", graph.input_shape, 200).x
    inputs = synthetic_inputs(graph, limits)
    config = WeightConfig(4, granularity, "fitted")
    agreement = {}
    for name, ranges in (
        ("expected", expected_ranges(graph, inputs, limits)),
        ("calibrated", calibrate(graph, x)),
    ):
        found = quantize_without_data(graph, ranges, inputs, config)
        y = int_ops.evaluate(found, quantize_array(x, found.input_quantization))
        real = dequantize_array(y, found.output_quantization)
        agreement[name] = np.mean(real.argmax(1) == float_ops.evaluate(graph, x).argmax(1))
    assert min(agreement.values()) >= least, agreement
