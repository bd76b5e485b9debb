"""Models in less precise types: mixed and half precision, and int8 dense layers of Keras 3."""

import numpy as np
import pytest

from keras_zoo import PICTURE
from microlut.graph.evaluate import evaluate
from microlut.importers import import_model

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
