"""Options in looser types than Keras documents: read as Keras computes with them."""

import numpy as np
import pytest

from keras_zoo import PICTURE, predict, randomize, sample_inputs
from microlut.graph.evaluate import evaluate
from microlut.importers import import_model

pytestmark = [pytest.mark.keras, pytest.mark.sweep]

FLAGS = (0, 1, 2, -1, 0.0, 1.0, None)
WITH_FLAGS = {
    "conv": lambda k, flag: k.layers.Conv2D(4, 3, use_bias=flag),
    "depthwise": lambda k, flag: k.layers.DepthwiseConv2D(3, use_bias=flag),
    "dense": lambda k, flag: k.layers.Dense(4, use_bias=flag),
    "scale": lambda k, flag: k.layers.BatchNormalization(scale=flag),
    "center": lambda k, flag: k.layers.BatchNormalization(center=flag),
    "average": lambda k, flag: k.layers.GlobalAveragePooling2D(keepdims=flag),
    "max": lambda k, flag: k.layers.GlobalMaxPooling2D(keepdims=flag),
}
OTHERS = {
    "float strides": lambda k: k.layers.Conv2D(4, 3, strides=(2.0, 2.0)),
    "true strides": lambda k: k.layers.DepthwiseConv2D(3, strides=True),
    "true kernel": lambda k: k.layers.Conv2D(4, (True, 2)),
    "float dilation": lambda k: k.layers.Conv2D(4, 3, dilation_rate=(2, 1.0)),
    "true dilation": lambda k: k.layers.DepthwiseConv2D(3, dilation_rate=True),
    "float pool": lambda k: k.layers.MaxPooling2D((2.0, 3)),
    "float pool strides": lambda k: k.layers.AveragePooling2D(2, strides=(2, 1.0)),
    "true pool": lambda k: k.layers.AveragePooling2D(True),
    "true padding": lambda k: k.layers.ZeroPadding2D((True, 2)),
    "true cropping": lambda k: k.layers.Cropping2D((True, 2)),
    "true filters": lambda k: k.layers.Conv2D(True, 3),
    "true units": lambda k: k.layers.Dense(True),
    "true groups": lambda k: k.layers.Conv2D(4, 3, groups=True),
    "true multiplier": lambda k: k.layers.DepthwiseConv2D(3, depth_multiplier=True),
    "upper case": lambda k: k.layers.Conv2D(4, 3, padding="SAME", data_format="Channels_Last"),
    "float axis": lambda k: k.layers.Softmax(axis=-1.0),
    "array axis": lambda k: k.layers.Softmax(axis=np.array([3])),
    "false slope": lambda k: k.layers.ReLU(negative_slope=False, threshold=False),
    "array limit": lambda k: k.layers.ReLU(max_value=np.array(6.0)),
    "float shape": lambda k: k.layers.Reshape((12, -1.0)),
    "array shape": lambda k: k.layers.Reshape(np.array([12, 18])),
    "renorm": lambda k: k.layers.BatchNormalization(renorm=True),
    "momentum": lambda k: k.layers.BatchNormalization(momentum=0, epsilon=1),
}


REFUSED_BY_KERAS_2 = {
    "float strides",
    "true kernel",
    "float dilation",
    "true filters",
    "true units",
    "true multiplier",
    "float axis",
    "float shape",
}


def check(keras, layer, folder):
    """Compare what Keras computes with what is read from memory and from a .keras file."""
    x = keras.Input(PICTURE)
    model = keras.Model(x, layer(x))
    randomize(model)
    inputs = sample_inputs(model)
    expected = predict(model, inputs)
    model.save(folder / "model.keras")
    for source in (model, folder / "model.keras"):
        found = evaluate(import_model(source), inputs)
        assert found.shape == expected.shape
        np.testing.assert_allclose(found, expected, atol=1e-5 * np.abs(expected).max())


@pytest.mark.parametrize("keras_name", ["keras", "tf_keras"])
@pytest.mark.parametrize("kind", WITH_FLAGS)
def test_import_model_reads_any_value_for_a_boolean(kind, keras_name, request, tmp_path):
    keras = request.getfixturevalue(keras_name)
    for flag in FLAGS:
        check(keras, WITH_FLAGS[kind](keras, flag), tmp_path)


@pytest.mark.parametrize("kind", OTHERS)
def test_import_model_reads_loose_types(kind, keras, tmp_path):
    check(keras, OTHERS[kind](keras), tmp_path)


@pytest.mark.parametrize("kind", sorted(OTHERS.keys() - REFUSED_BY_KERAS_2))
def test_import_model_reads_loose_types_of_keras2(kind, tf_keras, tmp_path):
    check(tf_keras, OTHERS[kind](tf_keras), tmp_path)
