"""Networks of the engine's benchmark without files: common shapes with random weights.

Those of MLPerf Tiny have the shapes of its reference models. Weights are quantized roughly, which
changes neither the code that runs nor, but for the scales' rounding, how often: so minutes of
conversion are saved.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import keras
import numpy as np
from keras import layers

import microlut
from microlut.codegen.names import identifier
from microlut.codegen.render import render
from microlut.conversion.reporting import Making, convert_report
from microlut.graph.passes import run_passes
from microlut.importers import import_model
from microlut.integer import QuantizedGraph
from microlut.ops.weighted import QWeighted
from microlut.plan import Goal, make_plan
from microlut.quantize.figures import Comparison, OutputComparison, Quality
from microlut.quantize.rough import quantize_roughly
from microlut.quantize.weights import WeightConfig
from microlut.running.protocol import Int8Array

Tensor = keras.KerasTensor
Ends = tuple[Tensor, Tensor]
_NOTHING = OutputComparison(Quality(0.0, None, None, 0), "", None, constant=False)
_UNKNOWN = Comparison({"": _NOTHING}, {}, {}, {})


def conversion(name: str, bits: int) -> microlut.Conversion:
    """Return a network of `SHAPES` as a conversion whose report knows nothing of its quality."""
    graph = run_passes(import_model(keras_model(name), name))
    names = [node.name for node, _ in graph.weighted()]
    quantized = sound(quantize_roughly(graph, dict.fromkeys(names, bits)))
    plan = make_plan(quantized, Goal())
    configs = dict.fromkeys((node.name for node, _ in quantized.weighted()), WeightConfig(bits))
    report = convert_report(
        plan, identifier(name), Making(configs, None, 0, None, comparison=_UNKNOWN)
    )
    return microlut.Conversion(graph, quantized, plan, render(plan), None, report)


def sound(graph: QuantizedGraph) -> QuantizedGraph:
    """Return a roughly quantized network with indices that overlap as the engine expects."""
    nodes = list(graph.nodes)
    for i, node in enumerate(nodes):
        if isinstance(node.op, QWeighted) and node.op.weights.overlap > 0:
            weights = node.op.weights
            indices = weights.indices >> weights.overlap << weights.overlap
            for column in range(1, indices.shape[1]):
                indices[:, column] |= indices[:, column - 1] >> weights.bits
            nodes[i] = replace(node, op=replace(node.op, weights=replace(weights, indices=indices)))
    return replace(graph, nodes=tuple(nodes))


def random_input(graph: QuantizedGraph) -> Int8Array:
    """Return an input for a network of one, int8 [1, ...]."""
    (tensor,) = graph.inputs
    return np.random.default_rng(0).integers(-128, 128, (1, *tensor.shape), dtype=np.int8)


def keras_model(name: str) -> keras.Model:
    """Return a network of `SHAPES`, with the same weights each time."""
    keras.utils.clear_session()  # so that layers have the same names each time
    keras.utils.set_random_seed(1)
    return keras.Model(*SHAPES[name](), name=name)


def _visual_wake_words() -> Ends:
    """MobileNetV1-0.25 of 96x96 pixels."""
    x = image = keras.Input((96, 96, 3))
    x = _convolution(x, 8, 3, 2)
    for filters, stride in zip(
        (16, 32, 32, 64, 64, 128, 128, 128, 128, 128, 128, 256, 256),
        (1, 2, 1, 2, 1, 2, 1, 1, 1, 1, 1, 2, 1),
        strict=True,
    ):
        x = _depthwise(x, 3, stride)
        x = _convolution(x, filters, 1)
    return image, _classes(x, 2)


def _anomaly_detection() -> Ends:
    """An autoencoder of dense layers."""
    x = spectrum = keras.Input((640,))
    for units in (128, 128, 128, 128, 8, 128, 128, 128, 128):
        x = layers.Dense(units, "relu", **_weights())(x)
    return spectrum, layers.Dense(640, **_weights())(x)


def _wake_word() -> Ends:
    """Separable convolutions along time; the features are channels."""
    x = frames = keras.Input((30, 1, 40))
    for taps, filters in ((3, 128), (5, 128), (10, 128), (15, 32)):
        x = layers.DepthwiseConv2D((taps, 1), depthwise_initializer="he_normal")(x)
        x = _convolution(x, filters, 1)
    x = layers.Flatten()(x)
    return frames, layers.Dense(3, "softmax", **_weights())(x)


def _mobilenet_v2() -> Ends:
    """MobileNetV2-0.35 of 96x96 pixels with ten classes."""
    model = keras.applications.MobileNetV2((96, 96, 3), 0.35, weights=None, classes=10)
    return model.input, model.output


def _one_dimensional() -> Ends:
    """A convolutional network of 256 steps of six sensors."""
    x = steps = keras.Input((256, 6))
    for filters in (32, 64, 128):
        x = layers.Conv1D(filters, 3, padding="same", activation="relu", **_weights())(x)
        x = layers.MaxPooling1D(2)(x)
    x = layers.Flatten()(x)
    x = layers.Dense(48, "relu", **_weights())(x)
    return steps, layers.Dense(6, "softmax", **_weights())(x)


def _wide_resnet() -> Ends:
    """Residual blocks of 64 and 128 channels on 16x16 pixels."""
    image = keras.Input((16, 16, 3))
    x = _convolution(image, 64, 3)
    for filters, stride in ((64, 1), (64, 1), (128, 2)):
        y = _convolution(x, filters, 3, stride)
        y = _convolution(y, filters, 3, activation=None)
        if stride != 1:
            x = _convolution(x, filters, 1, stride, activation=None)
        x = layers.ReLU()(layers.Add()([x, y]))
    return image, _classes(x, 10)


def _efficient_net() -> Ends:
    """Inverted residual blocks with squeeze-and-excitation and swish, as in EfficientNet."""
    image = keras.Input((64, 64, 3))
    x = _convolution(image, 16, 3, 2, "swish")
    for filters, widening, taps, stride in (
        *((16, 1, 3, 1), (24, 4, 3, 2), (24, 4, 3, 1)),
        *((40, 4, 5, 2), (40, 4, 5, 1), (80, 4, 3, 2)),
    ):
        y = x
        if widening != 1:
            y = _convolution(y, widening * x.shape[-1], 1, activation="swish")
        y = _depthwise(y, taps, stride, "swish")
        gate = layers.GlobalAveragePooling2D(keepdims=True)(y)
        gate = _convolution(gate, max(4, x.shape[-1] // 4), 1, activation="swish")
        gate = _convolution(gate, y.shape[-1], 1, activation="sigmoid")
        y = layers.Multiply()([y, gate])
        y = _convolution(y, filters, 1, activation=None)
        x = layers.Add()([x, y]) if y.shape == x.shape else y
    return image, _classes(_convolution(x, 160, 1, activation="swish"), 10)


def _convolution(
    x: Tensor, filters: int, size: int, stride: int = 1, activation: str | None = "relu"
) -> Tensor:
    layer = layers.Conv2D(filters, size, stride, "same", **_weights())
    return _activated(layer(x), activation)


def _depthwise(x: Tensor, size: int, stride: int, activation: str = "relu") -> Tensor:
    layer = layers.DepthwiseConv2D(size, stride, "same", depthwise_initializer="he_normal")
    return _activated(layer(x), activation)


def _activated(x: Tensor, activation: str | None) -> Tensor:
    return x if activation is None else layers.Activation(activation)(x)


def _classes(x: Tensor, classes: int) -> Tensor:
    x = layers.GlobalAveragePooling2D()(x)
    return layers.Dense(classes, "softmax", **_weights())(x)


def _weights() -> dict[str, object]:
    """Return how weights are drawn: biases too, so that channels differ."""
    return {
        "kernel_initializer": "he_normal",
        "bias_initializer": keras.initializers.RandomNormal(stddev=0.05),
    }


SHAPES: dict[str, Callable[[], Ends]] = {
    "vww": _visual_wake_words,
    "ad": _anomaly_detection,
    "wake_word": _wake_word,
    "mobilenet_v2": _mobilenet_v2,
    "one_dimensional": _one_dimensional,
    "wide_resnet": _wide_resnet,
    "efficient_net": _efficient_net,
}
