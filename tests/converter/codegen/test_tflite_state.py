"""State in the exported .tflite: variables that runs leave to each other."""

import numpy as np
import pytest

import random_graphs as rg
import streamed_nets
from microlut.codegen.tflite import to_tflite
from microlut.graph.batch import Batch
from microlut.graph.network import State
from microlut.integer import QNode, QuantizedGraph, to_bytes
from microlut.integer import evaluate as integers
from microlut.integer.check import check_graph
from microlut.integer.stream import as_runs
from microlut.ops.add import Add
from microlut.ops.relu import QRelu
from microlut.ops.tensor import Quantization, Tensor
from microlut.streaming.stream import stream
from microlut.verification.runtimes import run_desktop, run_tflite_micro

SHAPE = (4, 3)


def tensor(name: str, scale: float, point: int) -> Tensor:
    return Tensor(name, SHAPE, "int8", Quantization(float(np.float32(scale)), point))


def running_sum() -> QuantizedGraph:
    """Return a network that adds up its inputs, and gives the sum and its positive part."""
    x, old, new = tensor("x", 0.05, 3), tensor("old", 0.1, -5), tensor("new", 0.1, -5)
    positive = tensor("positive", 0.1, -5)
    nodes = (
        QNode("new", Add().quantize([x, old], [new]), ("x", "old"), (new,)),
        QNode("positive", QRelu(-5, 127), ("new",), (positive,)),
    )
    return QuantizedGraph("sum", (x,), nodes, ("positive", "new"), (State(old, "new"),))


def inputs() -> Batch:
    rng = np.random.default_rng(0)
    return Batch({"x": rng.integers(-128, 128, (7, *SHAPE)).astype(np.int8)})


@pytest.mark.parametrize("run", [run_tflite_micro, run_desktop])
def test_runs_leave_their_state_to_the_next_one(run):
    graph = running_sum()
    check_graph(graph)
    wanted = to_bytes(integers.outputs(graph, inputs()))
    assert np.array_equal(run(to_tflite(graph), inputs()), wanted)
    fresh = to_bytes(integers.outputs(graph, inputs()[3:]))
    assert not np.array_equal(wanted[3:], fresh)


def test_state_of_another_scale_than_its_source_is_refused():
    graph = running_sum()
    state = State(tensor("old", 0.2, -5), "new")
    damaged = QuantizedGraph("sum", graph.inputs, graph.nodes, graph.outputs, (state,))
    with pytest.raises(ValueError, match="old: the tensor that updates it"):
        check_graph(damaged)


@pytest.mark.parametrize("run", [run_tflite_micro, run_desktop])
def test_whole_windows_of_streamed_networks_begin_anew(run):
    for graph, axis in streamed_nets.networks(6, seed=200):
        streamed = stream(graph, axis)
        assert streamed.stream is not None
        x = as_runs(streamed, rg.int8_batch(graph, 0, 3))
        wanted = to_bytes(integers.outputs(streamed, x))
        found = run(to_tflite(streamed), x, runs=streamed.stream.runs)
        if run is run_tflite_micro:
            assert np.array_equal(found, wanted), graph.name
        runs = streamed.stream.runs
        alone = run(to_tflite(streamed), x[runs : 2 * runs], runs=runs)
        assert np.array_equal(found[runs : 2 * runs], alone), graph.name
