"""Layers that scale and shift: first of all, on every rank and axis, from both Kerases."""

import importlib

import numpy as np
import pytest

from microlut.errors import InvalidInput, UnsupportedModel
from microlut.graph import evaluate as floats
from microlut.graph.passes import run_passes
from microlut.importers import import_model
from microlut.importers.keras import options
from microlut.importers.keras.config import Layer
from microlut.ops.depthwise_conv2d import DepthwiseConv2D
from microlut.ops.relabel import Relabel
from sweeps import in_sweeps

pytestmark = pytest.mark.keras

MEAN = 255 * np.array([0.485, 0.456, 0.406])
DEVIATION = 255 * np.array([0.229, 0.224, 0.225])
PICTURE = (8, 7, 3)


def rescaling(scale, offset=0.0):
    return lambda k: k.layers.Rescaling(scale, offset)


def adapted(axis, shape=PICTURE):
    def make(k):
        made = k.layers.Normalization(axis=axis)
        rng = np.random.default_rng(0)
        made.adapt(rng.uniform(5, 250, (30, *shape)).astype(np.float32))
        return made

    return make


def given(**options):
    return lambda k: k.layers.Normalization(**options)


def batch_norm(axis=-1):
    return lambda k: k.layers.BatchNormalization(axis=axis)


def nested(k):
    x = k.Input(PICTURE)
    return k.Model(x, k.layers.Rescaling(1 / 127.5, -1)(x))


def reshaped(shape, *layers):
    return lambda k: k.Sequential([k.layers.Reshape(shape), *(make(k) for make in layers)])


def permuted(dims, *layers):
    return lambda k: k.Sequential([k.layers.Permute(dims), *(make(k) for make in layers)])


def function(f):
    return lambda _: f


# by name: the shape of the input, the first layer, and whether it costs nothing before a padded
# convolution
FIRST = {
    "pixels": (PICTURE, rescaling(1 / 127.5, -1), True),
    "share": (PICTURE, rescaling(1 / 255), True),
    "array": (PICTURE, rescaling(1 / DEVIATION, -MEAN / DEVIATION), True),
    "array_113": (PICTURE, rescaling(*np.reshape([1 / DEVIATION, -MEAN], (2, 1, 1, 3))), True),
    "array_1113": (PICTURE, rescaling(*np.reshape([1 / DEVIATION, -MEAN], (2, 1, 1, 1, 3))), True),
    "list": (PICTURE, rescaling([0.1, 0.2, 0.3], [1.0, 2.0, 3.0]), True),
    "array_1": (PICTURE, rescaling(np.array([1 / 255]), np.array([-0.5])), True),
    "by_column": (PICTURE, rescaling(np.linspace(1, 2, 7).reshape(7, 1)), False),
    "vector": ((9,), rescaling(1 / 127.5, -1), True),
    "one_feature": ((1,), rescaling(1 / 127.5, -1), True),
    "series": ((20, 3), rescaling([1.0, 2.0, 30.0], 1.0), True),
    "rank_four": ((2, 3, 4, 3), rescaling(1 / 127.5, -1), True),
    "after_reshape": ((48,), reshaped((4, 4, 3), rescaling([1.0, 2.0, 3.0], 1.0)), True),
    "after_permute": ((3, 8, 7), permuted((2, 3, 1), rescaling(1 / 127.5, -1)), True),
    "after_permute_by_row": ((3, 8, 7), permuted((1, 3, 2), adapted(2, (3, 7, 8))), True),
    "series_after_permute": ((20, 3), permuted((2, 1), adapted(1, (3, 20))), True),
    "nested": (PICTURE, nested, True),
    "adapted": (PICTURE, adapted(-1), True),
    "adapted_3": (PICTURE, adapted([3]), True),
    "adapted_whole": (PICTURE, adapted(None), True),
    "adapted_rows": (PICTURE, adapted(1), False),
    "adapted_pixels": (PICTURE, adapted((1, 2)), False),
    "adapted_all": (PICTURE, adapted((1, 2, 3)), False),
    "adapted_vector": ((7,), adapted(-1, (7,)), True),
    "adapted_series": ((20, 3), adapted(-1, (20, 3)), True),
    "given": (PICTURE, given(mean=MEAN.tolist(), variance=(DEVIATION**2).tolist()), True),
    "given_whole": (PICTURE, given(axis=None, mean=127.5, variance=127.5**2), True),
    "inverse": (PICTURE, given(axis=None, mean=3.0, variance=4.0, invert=True), True),
    "batch_norm": (PICTURE, batch_norm(), True),
    "batch_norm_vector": ((7,), batch_norm(), True),
    "batch_norm_series": ((20, 3), batch_norm(), True),
    "batch_norm_rows": (PICTURE, batch_norm(1), False),
    "batch_norm_columns": (PICTURE, batch_norm(2), False),
    "batch_norm_time": ((20, 3), batch_norm(1), False),
    "batch_norm_rank_four": ((2, 3, 4, 3), batch_norm(2), False),
    "quotient": (PICTURE, function(lambda x: x / 127.5 - 1.0), True),
    "difference": (PICTURE, function(lambda x: (x - 127.5) / 127.5), True),
    "reversed": (PICTURE, function(lambda x: 1.0 - x / 255.0), True),
    "by_channel": (
        PICTURE,
        function(lambda x: (x - np.float32(MEAN)) / np.float32(DEVIATION)),
        True,
    ),
}


@pytest.mark.parametrize(
    ("library", "name"),
    [
        *(("tf_keras" if i % 4 == 0 else "keras", name) for i, name in enumerate(FIRST)),
        *in_sweeps(
            *(("keras" if i % 4 == 0 else "tf_keras", name) for i, name in enumerate(FIRST))
        ),
    ],
)
def test_first_layer_equals_keras(library, name):
    pytest.importorskip(library)
    k = importlib.import_module(library)
    shape, first, is_free = FIRST[name]
    x = k.Input(shape)
    y = first(k)(x)
    if len(y.shape) == 4:
        y = k.layers.Conv2D(3, 3, padding="same")(y)
    model = k.Model(x, k.layers.Dense(2)(k.layers.Flatten()(y)))
    rng = np.random.default_rng(1)
    for weights in model.weights:
        if "batch" in getattr(weights, "path", weights.name):
            weights.assign(rng.uniform(0.3, 3, weights.shape).astype(np.float32))
    graph = run_passes(import_model(model))
    values = rng.uniform(0, 255, (4, *shape)).astype(np.float32)
    wanted = model.predict(values, verbose=0)
    found = floats.evaluate(graph, values)
    np.testing.assert_allclose(found, wanted, rtol=1e-4, atol=1e-5 * np.abs(wanted).max())
    layers = [node for node in graph.nodes if isinstance(node.op, DepthwiseConv2D)]
    assert (not layers) is is_free or len(shape) != 3


@pytest.mark.parametrize("name", ["after_permute", "after_permute_by_row", "series_after_permute"])
def test_scales_behind_a_permute_belong_to_the_input(name, keras):
    shape, first, _ = FIRST[name]
    x = keras.Input(shape)
    model = keras.Model(x, keras.layers.Softmax()(first(keras)(x)))
    kinds = [type(node.op).__name__ for node in run_passes(import_model(model)).nodes]
    assert kinds == ["Relabel", "Transpose", "Softmax"]


def test_normalization_of_several_inputs(keras):
    a, b = keras.Input((5,), name="a"), keras.Input(PICTURE, name="b")
    norm = keras.layers.Normalization(mean=np.arange(5) * 100.0, variance=np.arange(1, 6) ** 2.0)
    y = keras.layers.Rescaling(1 / 127.5, -1)(b)
    y = keras.layers.Flatten()(keras.layers.Conv2D(3, 3, padding="same")(y))
    model = keras.Model([a, b], keras.layers.Dense(2)(keras.layers.Concatenate()([norm(a), y])))
    graph = run_passes(import_model(model))
    labels = [node.inputs[0] for node in graph.nodes if isinstance(node.op, Relabel)]
    assert labels == ["b", "a"] or labels == ["a", "b"]


@pytest.mark.parametrize(
    ("axis", "error"),
    [
        *((axis, UnsupportedModel) for axis in (0, -4, [1, 0])),
        *((axis, InvalidInput) for axis in (4, -5, [1, 1], "last", 1.5)),
    ],
)
def test_axis_that_an_input_lacks_is_refused(axis, error):
    with pytest.raises(error, match="axis="):
        options.axes(Layer(("bn",), "BatchNormalization", {"axis": axis}, {}, "here"), 3)
