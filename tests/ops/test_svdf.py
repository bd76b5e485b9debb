"""Filters over time: equal to tflite-micro's SVDF frame by frame, in all forms and bits."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
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
from microlut.graph.network import State
from microlut.integer import QNode, QuantizedGraph, load, save, to_bytes
from microlut.integer import evaluate as integers
from microlut.integer.check import check_graph
from microlut.ops.arrays import frozen_array
from microlut.ops.svdf import QSvdf, Svdf
from microlut.ops.tensor import DType, Quantization, Tensor
from microlut.ops.weights import QuantizedWeights
from microlut.plan import make_plan
from microlut.quantize.bits.sensitivity import sensitivities
from microlut.quantize.ranges.measure import calibrate
from microlut.quantize.rough import quantize_roughly
from microlut.quantize.stage import quantize, quantize_without_data
from microlut.quantize.weights import WeightConfig
from microlut.support.progress import silent
from microlut.verification.runtimes import run_tflite_micro

FRAMES = 24


@dataclass(frozen=True, eq=False)
class Case:
    """Two operators in a row, of a type of filters.

    Attributes:
        name: A C identifier.
        dtype: Type of the filters.
        sizes: Inputs, and units of both.
        rank: Filters per unit.
        memory: Frames.
        points: Zero points of the input and of the filters.
        reach: Standard deviation of filters in steps.
    """

    name: str
    dtype: DType
    sizes: tuple[int, int, int]
    rank: int
    memory: int
    points: tuple[int, int] = (-3, 0)
    reach: float = 40.0

    @cached_property
    def graph(self) -> QuantizedGraph:
        """The network, with weights of 8 bits."""
        rng = np.random.default_rng(list(self.name.encode()))
        x = Tensor("x", self.sizes[:1], "int8", _quantization(rng, self.points[0]))
        first, second = x, Tensor("y0", self.sizes[1:2], "int8", _quantization(rng, 4))
        nodes, states = [], []
        for i in range(2):
            node, state = self._node(rng, i, first, second)
            nodes.append(node)
            states.append(state)
            first, second = second, Tensor("y1", self.sizes[2:], "int8", _quantization(rng, -7))
        made = QuantizedGraph(self.name, (x,), tuple(nodes), ("y0", "y1"), tuple(states))
        check_graph(made)
        return made

    def _node(self, rng: Any, i: int, x: Tensor, output: Tensor) -> tuple[QNode, State]:
        wide, filters = self.dtype == "int16", output.shape[0] * self.rank
        reach = self.reach * (200 if wide else 1)
        scales = rng.uniform(0.005, 0.02, 2).astype(np.float32)
        steps = 37 * 75 * np.sqrt(x.shape[0]) * float(scales[0]) * x.scale / reach
        kept = Quantization(float(np.float32(steps)), 0 if wide else self.points[1])
        state = Tensor(f"kept{i}", (filters, self.memory - 1), self.dtype, kept)
        time = rng.integers(-9000 if wide else -100, 9000 if wide else 100, (filters, self.memory))
        columns = x.shape[0] + (0 if wide else self.memory)
        rows = rng.integers(-127, 128, (filters, columns)).astype(np.int8)
        if not wide:
            rows[:, x.shape[0] :] = time
        bias = rng.integers(-3000, 3000, output.shape[0]) * (80 if wide else 1)
        sums = reach * np.sqrt(self.memory * self.rank) * (5200 if wide else 58)
        unit = 50 * output.scale / (sums * state.scale)
        op = QSvdf(
            QuantizedWeights(
                rows.shape, 8, rows.view(np.uint8), None, np.full(filters, scales[0], np.float32)
            ),
            frozen_array(bias, np.int32),
            self.memory,
            float(np.float32(unit)),
            frozen_array(time, np.int16) if wide else None,
        )
        outputs = output, Tensor(f"next{i}", state.shape, self.dtype, kept)
        return QNode(output.name, op, (x.name, state.name), outputs), State(state, f"next{i}")


def _quantization(rng: Any, zero_point: int) -> Quantization:
    return Quantization(float(np.float32(rng.uniform(0.01, 0.05))), zero_point)


CASES = (
    Case("usual", "int8", (10, 6, 5), 1, 8, (-128, 10)),
    Case("wide", "int16", (10, 6, 5), 1, 8, (-128, 0)),
    Case("ranks", "int8", (7, 4, 3), 3, 5, (5, -50)),
    Case("wide_ranks", "int16", (9, 3, 4), 2, 6),
    Case("two_frames", "int8", (3, 2, 2), 1, 2, (0, 0)),
    Case("wide_two_frames", "int16", (4, 1, 2), 1, 2),
    Case("wraps", "int8", (12, 5, 4), 1, 4, (9, 90), reach=90.0),
    Case("wraps_below", "int8", (12, 5, 4), 2, 3, (9, -77), reach=90.0),
    Case("wide_saturates", "int16", (33, 8, 8), 1, 40, reach=160.0),
)
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


@pytest.mark.parametrize(
    ("change", "error", "text"),
    [
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
