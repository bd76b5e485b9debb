"""The size of the batch that a model of Keras 2 computes, and outputs that no input reaches."""

import numpy as np
import pytest

import microlut
from microlut.errors import UnsupportedModel
from microlut.graph.batch import Batch
from microlut.graph.evaluate import outputs
from microlut.importers import import_model

pytestmark = pytest.mark.keras
SHAPE = (4, 6, 2)
SAMPLES = np.random.default_rng(0).normal(size=(3, *SHAPE)).astype(np.float32)
ANCHORS = np.random.default_rng(1).uniform(0, 1, (4, 6, 1, 3)).astype(np.float32)


@pytest.fixture(name="tf")
def _tf():
    return pytest.importorskip("tensorflow")


def found(model):
    graph = import_model(model)
    return outputs(graph, Batch({graph.inputs[0].name: SAMPLES})).arrays


RESHAPES = {
    "rows": lambda tf, x: tf.reshape(x, (tf.shape(x)[0], 8, 6)),
    "rest": lambda tf, x: tf.reshape(x, [tf.shape(x)[0], 12, -1]),
    "compat": lambda tf, x: tf.reshape(x, [tf.compat.v1.shape(x)[0], 48]),
    "tiled": lambda tf, x: (
        tf.tile(x, [1, 2, 1, 3]) + 0 * tf.reshape(x, [tf.shape(x)[0], 1, 1, 48])[:, :, :, :1]
    ),
}


@pytest.mark.parametrize("name", RESHAPES)
def test_reshape_to_the_batch(name, tf, tf_keras):
    x = tf_keras.Input(SHAPE)
    model = tf_keras.Model(x, RESHAPES[name](tf, x))
    (made,) = found(model).values()
    np.testing.assert_allclose(made, model(SAMPLES), rtol=1e-5, atol=1e-6)


def detector(tf, tf_keras, *, join=False):
    """Return a network of boxes and of anchors, one for each of the batch, as detectors have it."""
    layers = tf_keras.layers
    x = tf_keras.Input(SHAPE)
    y = layers.Conv2D(3, 3, padding="same", name="boxes")(x)
    anchors = tf.tile(ANCHORS[None], [tf.shape(y)[0], 1, 1, 1, 1])
    boxes, anchors = layers.Reshape((-1, 3))(y), layers.Reshape((-1, 3))(anchors)
    anchors = layers.Concatenate(axis=1, name="anchors")([anchors, anchors])
    ends = [layers.Concatenate(axis=1)([boxes, anchors])] if join else [anchors, boxes]
    return tf_keras.Model(x, ends)


def test_output_that_no_input_reaches_is_left_out(tf, tf_keras, tmp_path):
    model = detector(tf, tf_keras)
    model.save(tmp_path / "model.h5")
    made = found(tmp_path / "model.h5")
    (boxes,) = made.values()
    assert list(made) == [model.output_names[1]]
    np.testing.assert_allclose(boxes, model(SAMPLES)[1], rtol=1e-5, atol=1e-6)
    left_out = "output 'anchors': the output is the same for all inputs and is left out"
    conversion = microlut.convert(model, SAMPLES, bits=8)
    assert conversion.report.warnings[0].startswith(left_out)
    without_data = microlut.convert(model, bits=8, input_range=(-3, 3))
    assert without_data.report.warnings[0].startswith(left_out)
    assert microlut.analyze(model).notes[0].startswith(left_out)


def test_constant_that_is_joined_with_tensors_is_refused(tf, tf_keras):
    with pytest.raises(UnsupportedModel, match="reads a constant and no tensor"):
        import_model(detector(tf, tf_keras, join=True))
