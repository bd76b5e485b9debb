"""`.tflite` files for a fixed batch of several inputs."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import tflite_models as tm
from microlut.errors import UnsupportedModel
from microlut.graph.batch import Batch
from microlut.graph.evaluate import evaluate

pytestmark = pytest.mark.keras
RNG = np.random.default_rng(0)
SIZE = 3
KERNEL = RNG.normal(size=(3, 3, 2, 4)).astype(np.float32)
WEIGHTS = RNG.normal(size=(36, 5)).astype(np.float32)
X = RNG.uniform(-1, 1, (SIZE, 6, 6, 2)).astype(np.float32)


def file_of(network: Any, *, whole: bool = False) -> bytes:
    tf = pytest.importorskip("tensorflow", reason="needs TensorFlow")

    @tf.function(input_signature=[tf.TensorSpec(X.shape, tf.float32)])
    def made(x):
        return network(tf, x)

    own = tf.lite.TFLiteConverter.from_concrete_functions([made.get_concrete_function()])
    if whole:
        own.optimizations = [tf.lite.Optimize.DEFAULT]
        own.representative_dataset = lambda: ([X] for _ in range(4))
    return own.convert()


def classifier(tf: Any, x: Any) -> Any:
    y = tf.nn.relu(tf.nn.conv2d(x, KERNEL, 1, "SAME"))
    y = tf.nn.max_pool2d(y, 2, 2, "VALID")
    return tf.nn.softmax(tf.matmul(tf.reshape(y, [SIZE, 36]), WEIGHTS))


def test_each_input_is_computed_on_its_own(tmp_path):
    tf = pytest.importorskip("tensorflow", reason="needs TensorFlow")
    graph = tm.imported(file_of(classifier), tmp_path)
    (tensor,) = graph.inputs
    assert tensor.shape == X.shape[1:]
    assert "the file computes 3 inputs at once: the network computes one" in graph.notes
    found = evaluate(graph, Batch({tensor.name: X}))
    np.testing.assert_allclose(found, classifier(tf, X).numpy(), atol=1e-5)


def test_integers(tmp_path):
    graph = tm.imported(file_of(classifier, whole=True), tmp_path)
    stored = tm.stored(graph)
    assert stored.inputs[0].shape == X.shape[1:]
    assert tm.outputs(stored, tm.random_inputs(stored)).shape[0] == 4


MIXING = {
    "sum": lambda tf, x: tf.reduce_sum(x, 0, keepdims=True) * 2.0,
    "reverse": lambda tf, x: tf.reverse(x, [0]) * 2.0,
    "constant": lambda tf, x: x + X,
    "joined": lambda tf, x: tf.concat([x, x * 2.0], 0),
    "moved": lambda tf, x: tf.transpose(x, [3, 1, 2, 0]) * 2.0,
}


@pytest.mark.parametrize("case", MIXING)
def test_what_mixes_inputs_takes_all_of_them(tmp_path, case):
    tf = pytest.importorskip("tensorflow", reason="needs TensorFlow")
    graph = tm.imported(file_of(MIXING[case]), tmp_path)
    (tensor,) = graph.inputs
    assert tensor.shape == X.shape
    wanted = np.asarray(MIXING[case](tf, X))
    found = evaluate(graph, Batch({tensor.name: X[None]}))
    np.testing.assert_allclose(found.reshape(wanted.shape), wanted, atol=1e-5)


def test_pictures_that_mix_inputs_are_refused(tmp_path):
    def mixing(tf, x):
        return tf.nn.conv2d(tf.reverse(x, [0]), KERNEL, 1, "SAME")

    with pytest.raises(UnsupportedModel, match="has a batch of 3; convert the model with a batch"):
        tm.imported(file_of(mixing), tmp_path)
