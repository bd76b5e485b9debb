"""Recurrent layers with other functions than tanh and sigmoid."""

from __future__ import annotations

import numpy as np
import pytest

from keras_zoo import predict
from microlut.errors import UnsupportedModel
from microlut.graph.evaluate import evaluate
from microlut.graph.passes import run_passes
from microlut.importers import import_model
from microlut.ops.recurrent import Recurrent
from microlut.quantize.shared import stored_layers

pytestmark = [pytest.mark.keras, pytest.mark.filterwarnings("ignore")]

STEPS = 4
CELLS = {
    "lstm": ("LSTM", {"activation": "relu"}),
    "lstm_hard": ("LSTM", {"recurrent_activation": "hard_sigmoid", "return_sequences": True}),
    "lstm_linear": ("LSTM", {"activation": None, "go_backwards": True, "use_bias": False}),
    "gru": ("GRU", {"activation": "relu", "return_sequences": True}),
    "gru_hard": ("GRU", {"activation": "softsign", "recurrent_activation": "hard_sigmoid"}),
    "gru_reset_before": ("GRU", {"activation": "elu", "reset_after": False}),
    "simple_rnn": ("SimpleRNN", {"activation": "relu", "return_sequences": True}),
}


def layer_of(k, name):
    kind, options = CELLS[name]
    return getattr(k.layers, kind)(5, bias_initializer="random_normal", **options)


@pytest.mark.parametrize("library", ["keras", "tf_keras"])
@pytest.mark.parametrize("name", CELLS)
def test_cell_equals_keras(name, library):
    k = pytest.importorskip(library)
    x = k.Input((STEPS, 3))
    model = k.Model(x, layer_of(k, name)(x))
    values = np.random.default_rng(1).normal(size=(6, STEPS, 3)).astype(np.float32)
    graph = import_model(model)
    np.testing.assert_allclose(evaluate(graph, values), predict(model, values), rtol=0, atol=1e-6)
    assert not any(isinstance(node.op, Recurrent) for node in graph.nodes)
    assert len(stored_layers(graph)) <= 4  # all steps share their weights


@pytest.mark.parametrize("mode", ["concat", "sum", "ave", "mul"])
@pytest.mark.parametrize("name", ["lstm", "gru"])
def test_both_directions_equal_keras(name, mode, keras):
    x = keras.Input((STEPS, 3))
    model = keras.Model(x, keras.layers.Bidirectional(layer_of(keras, name), mode)(x))
    values = np.random.default_rng(1).normal(size=(6, STEPS, 3)).astype(np.float32)
    found = evaluate(run_passes(import_model(model)), values)
    np.testing.assert_allclose(found, predict(model, values), rtol=0, atol=1e-6)


def test_usual_functions_stay_one_operator(keras):
    x = keras.Input((STEPS, 3))
    graph = import_model(keras.Model(x, keras.layers.LSTM(5)(x)))
    assert [type(node.op) for node in graph.nodes] == [Recurrent]


def test_too_many_steps_are_refused(keras):
    x = keras.Input((257, 1))
    model = keras.Model(x, keras.layers.SimpleRNN(2, "relu", name="memory")(x))
    with pytest.raises(UnsupportedModel, match=r"memory.*reads 257 steps.*up to 256"):
        import_model(model)


@pytest.mark.parametrize("option", ["activation", "recurrent_activation"])
def test_unknown_function_is_refused(option, keras):
    x = keras.Input((STEPS, 1))
    layer = keras.layers.LSTM(2, **{option: lambda v: v * v}, name="memory")
    with pytest.raises(UnsupportedModel, match=rf"'memory' \(LSTM\): {option} 'lambda'"):
        import_model(keras.Model(x, layer(x)))


@pytest.mark.parametrize("axis", [-1, 1])
def test_softmax_layer_goes_along_the_units(axis, keras):
    x = keras.Input((STEPS, 3))
    layer = keras.layers.SimpleRNN(5, activation=keras.layers.Softmax(axis))
    model = keras.Model(x, layer(x))
    values = np.random.default_rng(1).normal(size=(6, STEPS, 3)).astype(np.float32)
    found = evaluate(import_model(model), values)
    np.testing.assert_allclose(found, predict(model, values), rtol=0, atol=1e-6)
