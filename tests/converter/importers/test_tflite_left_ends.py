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


def wide_end(model: Any) -> None:
    """Let the last softmax go to int16, and that to int32, as some vendors' converters do."""
    from ai_edge_litert import schema_py_generated as schema

    main = model.subgraphs[0]
    (number,) = main.outputs
    shares = main.tensors[number]
    shares.type = schema.TensorType.INT16
    shares.quantization.scale = np.array([2.0**-16], np.float32)
    shares.quantization.zeroPoint = np.array([-32768])
    wide = schema.TensorT()
    wide.shape, wide.buffer, wide.name = shares.shape, 0, b"wide"
    wide.type = schema.TensorType.INT32
    wide.quantization = schema.QuantizationParametersT()
    wide.quantization.scale = np.array([2.0**-15], np.float32)
    wide.quantization.zeroPoint = np.array([0])
    main.tensors.append(wide)
    code = schema.OperatorCodeT()
    code.builtinCode = code.deprecatedBuiltinCode = schema.BuiltinOperator.QUANTIZE
    code.version = 1
    model.operatorCodes.append(code)
    last = schema.OperatorT()
    last.opcodeIndex = len(model.operatorCodes) - 1
    last.inputs, last.outputs = np.array([number]), np.array([len(main.tensors) - 1])
    main.operators.append(last)
    main.outputs = last.outputs


def test_a_softmax_to_int16_is_one_of_int8(tmp_path):
    tf = pytest.importorskip("tensorflow", reason="needs TensorFlow")
    own = tf.keras.Sequential([tf.keras.Input((6,)), tf.keras.layers.Dense(4, "softmax")])
    made = tf.lite.TFLiteConverter.from_keras_model(own)
    made.optimizations = [tf.lite.Optimize.DEFAULT]
    made.representative_dataset = lambda: ([x[None]] for x in X)
    made.inference_input_type = made.inference_output_type = tf.int8
    content = made.convert()
    plain = tm.imported(content, tmp_path)
    graph = tm.imported(tm.changed(content, wide_end), tmp_path)
    assert any("has int8 of scale 1 / 256 instead of int32" in note for note in graph.notes)
    inputs = tm.random_inputs(tm.stored(plain))
    np.testing.assert_array_equal(
        tm.outputs(tm.stored(graph), inputs), tm.outputs(tm.stored(plain), inputs)
    )
