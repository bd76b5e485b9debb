"""What microlut exports it imports with the same integers: random networks, and each operator."""

from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from ai_edge_litert import schema_py_generated as schema

import random_graphs as rg
import tflite_models as tm
from microlut.codegen.tflite import to_tflite
from microlut.errors import UnsupportedModel
from microlut.integer import QuantizedGraph, evaluate, to_bytes

# Modules of tests/ops whose operators have one operator of TensorFlow Lite each, or are looked up.
MODULES = (
    *("add", "concatenate", "conv2d", "dense", "depth_to_space", "depthwise_conv2d"),
    *("gather", "maximum", "mean", "minimum", "mul", "pad", "pool2d", "prelu", "relu"),
    *("reshape", "resize_bilinear", "sigmoid", "slice", "softmax", "space_to_depth", "subtract"),
    *("tanh", "tile", "transpose", "transpose_conv2d", "unit_normalization", "reduce"),
    *("gates", "rectifiers", "saturating", "unary"),
)


def check(graph: QuantizedGraph, folder: Path) -> None:
    found = tm.stored(tm.imported(to_tflite(graph), folder))
    inputs = tm.random_inputs(graph)
    wanted = to_bytes(evaluate.outputs(graph, inputs))
    assert np.array_equal(tm.outputs(found, inputs), wanted)
    assert [t.shape for t in found.inputs] == [t.shape for t in graph.inputs]
    kept = [(t.dtype, t.quantization) for t in found.output_tensors().values()]
    assert kept == [(t.dtype, t.quantization) for t in graph.output_tensors().values()]


@pytest.mark.parametrize("case", rg.network_cases(12, seed=22), ids=lambda case: case.name)
def test_random_network_has_the_same_integers(case: rg.Case, tmp_path: Path):
    check(case.quantized(), tmp_path)


@pytest.mark.parametrize("name", MODULES)
def test_each_operator_has_the_same_integers(name: str, tmp_path: Path):
    cases = import_module(f"test_{name}").CASES
    graphs = [case.quantized for case in cases]
    for graph in graphs:
        if graph.tflite_lacks():
            continue
        try:
            check(graph, tmp_path)
        except UnsupportedModel as error:  # padding with the least value, before a maximum
            assert "(PADV2): pads with" in str(error)


def test_each_operator_between_int16_has_the_same_integers(tmp_path: Path):
    cases = [case for case in import_module("test_int16").CASES if case.op.becomes in KINDS_16]
    assert len(cases) > len(KINDS_16)
    for case in cases:
        check(case.quantized, tmp_path)


@pytest.mark.parametrize("kind", ["conv2d", "dense", "depthwise_conv2d"])
def test_sums_of_int16_in_32_bits_are_refused(kind: str, tmp_path: Path):
    """TensorFlow Lite rounds them otherwise: there the biases have 32 bits."""
    case = next(c for c in import_module("test_int16").CASES if c.op.becomes == kind)

    def narrow(model: Any) -> None:
        model.subgraphs[0].tensors[bias].type = schema.TensorType.INT32
        buffer = model.buffers[model.subgraphs[0].tensors[bias].buffer]
        values = np.frombuffer(bytes(buffer.data), np.int64).astype(np.int32)
        buffer.data = np.frombuffer(values.tobytes(), np.uint8)

    def bare(model: Any) -> None:
        operator = _with_bias(model)
        operator.inputs = [*operator.inputs[:2], -1]
        operator.builtinOptions.quantizedBiasType = schema.TensorType.INT32

    content = to_tflite(case.quantized)
    bias = _with_bias(schema.ModelT.InitFromPackedBuf(content, 0)).inputs[2]
    for change in (narrow, bare)[: 1 if kind == "depthwise_conv2d" else 2]:
        with pytest.raises(UnsupportedModel, match="adds products of int16 in 32 bits"):
            tm.imported(tm.changed(content, change), tmp_path)


def _with_bias(model: Any) -> Any:
    return next(o for o in model.subgraphs[0].operators if len(o.inputs) == 3)


def test_moves_and_maxima_of_int16_between_casts_are_those_of_integers(tmp_path: Path):
    cases = [case for case in import_module("test_int16").CASES if "CAST" in kinds(case.quantized)]
    assert {case.op.becomes for case in cases} == {"gather", "reduce"}
    for case in cases:
        check(case.quantized, tmp_path)


def kinds(graph: QuantizedGraph) -> set[str]:
    """Return the operators of an exported file."""
    known = graph.tensors()
    made = [n.op.tflite([known[name] for name in n.inputs], n.outputs) for n in graph.nodes]
    return {builtin.name for builtins in made for builtin in builtins}


def test_layers_that_are_exported_step_by_step_are_read_better_elsewhere(tmp_path: Path):
    case = next(case for case in import_module("test_recurrent").CASES if case.op.cell == "gru")
    content = to_tflite(case.quantized)
    with pytest.raises(UnsupportedModel, match="was written by microlut; convert the model that"):
        tm.imported(content, tmp_path)


KINDS_16 = ("add", "binary", "concatenate", "conv2d", "dense", "depthwise_conv2d", "pool2d")
