"""Filters over time: equal to tflite-micro's SVDF frame by frame, in all forms and bits."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from ai_edge_litert import schema_py_generated as schema
from engine_batch import HOST, M4, Target, run_batch

import random_ends as several
import tflite_models as tm
from microlut.codegen.tflite import to_tflite
from microlut.errors import InvalidInput, UnsupportedModel
from microlut.graph.batch import Batch
from microlut.integer import QuantizedGraph, load, save, to_bytes
from microlut.integer import evaluate as integers
from microlut.integer.check import check_graph
from microlut.ops.svdf import Svdf
from microlut.plan import make_plan
from microlut.quantize.bits.sensitivity import sensitivities
from microlut.quantize.ranges.measure import calibrate
from microlut.quantize.rough import quantize_roughly
from microlut.quantize.stage import quantize, quantize_without_data
from microlut.quantize.weights import WeightConfig
from microlut.support.progress import silent
from microlut.verification.runtimes import run_tflite_micro
from svdf_networks import CASES, Case

FRAMES = 24


each = pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)


def frames(graph: QuantizedGraph) -> Batch:
    return tm.random_inputs(graph, 3, FRAMES)


def answers(graph: QuantizedGraph) -> np.ndarray:
    found = to_bytes(integers.outputs(graph, frames(graph)))
    assert len(np.unique(found, axis=0)) > 3
    return found


def in_bits(case: Case, bits: int, folder: Path) -> QuantizedGraph:
    """Return the network with fewer bits, as conversions of its file make it."""
    graph = tm.imported(to_tflite(case.graph), folder)
    x = np.random.default_rng(4).normal(size=(32, *graph.inputs[0].shape)).astype(np.float32)
    made = quantize(graph, calibrate(graph, x), x, WeightConfig(bits))
    check_graph(made)
    return made


@each
def test_integer_equals_tflite_micro(case: Case):
    wanted = answers(case.graph)
    found = run_tflite_micro(to_tflite(case.graph), frames(case.graph), runs=FRAMES)
    np.testing.assert_array_equal(found, wanted)


def test_filters_of_8_bits_wrap_around():
    """Devices limit a filter before they add its zero point."""
    case = next(case for case in CASES if case.name == "wraps")
    node, (x,) = case.graph.nodes[0], case.graph.inputs
    largest = np.where(node.op.projection[:1] > 0, 127, -128).astype(np.int8)
    old = np.zeros((1, *node.op.shapes([x.shape, case.graph.states[0].tensor.shape])[1]), np.int8)
    read = [x, case.graph.states[0].tensor]
    found = node.op.evaluate([largest, old], read, node.outputs)[1]
    assert found[0, 0, -1] < 0


@each
def test_files_keep_their_integers(case: Case, tmp_path: Path):
    found = tm.stored(tm.imported(to_tflite(case.graph), tmp_path))
    check_graph(found)
    given = tm.renamed(frames(case.graph), found)
    np.testing.assert_array_equal(to_bytes(integers.outputs(found, given)), answers(case.graph))


@pytest.mark.parametrize("case", CASES[:4], ids=lambda case: case.name)
def test_real_numbers_are_those_of_integers(case: Case, tmp_path: Path):
    graph = tm.imported(to_tflite(case.graph), tmp_path)
    node, exact = graph.nodes[0], graph.exact[graph.nodes[0].name]
    assert isinstance(node.op, Svdf)
    tensors, rng = graph.tensors(), np.random.default_rng(1)
    read = [tensors[name] for name in node.inputs]
    given = [(t.zero_point + rng.integers(9, size=(5, *t.shape))).astype(t.dtype) for t in read]
    reals = [(x - t.zero_point) * np.float32(t.scale) for x, t in zip(given, read, strict=True)]
    wanted = exact.evaluate(given, read, node.outputs)
    for real, found, tensor in zip(node.op.evaluate(reals), wanted, node.outputs, strict=True):
        limits = np.iinfo(tensor.dtype)
        steps = np.clip(real / tensor.scale + tensor.zero_point, limits.min, limits.max)
        assert np.abs(steps - found).max() < 1.5


def test_training_equals_float(tmp_path: Path):
    tf = pytest.importorskip("tensorflow", reason="needs TensorFlow; pip install tensorflow")
    for case in CASES[1:3]:
        op = tm.imported(to_tflite(case.graph), tmp_path).nodes[0].op
        assert isinstance(op, Svdf)
        rng, state = np.random.default_rng(2), (4, len(op.kernel), op.memory - 1)
        given = [rng.normal(size=s).astype(np.float32) for s in ((4, op.inputs), state)]
        for found, wanted in zip(op.train(tf, given), op.evaluate(given), strict=True):
            np.testing.assert_allclose(found, wanted, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("bits", [2, 4, 7])
@pytest.mark.parametrize("case", CASES[:4], ids=lambda case: case.name)
def test_fewer_bits_have_codebooks(case: Case, bits: int, tmp_path: Path):
    made = in_bits(case, bits, tmp_path)
    for node, before in zip(made.nodes, case.graph.nodes, strict=True):
        assert node.op.weights.bits == bits
        assert node.op.weights.shape == before.op.weights.shape
        np.testing.assert_array_equal(node.op.time, before.op.time)
    wanted = answers(made)
    found = run_tflite_micro(to_tflite(made), frames(made), runs=FRAMES)
    np.testing.assert_array_equal(found, wanted)


def test_more_bits_are_closer(tmp_path: Path):
    for case in CASES[:2]:
        exact = answers(case.graph).astype(int)
        errors = [np.abs(answers(in_bits(case, b, tmp_path)) - exact).mean() for b in (2, 4, 6)]
        assert errors[0] > errors[1] > errors[2]


def test_quantized_without_data_and_roughly(tmp_path: Path):
    graph = tm.imported(to_tflite(CASES[0].graph), tmp_path)
    x = np.random.default_rng(4).normal(size=(8, *graph.inputs[0].shape)).astype(np.float32)
    found = quantize_without_data(graph, calibrate(graph, x), x, WeightConfig(4))
    rough = quantize_roughly(graph, {node.name: 4 for node in graph.nodes})
    for made in (found, rough):
        check_graph(made)
        assert [node.op.weights.bits for node in made.nodes] == [4, 4]
        make_plan(made)


def test_bits_are_measured(tmp_path: Path):
    """States are tensors that later layers read, and that no layer makes."""
    for case in CASES[:2]:
        graph = tm.imported(to_tflite(case.graph), tmp_path)
        x = np.random.default_rng(4).normal(size=(16, *graph.inputs[0].shape)).astype(np.float32)
        options = {node.name: [WeightConfig(2), WeightConfig(6)] for node in graph.nodes}
        found = sensitivities(graph, calibrate(graph, x), x, options, silent)
        for few, more in found.values():
            assert few.divergence > more.divergence > 0
            assert few.bytes < more.bytes


def check_c(folder: Path, target: Target, *graphs: QuantizedGraph) -> None:
    plans = [make_plan(graph) for graph in graphs]
    for plan in plans:
        assert not plan.copies  # states change where they are
    given = [to_bytes(frames(graph)) for graph in graphs]
    for graph, found in zip(graphs, run_batch(plans, given, folder, target), strict=True):
        wanted = several.interpreted(graph, frames(graph))  # of which the second half begins anew
        np.testing.assert_array_equal(found, wanted, graph.name)


def variants(folder: Path) -> list[QuantizedGraph]:
    fewer = [in_bits(case, 3 + i, folder) for i, case in enumerate(CASES[:4])]
    named = [replace(graph, name=f"bits{i}") for i, graph in enumerate(fewer)]
    return [*(case.graph for case in CASES), *named]


def test_c_equals_integer_on_this_computer(tmp_path: Path):
    check_c(tmp_path, HOST, *variants(tmp_path))


@pytest.mark.sweep
@pytest.mark.qemu
def test_equals_integer_on_an_emulated_core(tmp_path: Path):
    check_c(tmp_path, M4, *variants(tmp_path))


def test_networks_are_saved_and_loaded(tmp_path: Path):
    for case in CASES[:2]:
        save(case.graph, tmp_path / "model.json")
        assert to_tflite(load(tmp_path / "model.json")) == to_tflite(case.graph)


def _size(model: Any) -> None:
    number = model.subgraphs[0].operators[0].inputs[4]
    model.subgraphs[0].tensors[number].shape = [1, 49]


def _rank(model: Any) -> None:
    model.subgraphs[0].operators[0].builtinOptions.rank = 5


def _scales(model: Any) -> None:
    number = model.subgraphs[0].operators[0].inputs[1]
    model.subgraphs[0].tensors[number].quantization.zeroPoint = [3]


def _state(model: Any) -> None:
    number = model.subgraphs[0].operators[0].inputs[4]
    tensor = model.subgraphs[0].tensors[number]
    tensor.type, tensor.quantization.zeroPoint = schema.TensorType.INT16, [0]


def _shared(model: Any) -> None:
    first, second = model.subgraphs[0].operators[:2]
    second.inputs = [*second.inputs[:4], first.inputs[4]]


@pytest.mark.parametrize(
    ("change", "error", "text"),
    [
        (_shared, UnsupportedModel, "shares a variable with another operator; give each"),
        (_size, InvalidInput, "has tensors of shapes"),
        (_rank, InvalidInput, "rank 5"),
        (_scales, UnsupportedModel, "with a zero point; supported is one scale"),
        (_state, UnsupportedModel, "computes between int8, int8, int8, int16, int8; supported is"),
    ],
)
def test_other_files_are_refused(change: Any, error: type, text: str, tmp_path: Path):
    content = tm.changed(to_tflite(CASES[0].graph), change)
    with pytest.raises(error, match=text):
        tm.imported(content, tmp_path)
