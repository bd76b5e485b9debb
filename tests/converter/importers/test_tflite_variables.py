"""Networks with a memory in .tflite files: variables are states, and LSTMs keep their integers."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import flatbuffers
import numpy as np
import pytest
from ai_edge_litert import schema_py_generated as schema

import random_graphs as rg
from microlut.codegen.tflite import to_tflite
from microlut.errors import MicrolutError, UnsupportedModel
from microlut.graph.batch import Batch
from microlut.graph.ir import Graph
from microlut.importers import import_model
from microlut.integer import QNode, QuantizedGraph, to_bytes
from microlut.integer import evaluate as integers
from microlut.integer.check import check_graph
from microlut.ops.recurrent_integer import QRecurrent
from microlut.ops.tensor import Activation, Quantization
from microlut.quantize.stage import assembled
from microlut.streaming.stream import stream
from microlut.verification.runtimes import run_tflite_micro
from recurrent_streams import network
from streamed_nets import networks

NETS = 6


def imported(content: bytes, folder: Path) -> Graph:
    path = folder / "net.tflite"
    path.write_bytes(content)
    return import_model(path)


def stored(graph: Graph) -> QuantizedGraph:
    """Return the network with all integers of its file."""
    nodes = [QNode(n.name, graph.exact[n.name], n.inputs, n.outputs) for n in graph.nodes]
    made = assembled(graph, graph.tensors(), nodes)
    check_graph(made)
    return made


def named_for(graph: QuantizedGraph, x: Batch) -> Batch:
    return Batch(dict(zip((t.name for t in graph.inputs), x.arrays.values(), strict=True)))


def changed(content: bytes, change: Callable[[Any], None]) -> bytes:
    model = schema.ModelT.InitFromPackedBuf(content, 0)
    change(model)
    builder = flatbuffers.Builder(len(content))
    builder.Finish(model.Pack(builder), b"TFL3")
    return bytes(builder.Output())


@pytest.fixture(scope="module")
def streams() -> list[QuantizedGraph]:
    return [stream(graph, axis) for graph, axis in networks(NETS, seed=3)]


@pytest.mark.parametrize("number", range(NETS))
def test_variables_become_states(number: int, streams: list[QuantizedGraph], tmp_path: Path):
    graph = streams[number]
    assert graph.stream is not None
    runs = graph.stream.runs
    content = to_tflite(graph)
    found = stored(imported(content, tmp_path))
    assert len(found.states) == len(graph.states)
    x = rg.int8_batch(graph, number, runs)
    wanted = to_bytes(integers.outputs(graph, x))
    np.testing.assert_array_equal(to_bytes(integers.outputs(found, named_for(found, x))), wanted)
    np.testing.assert_array_equal(run_tflite_micro(content, x, runs=runs), wanted)


def foreign_lstm(seed: int, sequences: bool, dtype: Activation) -> QuantizedGraph:
    """Return an LSTM with scales that no conversion of ours gives it."""
    rng = np.random.default_rng(seed)
    graph = network(f"lstm{seed}", "lstm", sequences=sequences, types=(8, dtype))
    node = graph.nodes[0]
    assert isinstance(node.op, QRecurrent)
    q = Quantization(float(np.float32(rng.uniform(0.006, 0.0079))), int(rng.integers(-9, 9)))
    if dtype == "int16":
        q = Quantization(float(np.float32(q.scale / 256)), 0)
    own = tuple(np.float32(np.array(node.op.own_scales) * rng.uniform(0.7, 1.4, 4)).tolist())
    op = replace(node.op, own_scales=own, zero_point=q.zero_point, clip=5000 if seed % 2 else 32768)
    output = replace(node.outputs[0], quantization=q)
    made = replace(node, op=op, outputs=(output,))
    return replace(graph, nodes=(made,), outputs=(output.name,))


@pytest.mark.parametrize("dtype", ["int8", "int16"])
@pytest.mark.parametrize("seed", range(6))
def test_lstms_keep_their_integers(seed: int, dtype: Activation, tmp_path: Path):
    graph = foreign_lstm(seed, seed % 3 > 0, dtype)
    content = to_tflite(graph)
    read = imported(content, tmp_path)
    assert any("recurrent layers begin each run" in note for note in read.notes)
    found = stored(read)
    x = rg.int8_batch(graph, seed, 5)
    wanted = run_tflite_micro(content, x)
    np.testing.assert_array_equal(to_bytes(integers.outputs(found, named_for(found, x))), wanted)


def test_lstms_of_tiny_cell_states_are_refused(tmp_path: Path):
    graph = foreign_lstm(2, False, "int8")
    op = replace(graph.nodes[0].op, power=-25)  # type: ignore[type-var]
    content = to_tflite(replace(graph, nodes=(replace(graph.nodes[0], op=op),)))
    with pytest.raises(UnsupportedModel, match=r"in steps of 2\^-25; .* 2\^-24 to 2\^-6"):
        imported(content, tmp_path)


def _other_biases(model: Any, dtype: type[np.signedinteger[Any]], value: int) -> None:
    """Give the biases of an LSTM's first gate another type, and the first of them a value."""
    graph = model.subgraphs[0]
    lstm = next(op for op in graph.operators if len(op.inputs) > 20)
    tensor = graph.tensors[lstm.inputs[12]]
    model.buffers.append(schema.BufferT())
    values = np.full(tensor.shape, value).astype(dtype)
    model.buffers[-1].data = np.frombuffer(values.tobytes(), np.uint8)
    tensor.buffer = len(model.buffers) - 1
    tensor.type = getattr(schema.TensorType, dtype.__name__.upper())


@pytest.mark.parametrize(
    ("dtype", "biases", "value", "message"),
    [
        ("int8", np.int64, 3, "has biases of int64; supported are those of int32"),
        ("int16", np.int32, 3, "has biases of int32; supported are those of int64"),
        ("int16", np.int64, 1 << 40, "supported are those that 32 bits hold"),
    ],
)
def test_lstms_with_other_biases_are_refused(
    dtype: Activation,
    biases: type[np.signedinteger[Any]],
    value: int,
    message: str,
    tmp_path: Path,
):
    content = to_tflite(foreign_lstm(1, False, dtype))
    content = changed(content, lambda model: _other_biases(model, biases, value))
    with pytest.raises(UnsupportedModel, match=message):
        imported(content, tmp_path)


def begun_with(values: Callable[[int], np.ndarray]) -> Callable[[Any], None]:
    """Return a change that lets the first variable begin with other values."""

    def change(model: Any) -> None:
        first = model.subgraphs[1]
        read = [op.inputs for op in first.operators if op.inputs is not None]
        number = next(inputs[1] for inputs in read if len(inputs) > 1)
        buffer = model.buffers[first.tensors[number].buffer]
        buffer.data = values(len(buffer.data)).astype(np.int8).view(np.uint8)

    return change


@pytest.mark.parametrize("value", [-128, 5, 127])
def test_variables_begin_with_one_integer(
    value: int, streams: list[QuantizedGraph], tmp_path: Path
):
    for number, graph in enumerate(streams):
        if not graph.states:
            continue
        assert graph.stream is not None
        content = changed(to_tflite(graph), begun_with(lambda n: np.full(n, value)))
        found = stored(imported(content, tmp_path))
        x = rg.int8_batch(graph, number, graph.stream.runs)
        wanted = run_tflite_micro(content, x, runs=graph.stream.runs)
        made = to_bytes(integers.outputs(found, named_for(found, x)))
        np.testing.assert_array_equal(made, wanted)
        again = run_tflite_micro(to_tflite(found), named_for(found, x), runs=graph.stream.runs)
        np.testing.assert_array_equal(again, wanted)


def weights_in_a_variable(model: Any, masked: bool) -> None:
    """Let the weights of a dense layer be a variable, which is masked before each use."""
    main, first = model.subgraphs[0], schema.SubGraphT()
    kinds = schema.BuiltinOperator

    def code(kind: int) -> int:
        made = schema.OperatorCodeT()
        made.builtinCode, made.deprecatedBuiltinCode = kind, min(kind, 127)
        model.operatorCodes.append(made)
        return len(model.operatorCodes) - 1

    def operator(kind: int, inputs: list[int], outputs: list[int], options: Any = None) -> Any:
        made = schema.OperatorT()
        made.opcodeIndex, made.inputs, made.outputs = code(kind), inputs, outputs
        if options is not None:
            name = type(options).__name__[:-1]
            made.builtinOptionsType = getattr(schema.BuiltinOptions, name)
            made.builtinOptions = options
        return made

    def tensor(graph: Any, name: str, like: Any = None, buffer: int = 0) -> int:
        made = schema.TensorT()
        made.name, made.shape, made.type, made.buffer = name, [], schema.TensorType.RESOURCE, buffer
        if like is not None:
            made.shape, made.type, made.quantization = like.shape, like.type, like.quantization
        graph.tensors.append(made)
        return len(graph.tensors) - 1

    dense = main.operators[0]
    weights = main.tensors[dense.inputs[1]]
    handle, once = schema.VarHandleOptionsT(), schema.CallOnceOptionsT()
    handle.sharedName, once.initSubgraphIndex = "weights", 1
    held, read = tensor(main, "held"), tensor(main, "read", weights)
    begin = [
        operator(kinds.CALL_ONCE, [], [], once),
        operator(kinds.VAR_HANDLE, [], [held], handle),
        operator(kinds.READ_VARIABLE, [held], [read]),
    ]
    if masked:
        shape = schema.TensorT()
        shape.name, shape.shape, shape.type = "shape", [2], schema.TensorType.INT32
        model.buffers.append(schema.BufferT())
        model.buffers[-1].data = np.array(weights.shape, np.int32).view(np.uint8)
        shape.buffer = len(model.buffers) - 1
        main.tensors.append(shape)
        number = len(main.tensors) - 1
        kept, again = tensor(main, "kept", weights), tensor(main, "again", weights)
        begin += [
            operator(kinds.RESHAPE, [read, number], [kept]),
            operator(kinds.ASSIGN_VARIABLE, [held, kept], []),
            operator(kinds.READ_VARIABLE, [held], [again]),
        ]
        read = again
    dense.inputs = [dense.inputs[0], read, *dense.inputs[2:]]
    main.operators[:0] = begin
    first.tensors, first.inputs, first.outputs = [], [], []
    values = tensor(first, "values", weights, weights.buffer)
    own = tensor(first, "own")
    first.operators = [
        operator(kinds.VAR_HANDLE, [], [own], handle),
        operator(kinds.ASSIGN_VARIABLE, [own, values], []),
    ]
    model.subgraphs.append(first)


@pytest.mark.parametrize("masked", [False, True])
def test_variables_that_keep_their_values_are_constants(masked: bool, tmp_path: Path):
    graph = next(rg.operator_cases("dense", 1)).quantized()
    content = changed(to_tflite(graph), lambda model: weights_in_a_variable(model, masked))
    found, x = stored(imported(content, tmp_path)), rg.int8_batch(graph, 1, 4)
    assert not found.states
    wanted = to_bytes(integers.outputs(graph, x))
    np.testing.assert_array_equal(to_bytes(integers.outputs(found, named_for(found, x))), wanted)


def _no_such_subgraph(model: Any) -> None:
    for operator in model.subgraphs[0].operators:
        if operator.builtinOptionsType == schema.BuiltinOptions.CallOnceOptions:
            operator.builtinOptions.initSubgraphIndex = 9


REFUSED = {
    "begins with other values than zeros; supported are zeros": begun_with(np.arange),
    "calls subgraph 9": _no_such_subgraph,
}


@pytest.mark.parametrize("message", REFUSED)
def test_other_variables_are_refused(message: str, streams: list[QuantizedGraph], tmp_path: Path):
    content = changed(to_tflite(streams[1]), REFUSED[message])
    with pytest.raises(MicrolutError, match=message):
        imported(content, tmp_path)
