"""Softmax along any dimension, as a layer, as an activation and as a function."""

import numpy as np
import pytest

from microlut.errors import UnsupportedModel
from microlut.graph import evaluate as floats
from microlut.graph.passes import run_passes
from microlut.importers import import_model
from microlut.ops.reshape import Reshape
from microlut.ops.softmax import Softmax
from microlut.ops.transpose import Transpose

SHAPE = (6, 4, 3)
MODELS = {
    "rows": lambda k: k.layers.Softmax(axis=1),
    "columns": lambda k: k.layers.Softmax(axis=-2),
    "channels": lambda k: k.layers.Softmax(axis=3),
    "picture": lambda k: k.layers.Softmax(axis=[1, 2]),
    "two_apart": lambda k: k.layers.Softmax(axis=[1, -1]),
    "all": lambda k: k.layers.Softmax(axis=[1, 2, 3]),
    "activation": lambda k: k.layers.Activation(k.layers.Softmax(axis=1)),
    "dense": lambda k: k.layers.Dense(5, activation=k.layers.Softmax(axis=1)),
    "conv2d": lambda k: k.layers.Conv2D(5, 3, activation=k.layers.Softmax(axis=2)),
    "separable": lambda k: k.layers.SeparableConv2D(5, 3, activation=k.layers.Softmax(axis=1)),
    "steps": lambda k: k.layers.TimeDistributed(k.layers.Softmax(axis=1)),
    "steps_dense": lambda k: k.layers.TimeDistributed(
        k.layers.Dense(5, activation=k.layers.Softmax(axis=1))
    ),
    "steps_norm": lambda k: k.layers.TimeDistributed(k.layers.BatchNormalization(axis=1)),
    "steps_conv1d": lambda k: k.layers.TimeDistributed(
        k.layers.Conv1D(5, 2, activation=k.layers.Softmax(axis=1))
    ),
}
SEQUENCES = {
    "conv1d": lambda k: k.layers.Conv1D(5, 2, activation=k.layers.Softmax(axis=1)),
    "conv1d_last": lambda k: k.layers.Conv1D(5, 2, activation=k.layers.Softmax(axis=2)),
    "dense": lambda k: k.layers.Dense(5, activation=k.layers.Softmax(axis=1)),
}


@pytest.fixture(params=["keras", "tf_keras"])
def k(request):
    return pytest.importorskip(request.param, reason="needs TensorFlow and tf_keras")


def check(model, shape):
    imported = import_model(model)
    x = np.random.default_rng(0).normal(size=(3, *shape)).astype(np.float32)
    for graph in (imported, run_passes(imported)):
        wanted = model.predict(x, verbose=0)
        np.testing.assert_allclose(floats.evaluate(graph, x), wanted, rtol=1e-4, atol=1e-6)
    return imported


@pytest.mark.keras
@pytest.mark.parametrize("name", MODELS)
def test_float_equals_keras(k, name):
    check(k.Sequential([k.Input(SHAPE), MODELS[name](k)]), SHAPE)


@pytest.mark.keras
@pytest.mark.parametrize("name", SEQUENCES)
def test_layers_over_sequences_equal_keras(k, name):
    check(k.Sequential([k.Input((6, 4)), SEQUENCES[name](k)]), (6, 4))


@pytest.mark.keras
@pytest.mark.parametrize("axis", [1, 2, 3])
def test_pictures_of_steps_equal_keras(k, axis):
    conv = k.layers.Conv2D(2, 1, activation=k.layers.Softmax(axis=axis))
    shape = (2, *SHAPE)
    check(k.Sequential([k.Input(shape), k.layers.TimeDistributed(conv)]), shape)


@pytest.mark.keras
@pytest.mark.parametrize("axis", [1, -2, 3])
def test_functions_equal_keras(axis):
    keras = pytest.importorskip("keras")
    x = keras.Input(SHAPE)
    check(keras.Model(x, keras.ops.softmax(x, axis=axis)), SHAPE)


@pytest.mark.keras
@pytest.mark.parametrize("axis", [1, -2, 3, None])
def test_functions_of_tensorflow_equal_keras(tf_keras, axis):
    import tensorflow as tf

    x = tf_keras.Input(SHAPE)
    check(tf_keras.Model(x, tf.nn.softmax(x, axis)), SHAPE)


@pytest.mark.keras
@pytest.mark.parametrize(
    ("shape", "axis", "kinds"),
    [
        ((6, 4), 1, [Transpose, Softmax, Transpose]),
        ((6, 4), 2, [Softmax]),
        ((6, 1), 1, [Reshape, Softmax, Reshape]),
        ((6, 1, 1), 1, [Reshape, Softmax, Reshape]),
        ((6, 4, 3), (2, 3), [Reshape, Softmax, Reshape]),
        ((6, 4, 1), (1, 2), [Reshape, Reshape, Softmax, Reshape, Reshape]),
    ],
)
def test_only_dimensions_that_move_are_transposed(shape, axis, kinds):
    keras = pytest.importorskip("keras")
    graph = check(
        keras.Sequential([keras.Input(shape), keras.layers.Softmax(axis=axis)]),
        shape,
    )
    assert [type(node.op) for node in graph.nodes] == kinds


@pytest.mark.keras
@pytest.mark.parametrize(
    ("made", "message"),
    [
        (lambda k: k.layers.Softmax(axis=0), "axis=0"),
        (lambda k: k.layers.Softmax(axis=[0, 1]), "axis="),
        (lambda k: k.layers.Activation(k.layers.Softmax(axis=0)), "axis=0"),
        (lambda k: k.layers.TimeDistributed(k.layers.Softmax(axis=0)), "axis=0"),
    ],
)
def test_softmax_across_inputs_or_steps_is_refused(made, message):
    keras = pytest.importorskip("keras")
    layer = made(keras)
    shape = (2, *SHAPE) if isinstance(layer, keras.layers.TimeDistributed) else SHAPE
    model = keras.Sequential([keras.Input(shape), layer])
    with pytest.raises(UnsupportedModel, match=message):
        import_model(model)


@pytest.mark.keras
def test_softmax_function_of_all_inputs_is_refused():
    keras = pytest.importorskip("keras")
    x = keras.Input(SHAPE)
    with pytest.raises(UnsupportedModel, match="axis=None is all values"):
        import_model(keras.Model(x, keras.ops.softmax(x, axis=None)))
