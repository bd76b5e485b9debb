"""Decoders of boxes at the end of .tflite files, and inputs that are shapes."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from ai_edge_litert import schema_py_generated as schema

import random_graphs as rg
import tflite_models as tm
from microlut.codegen.tflite import to_tflite
from microlut.errors import UnsupportedModel
from microlut.graph.batch import Batch
from microlut.graph.evaluate import evaluate


def network() -> bytes:
    return to_tflite(next(rg.network_cases(1, seed=1)).quantized())


def tensor(graph: Any, name: str) -> int:
    made = schema.TensorT()
    made.name, made.shape, made.buffer, made.type = name, [10, 4], 0, schema.TensorType.FLOAT32
    graph.tensors.append(made)
    return len(graph.tensors) - 1


def decoded(kind: str, *, is_read: bool = False) -> bytes:
    """Return a network whose output a custom operator makes boxes and scores of."""

    def change(model: Any) -> None:
        graph = model.subgraphs[0]
        code = schema.OperatorCodeT()
        code.builtinCode, code.deprecatedBuiltinCode = schema.BuiltinOperator.CUSTOM, 32
        code.customCode = kind
        model.operatorCodes.append(code)
        operator = schema.OperatorT()
        operator.opcodeIndex = len(model.operatorCodes) - 1
        operator.inputs = graph.outputs
        operator.outputs = graph.outputs = [tensor(graph, "boxes"), tensor(graph, "scores")]
        graph.operators.append(operator)
        if is_read:
            code = schema.OperatorCodeT()
            code.builtinCode = code.deprecatedBuiltinCode = schema.BuiltinOperator.RELU
            model.operatorCodes.append(code)
            last = schema.OperatorT()
            last.opcodeIndex = len(model.operatorCodes) - 1
            last.inputs, last.outputs = [graph.outputs[0]], [tensor(graph, "rectified")]
            graph.operators.append(last)
            graph.outputs = last.outputs

    return tm.changed(network(), change)


@pytest.mark.parametrize("kind", ["TFLite_Detection_PostProcess", "PosenetDecoderOp"])
def test_the_network_ends_with_what_a_decoder_reads(tmp_path, kind):
    wanted = tm.imported(network(), tmp_path)
    graph = tm.imported(decoded(kind), tmp_path)
    (note,) = [each for each in graph.notes if kind in each]
    assert note.startswith(f"outputs 'boxes', 'scores' are left out ({kind}): the program")
    assert graph.outputs == wanted.outputs
    inputs = tm.random_inputs(tm.stored(graph))
    np.testing.assert_array_equal(
        tm.outputs(tm.stored(graph), inputs), tm.outputs(tm.stored(wanted), inputs)
    )


def test_decoders_whose_results_are_read_and_other_custom_operators_are_refused(tmp_path):
    for content in (
        decoded("TFLite_Detection_PostProcess", is_read=True),
        decoded("SomebodysDecoder"),
    ):
        with pytest.raises(UnsupportedModel, match="custom operators are code outside"):
            tm.imported(content, tmp_path)


@pytest.mark.keras
def test_an_input_that_is_the_shape_of_an_output_is_left_out(tmp_path):
    """As in files of single operators, which the tests of tflite-micro are."""
    tf = pytest.importorskip("tensorflow", reason="needs TensorFlow")
    kernel = np.random.default_rng(0).normal(size=(3, 3, 2, 3)).astype(np.float32)

    @tf.function(input_signature=[tf.TensorSpec([1, 4, 5, 3], tf.float32)])
    def network(x):
        return tf.nn.conv2d_transpose(x, kernel, [1, 8, 10, 2], 2)

    own = tf.lite.TFLiteConverter.from_concrete_functions([network.get_concrete_function()])
    content = own.convert()

    def asked(model: Any) -> None:
        graph = model.subgraphs[0]
        (operator,) = graph.operators
        graph.tensors[operator.inputs[0]].buffer = 0
        graph.inputs = [operator.inputs[0], *graph.inputs]

    wanted = tm.imported(content, tmp_path)
    graph = tm.imported(tm.changed(content, asked), tmp_path)
    assert any("is left out: the file says the shape" in note for note in graph.notes)
    (name,) = (tensor.name for tensor in graph.inputs)
    x = Batch({name: np.random.default_rng(1).normal(size=(2, 4, 5, 3)).astype(np.float32)})
    np.testing.assert_array_equal(evaluate(graph, x), evaluate(wanted, x))
