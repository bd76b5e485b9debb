"""Vectors divided by their lengths in all their forms."""

import numpy as np
import pytest
from harness import Case, layer, operator_tests

from graphs import run_integer
from microlut.errors import UnsupportedModel
from microlut.graph import evaluate as floats
from microlut.graph.ir import Graph, single
from microlut.graph.passes import run_passes
from microlut.importers import import_model
from microlut.ops.fixed_point import inverse_square_root
from microlut.ops.tensor import Tensor
from microlut.ops.unit_normalization import LONGEST, QUnitNormalization, UnitNormalization
from microlut.plan.limits import check_sizes

LAYER = layer("UnitNormalization")


def case(name, shape, made=LAYER, spread=1.0):
    return Case(name, UnitNormalization(), (shape,), made, (spread,))


def function(tensors):
    import keras

    return keras.ops.normalize(tensors[0])


CASES = (
    case("vector", (9,)),
    case("two", (2,), spread=100.0),
    case("single", (1,)),
    case("long", (1031,), spread=0.01),
    case("rows", (7, 5), function),
    case("picture", (4, 5, 3), layer("UnitNormalization", axis=3)),
    case("rank_four", (2, 3, 4, 5)),
    case("columns", (5, 6), layer("UnitNormalization", axis=1)),
    case("pixels", (4, 5, 3), layer("UnitNormalization", axis=[1, 2])),
    case("all", (4, 5, 3), layer("UnitNormalization", axis=[1, 2, 3])),
)
(
    test_float_equals_keras,
    test_training_equals_float,
    test_integer_equals_tflite_micro,
    test_c_equals_integer_on_this_computer,
    test_c_equals_integer_on_cortex_m4,
) = operator_tests(CASES)


@pytest.mark.parametrize(
    ("x", "wanted"),
    [
        ([3, 4], [77, 102]),
        ([0, 0], [0, 0]),
        ([1, 0], [127, 0]),
        ([-1, 0], [-128, 0]),
        ([1, 1], [91, 91]),
        ([-128, 127], [-91, 90]),
    ],
)
def test_worked_out_by_hand(x, wanted):
    y = run_integer(QUnitNormalization(), [np.array([x], np.int8)])
    assert y.tolist() == [wanted]


def test_inverse_square_root_is_exact_to_six_digits():
    x = np.unique(np.geomspace(1, 2**31 - 1, 20000).astype(np.int64))
    multiplier, shift = inverse_square_root(x)
    assert multiplier.min() > 0
    assert multiplier.max() < 2**31
    assert shift.min() >= -12
    assert shift.max() <= 0
    found = multiplier * 2.0 ** (shift - 31)
    np.testing.assert_allclose(found, 1 / np.sqrt(x), rtol=2e-6)


def test_vector_that_is_too_long_is_refused():
    node = single("unit", UnitNormalization(), ("x",), (LONGEST + 1,))
    graph = Graph("net", (Tensor("x", (LONGEST + 1,)),), (node,), ("unit",))
    with pytest.raises(Exception, match="values under a unit normalization"):
        check_sizes(graph)


@pytest.mark.keras
def test_layer_and_functions_of_keras_2_are_read(tf_keras):
    import tensorflow as tf

    x = tf_keras.Input((4, 5, 3))
    y = [tf_keras.layers.UnitNormalization(axis=axis)(x) for axis in (-1, 1, (2, 3))]
    y += [tf.math.l2_normalize(x, 2), tf.nn.l2_normalize(x, axis=[1, 2])]
    y += [tf_keras.layers.TimeDistributed(tf_keras.layers.UnitNormalization(axis=1))(x)]
    model = tf_keras.Model(x, tf_keras.layers.Concatenate()(y))
    values = np.random.default_rng(0).normal(size=(3, 4, 5, 3)).astype(np.float32)
    found = floats.evaluate(run_passes(import_model(model)), values)
    np.testing.assert_allclose(found, model.predict(values, verbose=0), rtol=1e-5, atol=1e-5)


@pytest.mark.keras
@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"order": 1}, "order=1"),
        ({"axis": 0}, "axis=0 is the batch"),
        ({"axis": None}, "axis=None is all values"),
        ({"epsilon": 0.1}, "epsilon=0.1"),
    ],
)
def test_other_functions_are_refused(options, message):
    keras = pytest.importorskip("keras")
    x = keras.Input((4, 3))
    with pytest.raises(UnsupportedModel, match=message):
        import_model(keras.Model(x, keras.ops.normalize(x, **options)))


@pytest.mark.keras
def test_layer_across_inputs_is_refused():
    keras = pytest.importorskip("keras")
    x = keras.Input((4, 3))
    with pytest.raises(UnsupportedModel, match=r"axis=0"):
        import_model(keras.Model(x, keras.layers.UnitNormalization(axis=0)(x)))
