"""LSTMs in .tflite files in fewer bits, and those of a single step, which go on in each run."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from ai_edge_litert import schema_py_generated as schema
from test_tflite_variables import changed, foreign_lstm, imported, named_for, stored

import random_graphs as rg
from microlut.codegen.tflite import to_tflite
from microlut.errors import MicrolutError
from microlut.integer import QuantizedGraph, to_bytes
from microlut.integer import evaluate as integers
from microlut.integer.check import check_graph
from microlut.ops.recurrent_step import QRecurrentStep, RecurrentStep
from microlut.ops.tensor import Quantization, dequantize_array, quantize_array
from microlut.quantize.bits.sensitivity import sensitivities
from microlut.quantize.ranges.measure import calibrate
from microlut.quantize.rough import quantize_roughly
from microlut.quantize.stage import quantize, quantize_without_data
from microlut.quantize.weights import WeightConfig
from microlut.streaming.stream import stream
from microlut.support.progress import silent
from microlut.verification.runtimes import run_tflite_micro
from recurrent_streams import FEATURES, UNITS, network


@pytest.mark.parametrize("seed", [1, 2])
def test_lstms_keep_their_zero_point_in_fewer_bits(seed: int, tmp_path: Path):
    graph = foreign_lstm(seed, sequences=True, dtype="int8")
    assert graph.nodes[0].outputs[0].zero_point
    read = imported(to_tflite(graph), tmp_path)
    x = np.random.default_rng(3).normal(size=(16, *read.inputs[0].shape)).astype(np.float32)
    ranges = calibrate(read, x)
    for made in (
        quantize(read, ranges, x, WeightConfig(6)),
        quantize_without_data(read, ranges, x, WeightConfig(6)),
        quantize_roughly(read, {node.name: 6 for node in read.nodes}),
    ):
        check_graph(made)
        assert made.nodes[0].op.weights.bits == 6
        assert made.nodes[0].op.power == graph.nodes[0].op.power
    found = quantize(read, ranges, x, WeightConfig(6))
    integer = rg.int8_batch(graph, seed, 8)
    exact = to_bytes(integers.outputs(graph, integer)).astype(int)
    near = to_bytes(integers.outputs(found, named_for(found, integer))).astype(int)
    assert np.abs(near - exact).mean() < 0.3 * np.std(exact)
    np.testing.assert_array_equal(
        run_tflite_micro(to_tflite(found), named_for(found, integer), runs=1), near
    )


def in_real_numbers(model: Any) -> None:
    """Give all tensors of a file real numbers."""
    for tensor in model.subgraphs[0].tensors:
        data, kind = model.buffers[tensor.buffer].data, {9: np.int8, 2: np.int32}.get(tensor.type)
        if data is not None and kind is not None:
            values = np.frombuffer(bytes(data), kind).astype(np.float32)
            model.buffers[tensor.buffer].data = np.frombuffer(values.tobytes(), np.uint8)
        tensor.type, tensor.quantization = schema.TensorType.FLOAT32, None


def test_real_lstm_of_a_single_step_is_refused(tmp_path: Path):
    graph = stream(network("single", "lstm"), 0)
    first = graph.nodes[0]
    alone = replace(
        graph,
        nodes=(first,),
        outputs=(first.output,),
        output_names=(),
        output_orders=(),
        stream=None,
    )
    content = changed(to_tflite(alone), in_real_numbers)
    with pytest.raises(MicrolutError, match="goes on in each run where the last one ended"):
        imported(content, tmp_path)


def single_steps(seed: int) -> QuantizedGraph:
    """Return two LSTMs of a step per run, of which the first has scales of its own."""
    made = stream(network(f"single{seed}", "lstm", "lstm", sequences=True), 0)
    first = made.nodes[0]
    assert isinstance(first.op, QRecurrentStep)
    q = Quantization(0.00725, int(seed * 3 - 4))
    layer = replace(first.op.layer, zero_point=q.zero_point, clip=9000)
    output = replace(first.outputs[0], quantization=q)
    node = replace(first, op=replace(first.op, layer=layer), outputs=(output, first.outputs[1]))
    return replace(made, nodes=(node, *made.nodes[1:]), stream=None)


@pytest.mark.parametrize("seed", range(3))
def test_lstms_of_one_step_go_on_where_the_last_run_ended(seed: int, tmp_path: Path):
    graph = single_steps(seed)
    content = to_tflite(graph)
    read = imported(content, tmp_path)
    assert not any("recurrent layers begin" in note for note in read.notes)
    found = stored(read)
    assert [node.op.kind for node in found.nodes][:2] == ["recurrent_step", "recurrent_step"]
    x = named_for(found, rg.int8_batch(graph, seed, 30))
    wanted = run_tflite_micro(content, x, runs=30)
    assert len(np.unique(wanted, axis=0)) > 20
    np.testing.assert_array_equal(to_bytes(integers.outputs(found, x)), wanted)
    np.testing.assert_array_equal(run_tflite_micro(to_tflite(found), x, runs=30), wanted)


@pytest.mark.parametrize("bits", [3, 6])
def test_lstms_of_one_step_take_fewer_bits(bits: int, tmp_path: Path):
    graph = single_steps(1)
    read = imported(to_tflite(graph), tmp_path)
    x = np.random.default_rng(5).normal(size=(24, *read.inputs[0].shape)).astype(np.float32)
    ranges = calibrate(read, x)
    for made in (
        quantize(read, ranges, x, WeightConfig(bits)),
        quantize_without_data(read, ranges, x, WeightConfig(bits)),
        quantize_roughly(read, {node.name: bits for node in read.nodes}),
    ):
        first = made.nodes[0].op
        assert first.weights.bits == bits
        assert (first.layer.zero_point, first.layer.clip) == (-1, 9000)
    options = {n.name: [WeightConfig(2), WeightConfig(6)] for n, _ in read.weighted()}
    for few, more in sensitivities(read, ranges, x, options, silent).values():
        assert few.divergence > more.divergence
    found = quantize(read, ranges, x, WeightConfig(bits))
    check_graph(found)
    integer = named_for(found, rg.int8_batch(graph, 4, 20))
    wanted = run_tflite_micro(to_tflite(found), integer, runs=20)
    np.testing.assert_array_equal(to_bytes(integers.outputs(found, integer)), wanted)


def test_real_numbers_of_one_step_are_those_of_integers(tmp_path: Path):
    read = imported(to_tflite(single_steps(2)), tmp_path)
    node, tensors = read.nodes[0], read.tensors()
    exact, ends = read.exact[node.name], [tensors[name] for name in node.inputs]
    assert isinstance(node.op, RecurrentStep)
    rng = np.random.default_rng(6)
    x = rng.integers(-90, 90, (6, *ends[0].shape)).astype(np.int8)
    memory = np.stack([rng.integers(-4000, 4000, (6, UNITS)), rng.integers(-90, 90, (6, UNITS))], 1)
    given = [x, memory.astype(np.int16)]
    wanted = exact.evaluate(given, ends, node.outputs)
    reals = [dequantize_array(v, t.quantized) for v, t in zip(given, ends, strict=True)]
    for real, found, tensor in zip(node.op.evaluate(reals), wanted, node.outputs, strict=True):
        steps = quantize_array(real, tensor.quantized, tensor.dtype).astype(int)
        hidden = steps[:, 1] if found.ndim == 3 and found.shape[1] == 2 else steps
        exact_hidden = found[:, 1] if hidden.shape != found.shape else found
        assert np.abs(hidden - exact_hidden.astype(int)).max() <= 2


def test_one_step_is_trained_as_it_is_computed(tmp_path: Path):
    tf = pytest.importorskip("tensorflow", reason="needs TensorFlow; pip install tensorflow")
    op = imported(to_tflite(single_steps(0)), tmp_path).nodes[0].op
    rng = np.random.default_rng(7)
    x = rng.normal(size=(3, 1, FEATURES)).astype(np.float32)
    memory = rng.uniform(-0.004, 0.004, (3, 2, UNITS)).astype(np.float32)
    for found, wanted in zip(
        op.train(tf, [tf.constant(x), tf.constant(memory)]), op.evaluate([x, memory]), strict=True
    ):
        np.testing.assert_allclose(found, wanted, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("seed", range(2))
def test_int16_lstms_of_one_step_go_on_where_the_last_run_ended(seed: int, tmp_path: Path):
    graph = stream(foreign_lstm(seed, sequences=True, dtype="int16"), 0)
    found = stored(imported(to_tflite(graph), tmp_path))
    assert found.nodes[0].op.kind == "recurrent_step"
    x = named_for(found, rg.int8_batch(graph, seed, 30))
    wanted = run_tflite_micro(to_tflite(graph), x, runs=30)
    assert len(np.unique(wanted, axis=0)) > 20
    np.testing.assert_array_equal(to_bytes(integers.outputs(found, x)), wanted)
    np.testing.assert_array_equal(run_tflite_micro(to_tflite(found), x, runs=30), wanted)
