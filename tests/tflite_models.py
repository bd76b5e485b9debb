"""Networks of integers as .tflite files, and what the imported files compute."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import flatbuffers
import numpy as np
from ai_edge_litert import schema_py_generated as schema

from microlut.graph.batch import Batch
from microlut.graph.ir import Graph
from microlut.importers import import_model
from microlut.integer import QNode, QuantizedGraph, evaluate, to_bytes
from microlut.quantize.stage import assembled

Change = Callable[[Any], None]


def stored(graph: Graph) -> QuantizedGraph:
    """Return the network with all the integers of its file."""
    assert set(graph.exact) == {node.name for node in graph.nodes}
    nodes = [QNode(n.name, graph.exact[n.name], n.inputs, n.outputs) for n in graph.nodes]
    return assembled(graph, graph.tensors(), nodes)


def imported(content: bytes, folder: Path) -> Graph:
    """Return the graph of a file's content."""
    path = folder / "net.tflite"
    path.write_bytes(content)
    return import_model(path)


def random_inputs(graph: QuantizedGraph, seed: int = 0, count: int = 4) -> Batch:
    """Return random integers; the last ones are those at both ends."""
    rng = np.random.default_rng(seed)
    found = {}
    for tensor in graph.inputs:
        limits = np.iinfo(tensor.dtype)
        values = rng.integers(limits.min, limits.max + 1, (count, *tensor.shape))
        values[-1] = np.where(values[-1] < 0, limits.min, limits.max)
        found[tensor.name] = values.astype(tensor.dtype)
    return Batch(found)


def renamed(inputs: Batch, graph: QuantizedGraph) -> Batch:
    """Return inputs under the names that a network calls them by."""
    names = [tensor.name for tensor in graph.inputs]
    return Batch(dict(zip(names, inputs.arrays.values(), strict=True)))


def outputs(graph: QuantizedGraph, inputs: Batch) -> np.ndarray:
    """Return the bytes of all outputs."""
    return to_bytes(evaluate.outputs(graph, renamed(inputs, graph)))


def changed(content: bytes, change: Change) -> bytes:
    """Return the content of a file after a change of its tables."""
    model = schema.ModelT.InitFromPackedBuf(content, 0)
    change(model)
    builder = flatbuffers.Builder(len(content))
    builder.Finish(model.Pack(builder), b"TFL3")
    return bytes(builder.Output())


def unsigned_ends(model: Any) -> None:
    """Give a file uint8 at both ends, with QUANTIZE between."""
    graph = model.subgraphs[0]
    code = schema.OperatorCodeT()
    code.builtinCode = code.deprecatedBuiltinCode = schema.BuiltinOperator.QUANTIZE
    model.operatorCodes.append(code)
    for ends, first in ((graph.inputs, True), (graph.outputs, False)):
        number = ends[0]
        inner = graph.tensors[number]
        outer = schema.TensorT()
        outer.name, outer.shape, outer.type = f"{inner.name.decode()}_u", inner.shape, 3
        outer.quantization = schema.QuantizationParametersT()
        outer.quantization.scale = inner.quantization.scale
        outer.quantization.zeroPoint = [int(inner.quantization.zeroPoint[0]) + 128]
        graph.tensors.append(outer)
        operator = schema.OperatorT()
        operator.opcodeIndex = len(model.operatorCodes) - 1
        own, new = [number], [len(graph.tensors) - 1]
        operator.inputs, operator.outputs = (new, own) if first else (own, new)
        graph.operators.insert(0 if first else len(graph.operators), operator)
        setattr(graph, "inputs" if first else "outputs", new)


def real_ends(model: Any) -> None:
    """Give a file real numbers at both ends, with QUANTIZE and DEQUANTIZE between."""
    unsigned_ends(model)
    graph = model.subgraphs[0]
    code = schema.OperatorCodeT()
    code.builtinCode = code.deprecatedBuiltinCode = schema.BuiltinOperator.DEQUANTIZE
    model.operatorCodes.append(code)
    graph.operators[-1].opcodeIndex = len(model.operatorCodes) - 1
    for number in (graph.inputs[0], graph.outputs[0]):
        graph.tensors[number].type = schema.TensorType.FLOAT32
        graph.tensors[number].quantization = None
