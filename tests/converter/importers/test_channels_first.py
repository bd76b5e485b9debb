"""Models with channels first: the same values as in Keras, and transposes only at their ends."""

import numpy as np
import pytest

from microlut.graph import evaluate as floats
from microlut.graph.batch import Batch
from microlut.graph.passes import run_passes
from microlut.importers import import_model
from microlut.ops.conv2d import Conv2D

pytestmark = pytest.mark.keras
FIRST = "channels_first"
RNG = np.random.default_rng(0)


def graph_of(model):
    """Compare the imported model with Keras, before and after the passes, and return its graph."""
    for weight in model.weights:
        spread = RNG.uniform(0.5, 1.5, weight.shape)
        weight.assign(spread if "variance" in weight.name else RNG.normal(size=weight.shape))
    samples = RNG.normal(size=(3, *model.input_shape[1:])).astype(np.float32)
    wanted = model.predict(samples, verbose=0)
    read = import_model(model)
    for graph in (read, run_passes(read)):
        found = floats.outputs(graph, Batch({graph.inputs[0].name: samples}))
        (y,) = found.arrays.values()
        assert y.shape == wanted.shape
        limit = 1e-5 * max(1.0, float(np.abs(wanted).max()))
        np.testing.assert_allclose(y, wanted, rtol=1e-5, atol=limit)
    return graph


def kinds(graph):
    return [type(node.op).__name__ for node in graph.nodes]


PICTURES = {
    "average_pool": lambda k: k.layers.AveragePooling2D(2, padding="same", data_format=FIRST),
    "conv": lambda k: k.layers.Conv2D(4, (3, 2), strides=2, padding="same", data_format=FIRST),
    "conv_relu": lambda k: k.layers.Conv2D(4, 3, activation="relu", data_format=FIRST),
    "conv_softmax": lambda k: k.layers.Conv2D(4, 3, activation="softmax", data_format=FIRST),
    "conv_softmax_axis": lambda k: k.layers.Conv2D(
        4, 3, activation=k.layers.Softmax(axis=1), data_format=FIRST
    ),
    "cropping": lambda k: k.layers.Cropping2D(((1, 0), (2, 1)), data_format=FIRST),
    "depthwise": lambda k: k.layers.DepthwiseConv2D(3, depth_multiplier=2, data_format=FIRST),
    "flatten": lambda k: k.layers.Flatten(data_format=FIRST),
    "global_average": lambda k: k.layers.GlobalAveragePooling2D(data_format=FIRST),
    "global_max": lambda k: k.layers.GlobalMaxPooling2D(data_format=FIRST, keepdims=True),
    "max_pool": lambda k: k.layers.MaxPooling2D((2, 3), strides=1, data_format=FIRST),
    "norm": lambda k: k.layers.BatchNormalization(axis=1),
    "normalization": lambda k: k.layers.Normalization(
        axis=1, mean=[1, -2, 3, 0], variance=[1, 4, 9, 2]
    ),
    "prelu": lambda k: k.layers.PReLU(shared_axes=[2, 3]),
    "separable": lambda k: k.layers.SeparableConv2D(5, 3, data_format=FIRST),
    "transposed": lambda k: k.layers.Conv2DTranspose(
        2, 3, strides=2, padding="same", data_format=FIRST
    ),
    "up": lambda k: k.layers.UpSampling2D((3, 2), data_format=FIRST),
    "up_bilinear": lambda k: k.layers.UpSampling2D(2, interpolation="bilinear", data_format=FIRST),
    "zero_padding": lambda k: k.layers.ZeroPadding2D(((1, 0), (2, 3)), data_format=FIRST),
}


@pytest.mark.parametrize("keras_name", ["keras", "tf_keras"])
@pytest.mark.parametrize("name", PICTURES)
def test_layers_over_pictures(name, keras_name, request):
    k = request.getfixturevalue(keras_name)
    x = k.Input((4, 6, 8))
    graph_of(k.Model(x, PICTURES[name](k)(x)))


SEQUENCES = {
    "average_pool": lambda k: k.layers.AveragePooling1D(2, data_format=FIRST),
    "conv": lambda k: k.layers.Conv1D(4, 3, padding="same", data_format=FIRST),
    "global_average": lambda k: k.layers.GlobalAveragePooling1D(data_format=FIRST),
    "max_pool": lambda k: k.layers.MaxPooling1D(3, data_format=FIRST),
    "separable": lambda k: k.layers.SeparableConv1D(5, 3, data_format=FIRST),
}


@pytest.mark.parametrize("keras_name", ["keras", "tf_keras"])
@pytest.mark.parametrize("name", SEQUENCES)
def test_layers_over_sequences(name, keras_name, request):
    k = request.getfixturevalue(keras_name)
    x = k.Input((4, 12))
    graph_of(k.Model(x, SEQUENCES[name](k)(x)))


def block(k, y, filters, strides=1):
    y = k.layers.Conv2D(filters, 3, strides, "same", use_bias=False, data_format=FIRST)(y)
    return k.layers.BatchNormalization(axis=1)(y)


def residual(k):
    x = k.Input((3, 8, 10))
    y = k.layers.ReLU()(block(k, x, 4))
    z = block(k, k.layers.ReLU()(block(k, y, 4)), 4)
    y = k.layers.ReLU()(k.layers.Add()([y, z]))
    y = k.layers.MaxPooling2D(data_format=FIRST)(y)
    y = k.layers.Flatten()(y)
    return k.Model(x, k.layers.Dense(3)(k.layers.Dropout(0.5)(y)))


def flat_channels_last(k):
    """Flatten with data_format transposes by itself."""
    x = k.Input((3, 8, 10))
    y = k.layers.Flatten(data_format=FIRST)(k.layers.ReLU()(block(k, x, 4)))
    return k.Model(x, k.layers.Dense(3)(y))


def normalized_features(k):
    x = k.Input((3, 8, 10))
    y = k.layers.BatchNormalization()(k.layers.Flatten()(k.layers.ReLU()(block(k, x, 4))))
    return k.Model(x, k.layers.Dense(3)(y))


def inception(k):
    x = k.Input((3, 8, 10))
    parts = [block(k, x, 4), k.layers.ReLU()(block(k, x, 2)), block(k, block(k, x, 2), 3)]
    y = k.layers.Concatenate(axis=1)(parts)
    y = k.layers.LeakyReLU(0.25)(k.layers.BatchNormalization(axis=1)(y))
    return k.Model(x, k.layers.GlobalAveragePooling2D(data_format=FIRST)(block(k, y, 4)))


def squeezed(k):
    x = k.Input((3, 8, 10))
    y = k.layers.ReLU()(block(k, x, 8))
    z = k.layers.GlobalAveragePooling2D(data_format=FIRST, keepdims=True)(y)
    z = k.layers.Conv2D(2, 1, activation="relu", data_format=FIRST)(z)
    z = k.layers.Conv2D(8, 1, activation="sigmoid", data_format=FIRST)(z)
    y = k.layers.Multiply()([y, z])
    return k.Model(x, k.layers.GlobalMaxPooling2D(data_format=FIRST)(y))


def squeezed_by_dense(k):
    x = k.Input((3, 8, 10))
    y = k.layers.ReLU()(block(k, x, 8))
    z = k.layers.GlobalAveragePooling2D(data_format=FIRST)(y)
    z = k.layers.Dense(8, activation="sigmoid")(z)
    y = k.layers.Multiply()([y, k.layers.Reshape((8, 1, 1))(z)])
    return k.Model(x, k.layers.GlobalMaxPooling2D(data_format=FIRST)(y))


def unlike_activations(k):
    x = k.Input((3, 8, 10))
    y = k.layers.PReLU(shared_axes=[2, 3])(block(k, x, 4))
    y = k.layers.Conv2D(4, 1, activation="tanh", data_format=FIRST)(y)
    y = k.layers.Softmax(axis=1)(k.layers.ELU()(y))
    y = k.layers.Subtract()([k.layers.Activation("sigmoid")(y), y])
    return k.Model(x, k.layers.GlobalAveragePooling2D(data_format=FIRST)(y))


NETWORKS = [
    *(residual, flat_channels_last, normalized_features, inception, squeezed, squeezed_by_dense),
    unlike_activations,
]


@pytest.mark.parametrize("keras_name", ["keras", "tf_keras"])
@pytest.mark.parametrize("make", NETWORKS)
def test_only_the_input_is_transposed(make, keras_name, request):
    graph = graph_of(make(request.getfixturevalue(keras_name)))
    assert kinds(graph).count("Transpose") == 1
    assert kinds(graph)[0] == "Transpose"


@pytest.mark.parametrize("make", [residual, squeezed])
def test_what_is_folded_is_that_of_channels_last(make, keras):
    """Normalizations and activations are a part of the convolutions, whose transposes are gone."""
    left = {"Transpose", "Reshape", "Conv2D", "Add", "Mul", "MaxPool2D", "Mean", "Dense", "Sigmoid"}
    assert set(kinds(graph_of(make(keras)))) <= left


def test_statistics_are_those_of_channels(keras):
    graph = graph_of(residual(keras))
    convolutions = [node for node in graph.nodes if isinstance(node.op, Conv2D)]
    assert convolutions
    for node in convolutions:
        assert node.statistics.mean.shape == (node.shape[-1],)


def test_one_channel_is_never_transposed(keras):
    x = keras.Input((1, 8, 10))
    y = keras.layers.Flatten()(keras.layers.ReLU()(block(keras, x, 4)))
    graph = graph_of(keras.Model(x, keras.layers.Dense(3)(y)))
    assert kinds(graph) == ["Reshape", "Conv2D", "Reshape", "Dense"]


def test_an_output_has_channels_first(keras):
    x = keras.Input((3, 8, 10))
    y = keras.layers.UpSampling2D(data_format=FIRST)(keras.layers.ReLU()(block(keras, x, 4, 2)))
    graph = graph_of(keras.Model(x, block(keras, y, 2)))
    assert kinds(graph) == ["Transpose", "Conv2D", "Repeat", "Conv2D", "Transpose"]


def test_a_permute_before_a_model_with_channels_first_takes_the_transpose_away(keras):
    inner = residual(keras)
    model = keras.Sequential([keras.Input((8, 10, 3)), keras.layers.Permute((3, 1, 2)), inner])
    assert "Transpose" not in kinds(graph_of(model))


def test_sequences_with_channels_first_have_one_transpose(keras):
    x = keras.Input((3, 24))
    y = keras.layers.Conv1D(4, 3, padding="same", data_format=FIRST)(x)
    y = keras.layers.ReLU()(keras.layers.BatchNormalization(axis=1)(y))
    z = keras.layers.Conv1D(4, 3, padding="same", data_format=FIRST)(y)
    y = keras.layers.ReLU()(keras.layers.Add()([y, z]))
    y = keras.layers.Flatten()(keras.layers.MaxPooling1D(data_format=FIRST)(y))
    graph = graph_of(keras.Model(x, keras.layers.Dense(2)(y)))
    assert [kind for kind in kinds(graph) if kind != "Reshape"] == [
        *("Transpose", "Conv2D", "Conv2D", "Add", "MaxPool2D", "Dense"),
    ]


OPERATIONS = {
    "crop": lambda o, x: o.image.crop_images(
        x, 1, 2, target_height=3, target_width=4, data_format=FIRST
    ),
    "depth_to_space": lambda o, x: o.nn.depth_to_space(x, 2, data_format=FIRST),
    "max_pool": lambda o, x: o.max_pool(x, 2, data_format=FIRST),
    "mean": lambda o, x: o.mean(x, axis=(2, 3)),
    "resize": lambda o, x: o.image.resize(x, (9, 5), data_format=FIRST),
    "slice": lambda o, x: x[:, 1:3, ::2],
}


def test_resizing(keras):  # which has no data_format in Keras 2
    x = keras.Input((3, 8, 10))
    graph_of(keras.Model(x, keras.layers.Resizing(9, 5, data_format=FIRST)(x)))


@pytest.mark.parametrize("name", OPERATIONS)
def test_operations(name, keras):
    x = keras.Input((4, 6, 8))
    y = keras.layers.ReLU()(block(keras, x, 4))
    graph_of(keras.Model(x, OPERATIONS[name](keras.ops, y)))


@pytest.mark.parametrize("keras_name", ["keras", "tf_keras"])
def test_each_step_of_a_sequence(keras_name, request):
    k = request.getfixturevalue(keras_name)
    x = k.Input((2, 3, 6, 8))
    y = k.layers.TimeDistributed(k.layers.Conv2D(4, 3, data_format=FIRST))(x)
    y = k.layers.TimeDistributed(k.layers.MaxPooling2D(data_format=FIRST))(y)
    y = k.layers.TimeDistributed(k.layers.GlobalAveragePooling2D(data_format=FIRST))(y)
    graph_of(k.Model(x, y))
