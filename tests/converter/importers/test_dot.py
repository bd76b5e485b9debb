"""Dot of a vector with one or more vectors, of both Kerases."""

import math

import numpy as np
import pytest

import microlut
from microlut.errors import UnsupportedModel
from microlut.graph import evaluate as floats
from microlut.graph.batch import Batch
from microlut.graph.passes import run_passes
from microlut.importers import import_model
from microlut.ops.unit_normalization import UnitNormalization

# By name: the shapes of both inputs, and the options.
CASES = {
    "vectors": ((6,), (6,), {"axes": 1}),
    "from_the_end": ((6,), (6,), {"axes": -1}),
    "cosine": ((6,), (6,), {"axes": 1, "normalize": True}),
    "rows_with_a_vector": ((4, 6), (6,), {"axes": (2, 1)}),
    "vector_with_columns": ((6,), (6, 4), {"axes": 1, "normalize": True}),
    "one_row": ((1, 6), (5, 6), {"axes": 2}),
    "picture_with_a_vector": ((3, 4, 6), (3,), {"axes": [1, 1], "normalize": True}),
    "numbers": ((1,), (1,), {"axes": 1}),
}


@pytest.fixture(params=["keras", "tf_keras"])
def k(request):
    return pytest.importorskip(request.param, reason="needs TensorFlow and tf_keras")


def model_of(k, first, second, options):
    inputs = [k.Input(first, name="a"), k.Input(second, name="b")]
    return k.Model(inputs, k.layers.Dot(**options)(inputs))


@pytest.mark.keras
@pytest.mark.parametrize("name", CASES)
def test_float_equals_keras(k, name, tmp_path):
    first, second, options = CASES[name]
    model = model_of(k, first, second, options)
    model.save(tmp_path / "dot.keras")
    imported = import_model(tmp_path / "dot.keras")
    rng = np.random.default_rng(0)
    given = {
        tensor.name: rng.normal(size=(3, *tensor.shape)).astype(np.float32)
        for tensor in imported.inputs
    }
    wanted = model.predict(list(given.values()), verbose=0)
    for graph in (imported, run_passes(imported)):
        found = floats.evaluate(graph, Batch(given))
        assert found.shape == wanted.shape
        np.testing.assert_allclose(found, wanted, rtol=1e-5, atol=1e-5)


@pytest.mark.keras
def test_siamese_network_is_near_the_float_one(keras):
    keras.utils.set_random_seed(1)
    encoder = keras.Sequential([keras.Input((10,)), keras.layers.Dense(8)])
    inputs = [keras.Input((10,), name="a"), keras.Input((10,), name="b")]
    y = keras.layers.Dot(axes=1, normalize=True)([encoder(x) for x in inputs])
    rng = np.random.default_rng(1)
    x = {name: rng.normal(size=(200, 10)).astype(np.float32) for name in "ab"}
    made = microlut.convert(keras.Model(inputs, y), x, bits=8)
    assert sum(isinstance(node.op, UnitNormalization) for node in made.graph.nodes) == 2
    assert made.tflite is not None
    assert made.report.quality.snr_db > 25
    assert math.isfinite(made.report.quality.snr_db)


@pytest.mark.keras
@pytest.mark.parametrize(
    ("first", "second", "options", "message"),
    [
        ((4, 6), (5, 6), {"axes": 2}, r"multiplies matrices, of shapes \[4, 6\] and \[5, 6\]"),
        ((4, 6), (6,), {"axes": (0, 1)}, r"axes=\[0, 1\]"),
    ],
)
def test_other_products_are_refused(keras, first, second, options, message):
    inputs = [keras.Input(batch_shape=(6, *shape)) for shape in (first, second)]
    model = keras.Model(inputs, keras.layers.Dot(**options)(inputs))
    with pytest.raises(UnsupportedModel, match=message):
        import_model(model)
