"""Classifiers whose .tflite files end behind their scores."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import tflite_models as tm
from microlut.errors import UnsupportedModel
from microlut.graph.batch import Batch
from microlut.graph.evaluate import outputs as float_outputs
from microlut.importers import import_model
from microlut.integer import evaluate

pytestmark = pytest.mark.keras
RNG = np.random.default_rng(0)
X = RNG.uniform(-1, 1, (32, 6)).astype(np.float32)
WEIGHTS = RNG.normal(size=(6, 5)).astype(np.float32)


def file_of(end: Any, *, whole: bool) -> bytes:
    """Return the file of a dense layer and what ends it, of integers or of real numbers."""
    tf = pytest.importorskip("tensorflow", reason="needs TensorFlow")

    @tf.function(input_signature=[tf.TensorSpec([1, 6], tf.float32)])
    def network(x):
        return end(tf, tf.matmul(x, WEIGHTS))

    own = tf.lite.TFLiteConverter.from_concrete_functions([network.get_concrete_function()])
    if whole:
        own.optimizations = [tf.lite.Optimize.DEFAULT]
        own.representative_dataset = lambda: ([x[None]] for x in X)
    return own.convert()


ENDS = {
    "place": (lambda tf, y: tf.argmax(y, 1), "ARG_MAX"),
    "cast": (lambda tf, y: tf.cast(tf.argmax(y, 1, tf.int32), tf.int64), "ARG_MAX"),
    "reshaped": (lambda tf, y: tf.reshape(tf.argmin(y, 1), [1, 1]), "ARG_MIN"),
}


@pytest.mark.parametrize("whole", [True, False])
@pytest.mark.parametrize("case", ENDS)
def test_places_are_left_to_the_program(tmp_path, case, whole):
    end, kind = ENDS[case]
    graph = tm.imported(file_of(end, whole=whole), tmp_path)
    assert any(f"has the scores, without {kind}" in note for note in graph.notes)
    if whole:
        found = evaluate.outputs(tm.stored(graph), tm.random_inputs(tm.stored(graph)))
    else:
        (tensor,) = graph.inputs
        found = float_outputs(graph, Batch({tensor.name: X}))
        np.testing.assert_allclose(next(iter(found.arrays.values())), X @ WEIGHTS, atol=1e-5)
    assert next(iter(found.arrays.values())).shape[1:] == (5,)


def test_places_beside_their_scores_are_left_out(tmp_path):
    content = file_of(lambda tf, y: (tf.argmax(y, 1), y), whole=False)
    graph = tm.imported(content, tmp_path)
    assert len(graph.outputs) == 1
    assert any("(ARG_MAX) is left out: it is the place of the largest" in n for n in graph.notes)


def test_places_that_are_read_are_refused(tmp_path):
    content = file_of(lambda tf, y: y[:, :1] * tf.cast(tf.argmax(y, 1), tf.float32), whole=False)
    with pytest.raises(UnsupportedModel, match="ARG_MAX"):
        tm.imported(content, tmp_path)


def test_logarithms_of_shares_of_real_numbers(tmp_path):
    tf = pytest.importorskip("tensorflow", reason="needs TensorFlow")
    path = tmp_path / "net.tflite"
    path.write_bytes(file_of(lambda tf, y: tf.nn.log_softmax(y), whole=False))
    graph = import_model(path)
    (tensor,) = graph.inputs
    found = next(iter(float_outputs(graph, Batch({tensor.name: X})).arrays.values()))
    wanted = tf.nn.log_softmax(X @ WEIGHTS).numpy()
    np.testing.assert_allclose(found, wanted, rtol=1e-5, atol=1e-5)


def test_logarithms_of_shares_of_integers_are_left_out(tmp_path):
    graph = tm.imported(file_of(lambda tf, y: tf.nn.log_softmax(y), whole=True), tmp_path)
    assert any("has the scores, without LOG_SOFTMAX" in note for note in graph.notes)
    found = evaluate.outputs(tm.stored(graph), tm.random_inputs(tm.stored(graph)))
    assert next(iter(found.arrays.values())).shape[1:] == (5,)
