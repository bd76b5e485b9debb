"""Layers with LoRA enabled, from every source: read as Keras computes them."""

import numpy as np
import pytest

from keras_zoo import predict, sample_inputs
from microlut.graph.evaluate import evaluate
from microlut.importers import import_model

pytestmark = pytest.mark.keras


def lora_model(keras, use_bias, frozen):
    """Return a model with LoRA in convolutions and dense layers, nested too, and in none."""
    layers = keras.layers
    x = keras.Input((9, 8, 3))
    y = layers.Conv2D(4, 3, name="plain")(layers.Conv2D(4, 3, use_bias=use_bias, name="lora")(x))
    inner = keras.Model(x, layers.BatchNormalization()(y), name="inner")
    x = keras.Input((9, 8, 3))
    y = layers.Conv2D(3, 1, use_bias=use_bias, name="top")(inner(x))
    y = layers.Dense(2, use_bias=use_bias, name="dense")(layers.Flatten()(y))
    model = keras.Model(x, y)
    inner.get_layer("lora").enable_lora(2)
    model.get_layer("top").enable_lora(1, lora_alpha=3)
    model.get_layer("dense").enable_lora(2, lora_alpha=0.5)
    inner.trainable = not frozen
    rng = np.random.default_rng(3)
    model.set_weights([rng.uniform(-1, 1, weight.shape) ** 2 for weight in model.weights])
    return model


@pytest.mark.parametrize("suffix", [None, ".keras", ".h5"])
@pytest.mark.parametrize("use_bias", [True, False])
@pytest.mark.parametrize("frozen", [True, False])
def test_import_model_adds_lora_to_the_kernel(suffix, use_bias, frozen, keras, tmp_path):
    model = lora_model(keras, use_bias, frozen)
    x = sample_inputs(model)
    source = model
    if suffix is not None:
        source = tmp_path / f"model{suffix}"
        model.save(source)
    expected = predict(model, x)
    found = evaluate(import_model(source), x)
    np.testing.assert_allclose(found, expected, atol=1e-5 * np.abs(expected).max())
