"""Layers that normalize the values of an input along any dimensions, of both Kerases."""

import numpy as np
import pytest

from microlut.errors import InvalidInput, UnsupportedModel
from microlut.graph import evaluate as floats
from microlut.graph.passes import run_passes
from microlut.importers import import_model
from microlut.ops.layer_normalization import LayerNormalization
from microlut.ops.transpose import Transpose

SHAPE = (6, 4, 8)
LAYERS = {
    "rows": lambda k: k.LayerNormalization(axis=1),
    "columns": lambda k: k.LayerNormalization(axis=-2, epsilon=1e-6),
    "two_apart": lambda k: k.LayerNormalization(axis=[1, 3], center=False),
    "unordered": lambda k: k.LayerNormalization(axis=[-1, 1]),
    "last_two": lambda k: k.LayerNormalization(axis=[2, 3]),
    "all": lambda k: k.LayerNormalization(axis=[1, 2, 3], scale=False),
    "groups": lambda k: k.GroupNormalization(4),
    "groups_of_rows": lambda k: k.GroupNormalization(3, axis=1, scale=False),
    "groups_of_columns": lambda k: k.GroupNormalization(2, axis=2, center=False),
    "instances": lambda k: k.GroupNormalization(-1),
    "steps": lambda k: k.TimeDistributed(k.LayerNormalization()),
    "steps_rows": lambda k: k.TimeDistributed(k.LayerNormalization(axis=1)),
    "steps_groups": lambda k: k.TimeDistributed(k.GroupNormalization(2)),
}
OF_KERAS_3 = {
    "rms": lambda k: k.RMSNormalization(epsilon=0.1),
    "rms_last_two": lambda k: k.RMSNormalization(axis=[2, 3]),
    "rms_steps": lambda k: k.TimeDistributed(k.RMSNormalization()),
    "deviation": lambda k: k.LayerNormalization(axis=[1, 2], rms_scaling=True),
}


@pytest.fixture(params=["keras", "tf_keras"])
def k(request):
    return pytest.importorskip(request.param, reason="needs TensorFlow and tf_keras")


def check(k, made, tmp_path, shape=SHAPE):
    model = k.Sequential([k.Input(shape), made])
    rng = np.random.default_rng(3)
    model.set_weights([rng.uniform(-1, 1.5, w.shape) for w in model.get_weights()])
    x = rng.normal(0.5, 1, size=(3, *shape)).astype(np.float32)
    model.save(tmp_path / "model.keras")
    imported = import_model(tmp_path / "model.keras")
    for graph in (imported, run_passes(imported)):
        wanted = model.predict(x, verbose=0)
        np.testing.assert_allclose(floats.evaluate(graph, x), wanted, rtol=1e-4, atol=1e-5)
    return imported


@pytest.mark.keras
@pytest.mark.parametrize("name", LAYERS)
def test_float_equals_keras(k, name, tmp_path):
    imported = check(k, LAYERS[name](k.layers), tmp_path)
    moved = sum(isinstance(node.op, Transpose) for node in imported.nodes)
    free = ("last_two", "all", "groups", "instances", "steps", "steps_groups")
    assert moved == (0 if name in free else 2)


@pytest.mark.keras
@pytest.mark.parametrize("name", OF_KERAS_3)
def test_float_equals_keras_3(keras, name, tmp_path):
    check(keras, OF_KERAS_3[name](keras.layers), tmp_path)


@pytest.mark.keras
def test_weights_lie_along_the_last_dimension_as_keras_has_them(keras, tmp_path):
    """RMSNormalization(axis=1) of a square has a weight per column."""
    imported = check(keras, keras.layers.RMSNormalization(axis=1), tmp_path, (5, 5))
    (op,) = (node.op for node in imported.nodes if isinstance(node.op, LayerNormalization))
    assert op.gain.shape == (1,)


@pytest.mark.keras
@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda k: k.LayerNormalization(axis=[0, 1]), r"axis=0"),
        (lambda k: k.GroupNormalization(2, axis=0), "axis=0"),
    ],
)
def test_layers_across_inputs_are_refused(keras, make, message):
    x = keras.Input(batch_shape=(2, 4, 8))
    with pytest.raises(UnsupportedModel, match=message):
        import_model(keras.Model(x, make(keras.layers)(x)))


@pytest.mark.keras
def test_negative_epsilon_is_refused(keras):
    x = keras.Input((8,))
    model = keras.Model(x, keras.layers.LayerNormalization(epsilon=-0.5)(x))
    with pytest.raises(InvalidInput, match=r"epsilon is -0\.5"):
        import_model(model)
