"""The three public models equal Keras and reach their known accuracy."""

import numpy as np
import pytest

from microlut.graph.evaluate import evaluate
from microlut.graph.passes import run_passes
from microlut.importers import import_model

pytestmark = [pytest.mark.shared, pytest.mark.keras]

COUNT = 200


def load(shared_data, name):
    with np.load(shared_data / f"{name}.npz") as arrays:
        return arrays["x"][:COUNT].astype(np.float32), arrays["y"][:COUNT]


def check(graph, model, x, y, least_accuracy):
    expected = np.asarray(model(x, training=False))
    np.testing.assert_allclose(evaluate(graph, x), expected, rtol=0, atol=1e-5)
    folded = evaluate(run_passes(graph), x)
    np.testing.assert_allclose(folded, expected, rtol=0, atol=1e-5)
    assert (folded.argmax(axis=-1) == y).mean() >= least_accuracy


def test_import_model_equals_keras_on_resnet8_h5(shared_data, tf_keras):
    path = shared_data / "resnet8_cifar10.h5"
    model = tf_keras.models.load_model(path, compile=False)
    check(import_model(path), model, *load(shared_data, "cifar10_test"), 0.85)


def test_import_model_equals_keras_on_resnet8_keras(shared_data, keras):
    path = shared_data / "resnet8_cifar10jpeg.keras"
    model = keras.models.load_model(path, compile=False)
    check(import_model(path), model, *load(shared_data, "cifar10jpeg_test"), 0.80)


@pytest.mark.filterwarnings("ignore")
def test_import_model_equals_keras_on_dscnn_savedmodel(shared_data, tf_keras):
    path = shared_data / "kws_dscnn_savedmodel"
    model = tf_keras.models.load_model(path, compile=False)
    check(import_model(path), model, *load(shared_data, "kws01_test"), 0.90)


def test_import_model_names_the_graph_after_the_file(shared_data):
    assert import_model(shared_data / "resnet8_cifar10.h5").name == "resnet8_cifar10"


def test_import_model_takes_a_name(shared_data):
    assert import_model(shared_data / "resnet8_cifar10.h5", name="mine").name == "mine"


def test_run_passes_leaves_thirteen_operators_of_dscnn(shared_data):
    graph = run_passes(import_model(shared_data / "kws_dscnn_savedmodel"))
    assert [type(node.op).__name__ for node in graph.nodes] == [
        "Conv2D",
        *["DepthwiseConv2D", "Conv2D"] * 4,
        "Mean",
        "Reshape",
        "Dense",
        "Softmax",
    ]
