"""Unsupported models: refused with a message that names layer, finding and advice."""

import numpy as np
import pytest

from keras_zoo import PICTURE
from microlut.errors import InvalidInput, UnsupportedModel
from microlut.graph.evaluate import evaluate
from microlut.importers import import_model

pytestmark = pytest.mark.keras


def refusal(model) -> str:
    with pytest.raises(UnsupportedModel) as caught:
        import_model(model)
    message = str(caught.value)
    assert "\n" not in message
    return message


def one_layer(keras, layer, shape=PICTURE):
    x = keras.Input(shape)
    return keras.Model(x, layer(x), name="net")


def halved(x):
    return x / 2


CASES = {
    "dilated_transpose": (
        lambda k: k.layers.Conv2DTranspose(2, 3, dilation_rate=2),
        "dilation_rate=[2, 2]",
    ),
    "unknown_of_each_step": (
        lambda k: k.layers.TimeDistributed(k.layers.Discretization(bin_boundaries=[0.0])),
        "Discretization): the class is not supported",
    ),
    "unknown_of_a_layer": (
        lambda k: k.layers.Conv2D(2, 3, activation="log_softmax"),
        "activation 'log_softmax'",
    ),
    "softmax_object": (
        lambda k: k.layers.Dense(2, activation=k.layers.Softmax(axis=0)),
        "axis=0",
    ),
    "prelu_object": (
        lambda k: k.layers.Dense(2, activation=k.layers.PReLU()),
        "activation PReLU",
    ),
    "lambda": (
        lambda k: k.layers.Dense(2, activation=lambda x: x),
        "activation <lambda> comes from module",
    ),
    "function": (
        lambda k: k.layers.Dense(2, activation=halved),
        "activation halved comes from module",
    ),
    "resizing": (lambda k: k.layers.Resizing(4, 4, interpolation="area"), "interpolation 'area'"),
    "crop": (lambda k: k.layers.RandomCrop(4, 8), "makes pictures of 4 x 8 pixels"),
    "center": (lambda k: k.layers.CenterCrop(10, 4), "makes pictures of 10 x 4 pixels"),
    "unknown": (lambda k: k.layers.Activation("glu"), "activation 'glu'"),
    "softmax_axis": (lambda k: k.layers.Softmax(axis=0), "axis=0"),
}


@pytest.mark.parametrize("case", CASES)
def test_import_model_refuses_option(case, keras):
    build, found = CASES[case]
    layer = build(keras)
    message = refusal(one_layer(keras, layer))
    assert found in message
    assert layer.name in message


def test_import_model_names_all_unsupported_layers_at_once(keras):
    x = keras.Input(PICTURE)
    y = keras.layers.SpectralNormalization(keras.layers.Conv2D(2, 1), name="unit")(x)
    y = keras.layers.Lambda(lambda t: t + 1 if PICTURE else t, name="plus")(y)
    y = keras.layers.Lambda(lambda t: t + 2 if PICTURE else t, name="up")(y)
    message = refusal(keras.Model(x, y))
    assert "3 obstacles: (1) layer 'unit' (SpectralNormalization): the class is not " in message
    assert "(2) layers 'plus', 'up' (Lambda): the class is not supported; code in" in message
    assert "DepthwiseConv2D" in message


def test_import_model_never_runs_a_lambda(keras, tmp_path):
    ran = []
    x = keras.Input(PICTURE)
    model = keras.Model(x, keras.layers.Lambda(lambda t: ran.append(1) or t)(x))
    model.save(tmp_path / "lambda.keras")
    ran.clear()
    refusal(tmp_path / "lambda.keras")
    assert not ran


def test_import_model_refuses_custom_class_with_a_known_name(keras, tmp_path):
    @keras.saving.register_keras_serializable("mine", "Dense")
    class Dense(keras.layers.Dense):
        def call(self, x):
            return super().call(x) * 2

    one_layer(keras, Dense(2), (4,)).save(tmp_path / "custom.keras")
    assert "custom" in refusal(tmp_path / "custom.keras")


@pytest.mark.parametrize("name", ["keras", "tf_keras"])
def test_final_sigmoid_is_imported(name, request, tmp_path):
    k = request.getfixturevalue(name)
    x = k.Input((4,))
    model = k.Model(x, k.layers.Dense(1, activation="sigmoid")(x))
    inputs = np.random.default_rng(0).normal(size=(50, 4)).astype(np.float32)
    wanted = np.asarray(model(inputs))
    model.save(tmp_path / "with.keras")
    found = evaluate(import_model(tmp_path / "with.keras"), inputs)
    np.testing.assert_allclose(found, wanted, rtol=1e-5)
    assert 0 < np.mean(found > 0.5) < 1


OPERATIONS = {
    "power": (lambda x, y: x**65, "raises a tensor to 65", "raises a tensor to 65"),
    "quotient": (lambda x, y: x / y, "divide of two tensors", "divide of two tensors"),
    "reciprocal": (lambda x, y: 2.0 / x, "divides by a tensor", "divides by a tensor"),
    "zero": (lambda x, y: x / 0.0, "or by zero", "or by zero"),
    "infinite": (lambda x, y: x * np.inf, "expected finite numbers", "expected finite numbers"),
    "misfit": (lambda x, y: x * np.ones((1, 1, 9, 8, 3)), "9, 8, 3]", "9, 8, 3]"),
}


@pytest.mark.parametrize("case", OPERATIONS)
@pytest.mark.parametrize("name", ["keras", "tf_keras"])
def test_import_model_refuses_operation(case, name, request):
    k = request.getfixturevalue(name)
    operate, *found = OPERATIONS[case]
    x = k.Input(PICTURE)
    model = k.Model(x, operate(x, k.layers.Conv2D(3, 1)(x)))
    with pytest.raises((UnsupportedModel, InvalidInput)) as caught:
        import_model(model)
    assert found[name == "tf_keras"] in str(caught.value)
    assert "\n" not in str(caught.value)


def test_import_model_refuses_a_reshape_of_the_batch(keras):
    x = keras.Input((4, 4, 3), batch_size=1)
    assert "begin with -1" in refusal(keras.Model(x, keras.ops.reshape(x, (1, 48))))


def test_import_model_refuses_means_over_other_dimensions(keras):
    x = keras.Input(PICTURE)
    assert "batch" in refusal(keras.Model(x, keras.ops.max(x)))


def test_import_model_refuses_augmentation_that_keras2_runs_at_inference(tf_keras):
    x = tf_keras.Input(PICTURE)
    message = refusal(tf_keras.Model(x, tf_keras.layers.RandomFlip()(x, training=True)))
    assert "training=True" in message


def test_inputs_have_their_names(keras):
    a, b = keras.Input(PICTURE, name="a"), keras.Input(PICTURE, name="b")
    graph = import_model(keras.Model([a, b], keras.layers.Add()([a, b])))
    assert [tensor.name for tensor in graph.inputs] == ["a", "b"]


def test_outputs_have_the_names_of_their_layers(tf_keras):
    x = tf_keras.Input((4,))
    outputs = [tf_keras.layers.Dense(2, name=name)(x) for name in ("p", "q")]
    assert list(import_model(tf_keras.Model(x, outputs)).ends) == ["p", "q"]


def test_import_model_refuses_unknown_size(keras):
    x = keras.Input((None, None, 3))
    message = refusal(keras.Model(x, keras.layers.Conv2D(2, 3)(x)))
    assert "[?, ?, 3]" in message
    assert "fixed input" in message


def test_import_model_refuses_training_mode(keras):
    x = keras.Input(PICTURE)
    message = refusal(keras.Model(x, keras.layers.BatchNormalization()(x, training=True)))
    assert "training=True" in message


def test_import_model_refuses_unbuilt_sequential(keras):
    assert "shape is not known" in refusal(keras.Sequential([keras.layers.Dense(2)]))


def test_import_model_refuses_subclassed_model(keras):
    class Net(keras.Model):
        def __init__(self):
            super().__init__()
            self.dense = keras.layers.Dense(2)

        def call(self, x):
            return self.dense(x)

    model = Net()
    model(np.zeros((1, 3), np.float32))
    assert "keras.Sequential" in refusal(model)


@pytest.mark.filterwarnings("ignore")
def test_import_model_refuses_exported_model(keras, tmp_path):
    one_layer(keras, keras.layers.Flatten()).export(tmp_path / "exported", verbose=False)
    with pytest.raises(InvalidInput, match=r"model\.save"):
        import_model(tmp_path / "exported")


def test_import_model_refuses_other_objects():
    with pytest.raises(InvalidInput, match="found list"):
        import_model([1, 2])


@pytest.mark.parametrize(
    ("make", "advice"),
    [
        (lambda k, x: k.MultiHeadAttention(2, 4)(x, x), "no product of two tensors' rows"),
        (lambda k, x: k.Attention()([x, x]), "no product of two tensors' rows"),
        (lambda k, x: k.Masking()(x), "sequences of one length"),
    ],
)
def test_classes_that_are_left_out_say_why(make, advice, keras):
    x = keras.Input((6, 4))
    assert advice in refusal(keras.Model(x, make(keras.layers, x)))


def test_embeddings_are_left_to_the_program(keras):
    x = keras.Input((6,))
    y = keras.layers.Flatten()(keras.layers.Embedding(10, 3)(x))
    assert "let your program look up the layer's rows" in refusal(keras.Model(x, y))
