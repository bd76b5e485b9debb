"""TimeDistributed of functions, recurrent layers and layers of several inputs: as in Keras."""

import numpy as np
import pytest

from microlut.errors import UnsupportedModel
from microlut.graph import evaluate as floats
from microlut.graph.batch import Batch
from microlut.graph.passes import run_passes
from microlut.importers import import_model
from sweeps import in_sweeps

pytestmark = pytest.mark.keras
RNG = np.random.default_rng(5)


def graph_of(model):
    """Compare the imported model with Keras, before and after the passes, and return its graph."""
    for weight in model.weights:
        weight.assign(RNG.normal(size=weight.shape))
    samples = RNG.normal(size=(2, *model.input_shape[1:])).astype(np.float32)
    wanted = np.asarray(model(samples))
    read = import_model(model)
    for graph in (read, run_passes(read)):
        found = floats.outputs(graph, Batch({graph.inputs[0].name: samples}))
        (y,) = found.arrays.values()
        assert y.shape == wanted.shape
        np.testing.assert_allclose(y, wanted, rtol=1e-5, atol=1e-5)
    return graph


def of_each(keras, shape, function, outer=()):
    """Return a model that applies one to each step, or to each step of each step."""
    x = keras.Input(shape)
    inner = keras.Model(x, function(x))
    layer = keras.layers.TimeDistributed(inner)
    given = keras.Input((*outer, 3, *shape))
    for _ in outer:
        layer = keras.layers.TimeDistributed(layer)
    return keras.Model(given, layer(given))


FUNCTIONS = {
    "abs": lambda k, x: k.ops.abs(x),
    "centered": lambda k, x: x - k.ops.mean(x, axis=1, keepdims=True),
    "clipped": lambda k, x: k.ops.clip(x, -0.5, 0.7),
    "constant": lambda k, x: x * np.arange(1, 21, dtype=np.float32).reshape(1, 4, 5),
    "constant_of_channels": lambda k, x: x + np.arange(5, dtype=np.float32),
    "dot": lambda k, x: k.layers.Dot((2, 1))([x, k.ops.mean(x, axis=1)]),
    "highest": lambda k, x: k.ops.max(x, axis=1),
    "of_other_ranks": lambda k, x: k.layers.Add()([x, k.ops.mean(x, axis=1)]),
    "part": lambda k, x: k.ops.split(x, 2, axis=1)[1],
    "square": lambda k, x: x**2,
    "subscript": lambda k, x: x[:, 1:3, ::2],
    "transposed": lambda k, x: k.ops.transpose(x, (0, 2, 1)),
}


@pytest.mark.parametrize("name", FUNCTIONS)
def test_functions_of_each_step(name, keras):
    graph_of(of_each(keras, (4, 5), lambda x: FUNCTIONS[name](keras, x)))


@pytest.mark.parametrize("name", ["abs", "centered", "dot", "part"])
def test_functions_of_each_step_of_each_step(name, keras):
    graph_of(of_each(keras, (4, 5), lambda x: FUNCTIONS[name](keras, x), (2,)))


@pytest.mark.parametrize("name", ["abs", "clipped", "constant", "square"])
def test_functions_of_values_are_applied_to_all_steps_at_once(name, keras):
    graph = graph_of(of_each(keras, (4, 5), lambda x: FUNCTIONS[name](keras, x)))
    assert len(graph.nodes) == 1


def test_functions_of_tensorflow(tf_keras):
    import tensorflow as tf

    def function(x):
        y = tf.nn.relu(x) - tf.reduce_mean(x, axis=1, keepdims=True)
        return tf.clip_by_value(y, -0.4, 0.6) / 2.0

    graph_of(of_each(tf_keras, (4, 5), function))


RECURRENT = {
    "both": lambda k: k.layers.Bidirectional(k.layers.GRU(2, return_sequences=True)),
    "last": lambda k: k.layers.LSTM(3),
    "sequence": lambda k: k.layers.SimpleRNN(3, return_sequences=True, go_backwards=True),
}


@pytest.mark.parametrize("keras_name", ["keras", "tf_keras"])
@pytest.mark.parametrize("name", RECURRENT)
def test_recurrent_layers_of_each_step(name, keras_name, request):
    k = request.getfixturevalue(keras_name)
    x = k.Input((3, 4, 5))
    graph_of(k.Model(x, k.layers.TimeDistributed(RECURRENT[name](k))(x)))
    graph_of(of_each(k, (4, 5), RECURRENT[name](k), (2,)))


@pytest.mark.parametrize("kind", ["Dropout", "BatchNormalization"])
def test_layers_that_act_as_in_training_are_refused(kind, keras):
    layer = keras.layers.Dropout(0.5) if kind == "Dropout" else keras.layers.BatchNormalization()
    x = keras.Input((3, 4))
    y = keras.layers.TimeDistributed(layer)(x, training=True)
    with pytest.raises(UnsupportedModel, match="training=True"):
        import_model(keras.Model(x, y))


@pytest.mark.parametrize(
    ("keras_name", "ending"),
    [
        *(("keras", ".keras"), ("tf_keras", ".h5")),
        *in_sweeps(("keras", ".h5"), ("tf_keras", ".keras"), ("tf_keras", "")),
    ],
)
def test_arrays_of_each_step_are_read_from_every_format(keras_name, ending, request, tmp_path):
    k = request.getfixturevalue(keras_name)
    each = k.layers.TimeDistributed
    x = k.Input((2, 3, 4, 5))
    y = each(each(k.Sequential([k.Input((4, 5)), k.layers.Conv1D(3, 2), k.layers.Flatten()])))(x)
    z = each(each(k.layers.Dense(2)))(x)
    w = each(each(k.layers.Bidirectional(k.layers.LSTM(2))))(x)
    flat = [k.layers.Flatten()(tensor) for tensor in (y, z, w)]
    model = k.Model(x, k.layers.Concatenate()(flat))
    wanted = graph_of(model)
    samples = Batch({wanted.inputs[0].name: RNG.normal(size=(1, 2, 3, 4, 5)).astype(np.float32)})
    (y,) = floats.outputs(wanted, samples).arrays.values()
    model.save(tmp_path / f"model{ending}")
    (found,) = floats.outputs(import_model(tmp_path / f"model{ending}"), samples).arrays.values()
    np.testing.assert_allclose(found, y, rtol=1e-5, atol=1e-5)
