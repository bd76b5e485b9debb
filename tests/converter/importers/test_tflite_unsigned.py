"""Networks of uint8, which the kernels of tflite-micro lack: LiteRT's reference kernels judge."""

from __future__ import annotations

import importlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from ai_edge_litert import schema_py_generated as schema

import random_graphs as rg
import tflite_models as tm
from microlut.codegen.tflite import to_tflite
from microlut.conversion.pipeline import convert
from microlut.errors import UnsupportedModel
from microlut.integer import QNode, QuantizedGraph
from microlut.ops.concatenate import QConcatenate
from microlut.ops.resize_bilinear import ResizeBilinear
from microlut.ops.tensor import Quantization, Tensor
from microlut.ops.unit_normalization import UnitNormalization
from microlut.support.progress import silent
from microlut.verification.original import compare_original
from microlut.verification.runtimes import computes_unsigned

WIDE = {"conv2d": "conv2d", "depthwise": "depthwise_conv2d", "dense": "dense"}


def unsigned(model: Any, zero_point: int | None = None) -> None:
    """Turn int8 into uint8 with one scale per tensor; give weights a zero point."""
    graph, types = model.subgraphs[0], schema.TensorType
    for tensor in graph.tensors:
        if tensor.type != types.INT8:
            continue
        tensor.type, quantization = types.UINT8, tensor.quantization
        quantization.scale = quantization.scale[:1]
        quantization.zeroPoint = [int(quantization.zeroPoint[0]) + 128]
        data = model.buffers[tensor.buffer].data
        if data is not None and tensor.buffer:
            model.buffers[tensor.buffer].data = np.asarray(data, np.uint8) ^ 128
            if zero_point is not None and len(tensor.shape) > 1:
                quantization.zeroPoint = [zero_point]
    for operator in graph.operators:
        if len(operator.inputs) != 3:
            continue
        x, weights, bias = (graph.tensors[n] for n in operator.inputs)
        if bias.type == types.INT32 and bias.quantization is not None:
            scales = np.float32(x.quantization.scale[0]) * np.float32(weights.quantization.scale[0])
            bias.quantization.scale, bias.quantization.zeroPoint = [scales], [0]


def check_equal(content: bytes, folder: Path) -> QuantizedGraph:
    """Compare the imported integers with LiteRT running the file itself."""
    found = tm.stored(tm.imported(content, folder))
    inputs = tm.random_inputs(found, count=8)
    result = compare_original(found, content, inputs, tm.outputs(found, inputs), silent)
    assert result.agrees, result
    return found


@pytest.mark.parametrize("kind", sorted(rg.OPERATORS))
def test_operator_has_the_bytes_of_the_reference_kernels(kind: str, tmp_path: Path):
    for case in rg.operator_cases(kind, 5, seed=3):
        content = to_tflite(case.quantized())
        check_equal(tm.changed(content, unsigned), tmp_path)


@pytest.mark.parametrize("zero_point", [0, 40, 200, 255])
@pytest.mark.parametrize("kind", sorted(WIDE))
def test_weights_beyond_int8_are_exact(kind: str, zero_point: int, tmp_path: Path):
    rng = np.random.default_rng(zero_point)

    def wide(model: Any) -> None:
        unsigned(model, zero_point)
        for tensor in model.subgraphs[0].tensors:
            buffer = model.buffers[tensor.buffer]
            if tensor.type == schema.TensorType.UINT8 and tensor.buffer and buffer.data is not None:
                buffer.data = rng.integers(0, 256, len(buffer.data)).astype(np.uint8)

    copied = 0
    for case in rg.operator_cases(WIDE[kind], 5, seed=5):
        found = check_equal(tm.changed(to_tflite(case.quantized()), wide), tmp_path)
        copied += any(node.name.endswith("_copies") for node in found.nodes)
    assert copied


def test_network_of_uint8_is_converted(tmp_path: Path):
    content = tm.changed(to_tflite(next(rg.network_cases(1, seed=1)).quantized()), unsigned)
    assert computes_unsigned(content)
    found = check_equal(content, tmp_path)
    inputs = tm.random_inputs(found)
    made = convert(tmp_path / "net.tflite", bits=8)
    assert np.array_equal(tm.outputs(made.quantized, inputs), tm.outputs(found, inputs))
    assert convert(tmp_path / "net.tflite", bits=4).report.file_integers == "recoded"


@pytest.mark.parametrize("axis", [0, 1, 2])
@pytest.mark.parametrize("seed", range(6))
def test_tensors_of_other_scales_in_a_row(axis: int, seed: int, tmp_path: Path):
    rng = np.random.default_rng(seed)
    shapes = [tuple(2 + i if d == axis else 4 for d in range(3)) for i in range(3)]
    whole = tuple(sum(s[d] for s in shapes) if d == axis else 4 for d in range(3))
    own = Quantization(0.02, 7)
    inputs = tuple(Tensor(n, s, "int8", own) for n, s in zip("abc", shapes, strict=True))
    node = QNode("y", QConcatenate(axis), ("a", "b", "c"), (Tensor("y", whole, "int8", own),))
    graph = QuantizedGraph("joined", inputs, (node,), ("y",), output_names=("y",))

    def other(model: Any) -> None:
        unsigned(model)
        tensors = model.subgraphs[0].tensors
        for n in model.subgraphs[0].inputs[: 1 + seed % 3]:
            tensors[n].quantization.scale = [float(np.float32(0.02 * rng.uniform(0.2, 3)))]
            tensors[n].quantization.zeroPoint = [int(rng.integers(0, 256))]

    check_equal(tm.changed(to_tflite(graph), other), tmp_path)


@pytest.mark.parametrize("alignment", ["origin", "centers", "corners"])
def test_resizing_is_within_one_step(alignment: Any, tmp_path: Path):
    net = rg.Network("other", (5, 6, 4))
    net.add(ResizeBilinear(7, 9, alignment), (7, 9, 4), net.last)
    content = to_tflite(net.case(np.random.default_rng(0), bits=8, granularity=0).quantized())
    content = tm.changed(content, unsigned)
    graph = tm.imported(content, tmp_path)
    assert any("RESIZE_BILINEAR) rounds as between int8" in note for note in graph.notes)
    found = tm.stored(graph)
    inputs = tm.random_inputs(found, count=8)
    made = tm.outputs(found, inputs)
    wanted = np.concatenate([_run(content, x) for x in next(iter(inputs.arrays.values()))])
    difference = np.abs(made.astype(int).reshape(wanted.shape) - wanted)
    assert difference.max() == 1
    assert (difference == 0).mean() > 0.8


def _run(content: bytes, x: np.ndarray) -> np.ndarray:
    """Return what LiteRT makes of int8 values as uint8, as int8."""
    litert = importlib.import_module("ai_edge_litert.interpreter")
    runner = litert.Interpreter(
        model_content=content, experimental_op_resolver_type=litert.OpResolverType.BUILTIN_REF
    )
    runner.allocate_tensors()
    given, made = runner.get_input_details()[0]["index"], runner.get_output_details()[0]["index"]
    runner.set_tensor(given, (x.astype(np.int16) + 128).astype(np.uint8)[None])
    runner.invoke()
    return runner.get_tensor(made).astype(int) - 128


@pytest.mark.parametrize("op", [UnitNormalization()])
def test_operators_that_uint8_computes_otherwise_are_refused(op: Any, tmp_path: Path):
    net = rg.Network("other", (5, 6, 4))
    net.add(op, op.shapes([(5, 6, 4)])[0], net.last)
    content = to_tflite(net.case(np.random.default_rng(0), bits=8, granularity=0).quantized())
    with pytest.raises(UnsupportedModel, match="computes with uint8, by another formula"):
        tm.imported(tm.changed(content, unsigned), tmp_path)
