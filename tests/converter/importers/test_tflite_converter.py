"""Files that TensorFlow's converter makes of random Keras networks, of all its kinds."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import tflite_models as tm
from microlut.conversion.pipeline import convert
from microlut.graph import evaluate as floats
from microlut.graph.batch import Batch, only
from microlut.graph.passes import run_passes
from microlut.importers import import_model
from microlut.verification.runtimes import run_tflite_micro

pytestmark = pytest.mark.keras
SEEDS = range(4)


def converter(made: Any) -> Any:
    tf = pytest.importorskip("tensorflow", reason="needs TensorFlow")
    return tf.lite.TFLiteConverter.from_keras_model(made)


@cache
def model(seed: int, wide: bool = False) -> tuple[Any, np.ndarray]:
    """Return a random network and inputs of it; the converter has no PReLU of int16."""
    keras = pytest.importorskip("keras", reason="needs Keras 3; pip install tensorflow")
    keras.utils.set_random_seed(seed)
    rng = np.random.default_rng(seed)
    shape = (int(rng.integers(6, 12)), int(rng.integers(6, 12)), int(rng.integers(1, 5)))
    layers = keras.layers
    x = inputs = keras.Input(shape)
    channels = 4 * int(rng.integers(1, 3))
    padding = ["same", "valid"][seed % 2]
    x = layers.Conv2D(channels, 3, padding=padding, activation=[None, "relu"][seed % 2])(x)
    x = layers.BatchNormalization()(x)
    last = layers.ReLU if wide else layers.PReLU
    x = [layers.ReLU(), layers.LeakyReLU(), layers.ReLU(6.0), last()][seed % 4](x)
    y = layers.DepthwiseConv2D(3, padding="same", activation="relu")(x)
    x = layers.Add()([x, y]) if seed % 2 else layers.Concatenate()([x, y])
    x = [layers.MaxPooling2D(2), layers.AveragePooling2D(2)][seed % 2](x)
    x = [
        layers.Conv2DTranspose(4, 2, strides=2),
        layers.SeparableConv2D(6, 3, padding="same"),
        layers.ZeroPadding2D(1),
        layers.Conv2D(channels, 3, strides=2, padding="same"),
    ][seed % 4](x)
    x = layers.Multiply()([x, layers.Activation("sigmoid")(x)])
    x = layers.GlobalAveragePooling2D()(x) if seed % 2 else layers.Flatten()(x)
    x = layers.Dense(5, activation=[None, "tanh"][seed % 2], use_bias=seed != 2)(x)
    x = layers.Softmax()(x)
    return keras.Model(inputs, x), rng.normal(0.3, 1, (24, *shape)).astype(np.float32)


def converted(seed: int, kind: str) -> bytes:
    """Return the file of a kind: float, float16, dynamic, int8 or 16x8."""
    tf = pytest.importorskip("tensorflow", reason="needs TensorFlow")
    made, samples = model(seed, kind == "16x8")
    own = converter(made)
    if kind != "float":
        own.optimizations = [tf.lite.Optimize.DEFAULT]
    if kind == "float16":
        own.target_spec.supported_types = [tf.float16]
    if kind in ("int8", "16x8"):
        return integer_file(made, kind, samples)
    content: bytes = own.convert()
    return content


def integer_file(made: Any, kind: str, samples: np.ndarray) -> bytes:
    """Return the file of a network of integers, whose ranges are those of some samples."""
    tf = pytest.importorskip("tensorflow", reason="needs TensorFlow")
    own = converter(made)
    own.optimizations = [tf.lite.Optimize.DEFAULT]
    own.representative_dataset = lambda: ([x[None]] for x in samples)
    sets, name = tf.lite.OpsSet, "TFLITE_BUILTINS_INT8"
    if kind == "16x8":
        name = "EXPERIMENTAL_TFLITE_BUILTINS_ACTIVATIONS_INT16_WEIGHTS_INT8"
    own.target_spec.supported_ops = [getattr(sets, name)]
    dtype = tf.int8 if kind == "int8" else tf.int16
    own.inference_input_type = own.inference_output_type = dtype
    content: bytes = own.convert()
    return content


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("kind", ["int8", "16x8"])
def test_integers_are_those_of_tflite_micro(kind: str, seed: int, tmp_path: Path):
    content = converted(seed, kind)
    found = tm.stored(tm.imported(content, tmp_path))
    inputs = tm.random_inputs(found, seed)
    wanted = run_tflite_micro(content, inputs)
    assert np.array_equal(tm.outputs(found, inputs), wanted)
    assert len(np.unique(wanted, axis=0)) > 1


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize(("kind", "error"), [("float", 1e-5), ("float16", 2e-3), ("dynamic", 0.05)])
def test_real_networks_compute_what_keras_does(kind: str, error: float, seed: int, tmp_path: Path):
    made, samples = model(seed)
    graph = run_passes(tm.imported(converted(seed, kind), tmp_path))
    assert not graph.exact
    found = only(floats.outputs(graph, Batch({graph.inputs[0].name: samples})))
    wanted = np.asarray(made(samples, training=False))
    np.testing.assert_allclose(found, wanted, atol=error)


def test_dilated_convolutions_are_put_together(tmp_path: Path):
    """The converter takes them apart; its file has wrong shapes there, which devices believe."""
    keras = pytest.importorskip("keras", reason="needs Keras 3; pip install tensorflow")
    inputs = keras.Input((11, 9, 3))
    x = keras.layers.Conv2D(4, 3, dilation_rate=(2, 3), padding="same", activation="relu")(inputs)
    x = keras.layers.DepthwiseConv2D(3, dilation_rate=2)(x)
    made = keras.Model(inputs, x)
    graph = run_passes(tm.imported(converter(made).convert(), tmp_path))
    assert [type(node.op).__name__ for node in graph.nodes] == ["Conv2D", "DepthwiseConv2D"]
    samples = np.random.default_rng(0).normal(0, 1, (3, 11, 9, 3)).astype(np.float32)
    found = only(floats.outputs(graph, Batch({graph.inputs[0].name: samples})))
    np.testing.assert_allclose(found, np.asarray(made(samples)), atol=1e-5)


@pytest.mark.parametrize("kind", ["int8", "16x8"])
def test_depthwise_convolutions_of_one_channel_are_convolutions(kind: str, tmp_path: Path):
    """Such as the first layer of micro_speech, the example that most people begin with."""
    keras = pytest.importorskip("keras", reason="needs Keras 3; pip install tensorflow")
    inputs = keras.Input((13, 10, 1))
    depthwise = keras.layers.DepthwiseConv2D(
        (5, 4), 2, "same", 8, activation="relu", bias_initializer="random_normal"
    )
    x = keras.layers.Dense(4)(keras.layers.Flatten()(depthwise(inputs)))
    samples = np.random.default_rng(0).normal(0, 1, (24, 13, 10, 1)).astype(np.float32)
    content = integer_file(keras.Model(inputs, x), kind, samples)
    graph = tm.imported(content, tmp_path)
    assert "DepthwiseConv2D" not in {type(node.op).__name__ for node in graph.nodes}
    found = tm.stored(graph)
    given = tm.random_inputs(found, 0)
    assert np.array_equal(tm.outputs(found, given), run_tflite_micro(content, given))


def test_ranges_of_training_are_those_of_tensors(tmp_path: Path):
    """The converter writes QUANTIZE and DEQUANTIZE for them if it is not asked to quantize."""
    keras = pytest.importorskip("keras", reason="needs Keras 3; pip install tensorflow")
    tf = pytest.importorskip("tensorflow", reason="needs TensorFlow")

    class Rounded(keras.layers.Layer):  # type: ignore[misc]
        def call(self, x: Any) -> Any:
            return tf.quantization.fake_quant_with_min_max_vars(x, -2.0, 3.0)

    keras.utils.set_random_seed(1)
    inputs = keras.Input((6, 5, 2), name="picture")
    x = keras.layers.Conv2D(3, 3)(Rounded()(inputs))
    made = keras.Model(inputs, keras.layers.Dense(4)(keras.layers.Flatten()(Rounded()(x))))
    path = tmp_path / "net.tflite"
    path.write_bytes(converter(made).convert())
    samples = np.random.default_rng(1).uniform(-1, 1, (8, 6, 5, 2)).astype(np.float32)
    found = only(floats.outputs(import_model(path), Batch({"picture": samples})))
    np.testing.assert_allclose(found, made.predict(samples, verbose=0), atol=0.05)
    result = convert(path, bits=8, input_range=(-1.0, 1.0))
    scales = [tensor.scale for tensor in result.quantized.tensors().values()]
    assert scales[1] == pytest.approx(5 / 255)
