"""Constants that a .tflite file computes of integers, which only moves may do."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from ai_edge_litert import schema_py_generated as schema

import random_graphs as rg
import tflite_models as tm
from microlut.codegen.tflite import to_tflite
from microlut.errors import InvalidInput, UnsupportedModel
from microlut.integer import QuantizedGraph
from microlut.ops.conv2d import QConv2D
from microlut.ops.dense import QDense

KIND = schema.BuiltinOperator


def network() -> QuantizedGraph:
    """Return a network with a dense layer."""
    graphs = (case.quantized() for case in rg.network_cases(20, seed=22))
    return next(g for g in graphs if any(isinstance(n.op, QDense) for n in g.nodes))


def constant(model: Any, name: str, values: np.ndarray, like: Any = None) -> int:
    """Add a constant and return its number; the scale and zero point are those of a tensor."""
    tensor = schema.TensorT() if like is None else copy.deepcopy(like)
    tensor.name, tensor.shape = name, np.array(values.shape, np.int32)
    if like is None:
        tensor.type = schema.TensorType.INT32
    else:
        tensor.quantization.scale = np.array(like.quantization.scale[:1], np.float32)
        tensor.quantization.zeroPoint = np.zeros(1, np.int64)
    buffer = schema.BufferT()
    buffer.data = np.frombuffer(values.tobytes(), np.uint8)
    model.buffers.append(buffer)
    tensor.buffer = len(model.buffers) - 1
    model.subgraphs[0].tensors.append(tensor)
    return len(model.subgraphs[0].tensors) - 1


def computed_by(model: Any, kind: int, inputs: list[int], weights: int) -> None:
    """Let an operator make the weights, which are no constant any more."""
    code = schema.OperatorCodeT()
    code.builtinCode = code.deprecatedBuiltinCode = kind
    code.version = 1
    model.operatorCodes.append(code)
    operator = schema.OperatorT()
    operator.opcodeIndex = len(model.operatorCodes) - 1
    operator.inputs, operator.outputs = np.array(inputs, np.int32), np.array([weights], np.int32)
    main = model.subgraphs[0]
    main.operators.insert(0, operator)
    main.tensors[weights].buffer = 0


def transposed(model: Any, weights: int, values: np.ndarray) -> None:
    like = model.subgraphs[0].tensors[weights]
    source = constant(model, "turned", np.ascontiguousarray(values.T), like)
    order = constant(model, "order", np.array([1, 0], np.int32))
    computed_by(model, KIND.TRANSPOSE, [source, order], weights)


def reshaped(model: Any, weights: int, values: np.ndarray) -> None:
    like = model.subgraphs[0].tensors[weights]
    source = constant(model, "flat", values.reshape(-1), like)
    shape = constant(model, "shape", np.array(values.shape, np.int32))
    computed_by(model, KIND.RESHAPE, [source, shape], weights)


@pytest.mark.parametrize("change", [transposed, reshaped])
def test_moved_weights_have_the_same_integers(change: Any, tmp_path: Path):
    graph = network()

    def compute(model: Any) -> None:
        main = model.subgraphs[0]
        codes = [code.builtinCode for code in model.operatorCodes]
        dense = next(o for o in main.operators if codes[o.opcodeIndex] == KIND.FULLY_CONNECTED)
        number = int(dense.inputs[1])
        tensor = main.tensors[number]
        data = np.asarray(model.buffers[tensor.buffer].data, np.uint8)
        change(model, number, data.view(np.int8).reshape(tensor.shape))

    content = tm.changed(to_tflite(graph), compute)
    found = tm.stored(tm.imported(content, tmp_path))
    inputs = tm.random_inputs(graph)
    np.testing.assert_array_equal(tm.outputs(found, inputs), tm.outputs(graph, inputs))


def convolution() -> QuantizedGraph:
    """Return a network that begins with a convolution."""
    graphs = (case.quantized() for case in rg.network_cases(60, seed=7))
    return next(g for g in graphs if isinstance(g.nodes[0].op, QConv2D))


def empty_input(model: Any) -> None:
    main = model.subgraphs[0]
    tensor = main.tensors[main.operators[0].inputs[0]]
    tensor.shape = np.array([*tensor.shape[:3], 0], np.int32)


def large_scale(scale: float) -> tm.Change:
    def change(model: Any) -> None:
        main = model.subgraphs[0]
        weights = main.tensors[main.operators[0].inputs[1]].quantization
        weights.scale = np.full(len(weights.scale), scale, np.float32)

    return change


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (empty_input, r"reads shape .*, 0\], which has no values"),
        (large_scale(3e38), "beyond single precision"),  # of weights
        (large_scale(2e36), "beyond single precision"),  # of the bias, and not of weights
    ],
)
def test_layer_without_finite_values_is_one_line(change, message, tmp_path):
    content = tm.changed(to_tflite(convolution()), change)
    with pytest.raises((InvalidInput, UnsupportedModel), match=message) as raised:
        tm.imported(content, tmp_path)
    assert str(raised.value).count("\n") == 0
