"""LSTMs of other converters: any scales of gates, any hidden state, a limited cell state."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from engine_batch import HOST, run_batch
from harness import SAMPLES

import random_graphs as rg
from microlut.codegen.tflite import to_tflite
from microlut.graph.batch import Batch
from microlut.integer import QNode, QuantizedGraph, to_bytes
from microlut.integer import evaluate as integers
from microlut.integer.check import check_graph
from microlut.ops.recurrent_integer import QRecurrent
from microlut.ops.tensor import Activation, Quantization
from microlut.plan import make_plan
from microlut.streaming.stream import stream
from microlut.verification.runtimes import run_tflite_micro
from recurrent_streams import STEPS, network

CASES = 12
TYPES: tuple[Activation, ...] = ("int8", "int16")


def foreign(seed: int, dtype: Activation = "int8") -> QuantizedGraph:
    """Return a network of an LSTM that no conversion of ours makes."""
    rng = np.random.default_rng([seed, 7])
    name = f"foreign{seed}" + ("" if dtype == "int8" else "_wide")
    graph = network(name, "lstm", "lstm", types=(8 if seed % 2 else 4, dtype))
    nodes = []
    for node in graph.nodes[:2]:
        op, (output,) = node.op, node.outputs
        assert isinstance(op, QRecurrent)
        point = int(rng.integers(-20, 20)) if seed % 3 else 0
        scale = float(np.float32(rng.uniform(0.0055, 0.0079)))
        if dtype == "int16":
            point, scale = 0, float(np.float32(scale / 256))
        output = replace(output, quantization=Quantization(scale, point))
        factors = rng.uniform(0.6, 1.6, 4)
        own = tuple(np.float32(np.array(op.own_scales) * factors).tolist())
        clip = int(rng.integers(300, 20000)) if seed % 4 else op.clip
        op = replace(op, own_scales=own, zero_point=point, clip=clip)
        nodes.append(QNode(node.name, op, node.inputs, (output,)))
    made = replace(graph, nodes=tuple(nodes), outputs=(nodes[-1].output,))
    check_graph(made)
    return made


@pytest.mark.parametrize("dtype", TYPES)
@pytest.mark.parametrize("seed", range(CASES))
def test_integers_equal_tflite_micro(seed: int, dtype: Activation):
    graph = foreign(seed, dtype)
    x = rg.int8_batch(graph, seed, SAMPLES)
    wanted = to_bytes(integers.outputs(graph, x))
    assert len(np.unique(wanted, axis=0)) > 1
    np.testing.assert_array_equal(run_tflite_micro(to_tflite(graph), x), wanted)


def test_scales_are_multiplied_in_double_precision():
    graph = foreign(22)
    first = replace(graph, nodes=graph.nodes[:1], outputs=(graph.nodes[0].name,))
    x = rg.int8_batch(first, 0, 4000)  # in single precision, 12 bytes are off by one
    found = run_tflite_micro(to_tflite(first), x)
    np.testing.assert_array_equal(found, to_bytes(integers.outputs(first, x)))


def with_small_states(power: int, dtype: Activation) -> QuantizedGraph:
    """Return a network whose cell states are in steps of 2^power."""
    graph = foreign(1, dtype)
    nodes = []
    for node in graph.nodes:
        assert isinstance(node.op, QRecurrent)
        nodes.append(replace(node, op=replace(node.op, power=power, clip=1 << 15)))
    made = replace(graph, name=f"small{-power}_{dtype}", nodes=tuple(nodes))
    check_graph(made)
    return made


SMALL = [with_small_states(power, dtype) for power in (-16, -24) for dtype in TYPES]


@pytest.mark.parametrize("graph", SMALL, ids=lambda graph: graph.name)
def test_small_cell_states_equal_tflite_micro(graph: QuantizedGraph):
    x = rg.int8_batch(graph, 1, SAMPLES)
    wanted = run_tflite_micro(to_tflite(graph), x)
    np.testing.assert_array_equal(to_bytes(integers.outputs(graph, x)), wanted)


def test_cell_states_are_cut():
    graph = foreign(1)
    free = replace(
        graph,
        nodes=tuple(
            replace(node, op=replace(node.op, clip=1 << 15))
            if isinstance(node.op, QRecurrent)
            else node
            for node in graph.nodes
        ),
    )
    x = rg.int8_batch(graph, 0, SAMPLES)
    cut, whole = (to_bytes(integers.outputs(g, x)) for g in (graph, free))
    assert (cut != whole).any()


def test_c_equals_integers_also_step_by_step(tmp_path: Path):
    wholes = [foreign(seed) for seed in range(CASES)]
    wholes += [foreign(seed, "int16") for seed in range(0, CASES, 2)]
    streams = [replace(stream(graph, 0), name=f"{graph.name}_steps") for graph in wholes[::2]]
    graphs = [*wholes, *streams, *SMALL]
    samples: list[Batch] = [rg.int8_batch(graph, 0, 2 * STEPS) for graph in graphs]
    found = run_batch(
        [make_plan(graph) for graph in graphs], [to_bytes(x) for x in samples], tmp_path, HOST
    )
    for graph, x, got in zip(graphs, samples, found, strict=True):
        np.testing.assert_array_equal(got, to_bytes(integers.outputs(graph, x)), graph.name)


@pytest.mark.parametrize("dtype", TYPES)
@pytest.mark.parametrize("seed", range(0, CASES, 3))
def test_steps_equal_tflite_micro(seed: int, dtype: Activation):
    made = stream(foreign(seed, dtype), 0)
    assert made.stream is not None
    x = rg.int8_batch(made, 0, 3 * made.stream.runs)
    wanted = to_bytes(integers.outputs(made, x))
    found = run_tflite_micro(to_tflite(made), x, runs=made.stream.runs)
    np.testing.assert_array_equal(found, wanted)
