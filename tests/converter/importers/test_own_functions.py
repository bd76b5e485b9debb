"""Functions that share only their name with one of Keras's: they are refused."""

from __future__ import annotations

import pytest

from microlut.errors import UnsupportedModel
from microlut.importers import import_model


def relu(x):
    """Return something else."""
    return 2 * x


@pytest.fixture(params=["keras", "tf_keras"])
def either_keras(request):
    return request.getfixturevalue(request.param)


@pytest.mark.keras
def test_own_function_of_a_known_name_is_refused(either_keras):
    layers = either_keras.layers
    inner = either_keras.Sequential([either_keras.Input((4,)), layers.Dense(3, activation=relu)])
    for model in (inner, either_keras.Sequential([either_keras.Input((4,)), inner])):
        with pytest.raises(UnsupportedModel, match=r"activation relu comes from module test_own"):
            import_model(model)


@pytest.mark.keras
def test_own_function_in_an_activation_layer_is_refused(either_keras):
    model = either_keras.Sequential(
        [either_keras.Input((4,)), either_keras.layers.Activation(relu)]
    )
    with pytest.raises(UnsupportedModel, match="comes from module test_own_functions"):
        import_model(model)


@pytest.mark.keras
def test_functions_of_keras_and_tensorflow_are_taken(either_keras):
    import tensorflow as tf

    layers, activations = either_keras.layers, either_keras.activations
    model = either_keras.Sequential(
        [
            either_keras.Input((4,)),
            layers.Dense(3, activation=activations.relu),
            layers.Dense(3, activation=tf.nn.relu6),
            layers.Dense(3, activation=layers.ReLU()),
            layers.Dense(3),
        ]
    )
    assert len(import_model(model).nodes) >= 4
