"""Models in less precise types: mixed and half precision, and quantized dense layers of Keras 3."""

from itertools import product

import numpy as np
import pytest

from keras_zoo import PICTURE
from microlut.errors import InvalidInput, UnsupportedModel
from microlut.graph.evaluate import evaluate
from microlut.importers import import_model
from microlut.importers.keras.config import Layer
from microlut.importers.keras.quantized_dense import dequantized
from sweeps import in_sweeps

pytestmark = pytest.mark.keras


def saved(model, ending, folder):
    if ending is None:
        return model
    path = folder / f"net{ending}"
    model.save(path)
    return path


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("ending", [None, ".keras"])
@pytest.mark.parametrize("policy", ["mixed_float16", "mixed_bfloat16", "float16", "bfloat16"])
def test_float_policies_are_the_network_without_their_rounding(policy, ending, keras, tmp_path):
    x = keras.Input(PICTURE)
    y = keras.layers.Conv2D(4, 3, activation="relu", dtype=policy)(x)
    y = keras.layers.Dense(3, dtype=policy)(keras.layers.Flatten(dtype=policy)(y))
    model = keras.Model(x, y)
    inputs = np.random.default_rng(0).random((4, *PICTURE)).astype(np.float32)
    wanted = np.asarray(model(inputs)).astype(np.float32)
    found = evaluate(import_model(saved(model, ending, tmp_path)), inputs)
    np.testing.assert_allclose(found, wanted, atol=0.05)


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("ending", [None, ".keras", ".h5"])
@pytest.mark.parametrize("use_bias", [True, False])
def test_int8_dense_layers_have_real_kernels(use_bias, ending, keras, tmp_path):
    x = keras.Input((16,))
    random = keras.initializers.RandomNormal(stddev=1.0, seed=1)
    dense = keras.layers.Dense(8, use_bias=use_bias, bias_initializer=random)
    model = keras.Model(x, dense(x))
    inputs = np.random.default_rng(0).normal(size=(20, 16)).astype(np.float32)
    wanted = np.asarray(model(inputs))
    model.quantize("int8")
    found = evaluate(import_model(saved(model, ending, tmp_path)), inputs)
    np.testing.assert_allclose(found, wanted, atol=0.03)


def quantized(keras, mode, block=None):
    """Return a model with dense layers alone, in a nested model, and of one output."""
    layers, options = keras.layers, {"bias_initializer": "random_normal"}
    inner = keras.Sequential([keras.Input((3, 7)), layers.Dense(5, "relu", **options)])
    x = keras.Input((3, 10))
    y = inner(layers.Dense(7, **options)(x))
    y = layers.Dense(1, use_bias=False)(y)
    model = keras.Model(x, layers.Dense(4)(layers.Flatten()(y)))
    if block is None:
        model.quantize(mode)
    else:
        model.quantize(mode, config=keras.quantizers.Int4QuantizationConfig(block_size=block))
    return model


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize(
    ("block", "ending"),
    [
        *((None, ".keras"), (4, ".h5"), (-1, None)),
        *in_sweeps(*product([None], [None, ".h5"]), *product([4, -1], [".keras"])),
        *in_sweeps((4, None), (-1, ".h5")),
    ],
)
def test_int4_dense_layers_are_those_of_keras(block, ending, keras, tmp_path):
    model = quantized(keras, "int4", block)
    inputs = np.random.default_rng(0).normal(size=(20, 3, 10)).astype(np.float32)
    found = evaluate(import_model(saved(model, ending, tmp_path)), inputs)
    np.testing.assert_allclose(found, np.asarray(model(inputs)), rtol=1e-5, atol=1e-5)


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("ending", [None, ".keras", ".h5"])
@pytest.mark.parametrize("use_bias", [True, False])
def test_float8_kernels_are_rounded_as_in_keras(use_bias, ending, keras, tmp_path):
    x = keras.Input((12,))
    layer = keras.layers.Dense(40, use_bias=use_bias, bias_initializer="random_normal")
    model = keras.Model(x, layer(x))
    model.quantize("float8")
    random = np.random.default_rng(0)
    layer.kernel.assign(random.normal(size=(12, 40)) * 10.0 ** random.uniform(-5, 5, (12, 40)))
    layer.kernel_scale.assign(0.75)
    inputs = random.integers(-8, 9, (20, 12)).astype(np.float32)  # which float8 has
    wanted = np.asarray(model(inputs))
    found = evaluate(import_model(saved(model, ending, tmp_path)), inputs)
    np.testing.assert_allclose(found, wanted, rtol=1e-5, atol=1e-3)  # of numbers up to 336


@pytest.mark.filterwarnings("ignore")
def test_another_quantization_is_refused_by_name(keras, tmp_path):
    x = keras.Input((16, 4))
    model = keras.Model(x, keras.layers.EinsumDense("abc,cd->abd", (16, 8))(x))
    model.quantize("int4")
    with pytest.raises(UnsupportedModel, match="EinsumDense"):
        import_model(saved(model, ".keras", tmp_path))


def test_a_packed_kernel_of_another_size_is_refused():
    entry = {"class_name": "Int4DTypePolicy", "config": {"mode": "int4/-1"}}
    layer = Layer(("dense",), "Dense", {"units": 7, "use_bias": False, "dtype": entry}, {}, "net")
    kernel, scale = np.zeros((5, 4), np.int8), np.ones(7, np.float32)
    assert dequantized(layer, (kernel, scale))[0].shape == (5, 7)
    with pytest.raises(InvalidInput, match="its int4 kernel has shape"):
        dequantized(layer, (kernel[:, :3], scale))
    with pytest.raises(InvalidInput, match="not above 0"):
        dequantized(layer, (kernel, -scale))
    with pytest.raises(InvalidInput, match="has 1 arrays"):
        dequantized(layer, (kernel,))
