"""Functions of one value from both Kerases, by all their names and options, in every form."""

from __future__ import annotations

import numpy as np
import pytest

from microlut.errors import UnsupportedModel
from microlut.graph.evaluate import evaluate
from microlut.importers import import_model

pytestmark = pytest.mark.keras

BOTH = {
    "hard_sigmoid": lambda k, tf: k.layers.Activation("hard_sigmoid"),
    "hard_sigmoid_of_dense": lambda k, tf: k.layers.Dense(4, activation="hard_sigmoid"),
    "swish": lambda k, tf: k.layers.Dense(4, activation="swish"),
    "swish_of_tensorflow": lambda k, tf: k.layers.Dense(4, activation=tf.nn.swish),
    "gelu": lambda k, tf: k.layers.Dense(4, activation=k.activations.gelu),
    "mish": lambda k, tf: k.layers.Activation("mish"),
    "leaky_relu": lambda k, tf: k.layers.Dense(4, activation=tf.nn.leaky_relu),
    "leaky_default": lambda k, tf: k.layers.LeakyReLU(),
    "leaky_object": lambda k, tf: k.layers.Dense(4, activation=k.layers.LeakyReLU(0.1)),
    "elu_object": lambda k, tf: k.layers.Dense(4, activation=k.layers.ELU(0.5)),
    "limit_object": lambda k, tf: k.layers.Activation(k.layers.ReLU(1.5)),
    "relu_options": lambda k, tf: k.layers.ReLU(2.0, 0.1, 0.5),
    "prelu": lambda k, tf: k.layers.PReLU(alpha_initializer="ones"),
    "absolute": lambda k, tf: abs,
}
ONLY_KERAS_2 = {
    "threshold": lambda k, tf: k.layers.ThresholdedReLU(0.5),
    "leaky_by_position": lambda k, tf: lambda x: tf.nn.leaky_relu(x, 0.1),
    "gelu_by_position": lambda k, tf: lambda x: tf.nn.gelu(x, True),
    "clip": lambda k, tf: lambda x: tf.clip_by_value(x, -0.5, 1.0),
    "hard_sigmoid_function": lambda k, tf: k.activations.hard_sigmoid,
    "log_sigmoid": lambda k, tf: tf.math.log_sigmoid,
    "erf": lambda k, tf: tf.math.erf,
}
CASES = [(name, keras) for name in BOTH for keras in ("keras", "tf_keras")]
CASES += [(name, "tf_keras") for name in ONLY_KERAS_2]


@pytest.mark.parametrize(("name", "keras_name"), CASES)
def test_function_equals_keras(name, keras_name, request, tmp_path):
    tf = pytest.importorskip("tensorflow")
    k = request.getfixturevalue(keras_name)
    x = k.Input((4,))
    model = k.Model(x, {**BOTH, **ONLY_KERAS_2}[name](k, tf)(x))
    values = np.random.default_rng(1).normal(0, 2, (64, 4)).astype(np.float32)
    wanted = np.asarray(model(values))
    model.save(tmp_path / "model.keras")
    for source in (model, tmp_path / "model.keras"):
        found = evaluate(import_model(source), values)
        np.testing.assert_allclose(found, wanted, rtol=1e-5, atol=2e-6)


def test_arguments_that_nothing_reads_are_refused(tf_keras):
    tf = pytest.importorskip("tensorflow")
    x = tf_keras.Input((4,))
    with pytest.raises(UnsupportedModel, match=r"argument beta=2\.0"):
        import_model(tf_keras.Model(x, tf.nn.silu(x, 2.0)))


def test_approximate_gelu_of_keras_ops_is_not_taken_for_the_exact_one(keras):
    x = keras.Input((4,))
    model = keras.Model(x, keras.layers.Dense(2, activation=keras.ops.gelu)(x))
    with pytest.raises(UnsupportedModel, match=r"keras\.ops\.gelu approximates"):
        import_model(model)


def test_an_empty_range_is_refused(keras):
    x = keras.Input((4,))
    with pytest.raises(UnsupportedModel, match="an empty range"):
        import_model(keras.Model(x, keras.ops.clip(x, 1.0, -1.0)))
