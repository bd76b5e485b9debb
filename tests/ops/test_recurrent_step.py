"""Recurrent layers in streamed networks: they go on where the last run ended, or read it all."""

from __future__ import annotations

import numpy as np
import pytest

import random_graphs as rg
from microlut.codegen.tflite import to_tflite
from microlut.errors import UnsupportedModel
from microlut.integer import QuantizedGraph, load, save, to_bytes
from microlut.integer import evaluate as integers
from microlut.integer.check import check_graph
from microlut.integer.stream import as_runs, as_windows
from microlut.ops.cells import GATES, Cell
from microlut.ops.tensor import Activation
from microlut.streaming.stream import stream
from microlut.verification.runtimes import run_tflite_micro
from recurrent_streams import STEPS, UNITS, every_cell, network


def checked(graph: QuantizedGraph) -> QuantizedGraph:
    """Return a streamed network that answers as whole windows, and as tflite-micro does."""
    made, x = stream(graph, 0), rg.int8_batch(graph, 0, 4)
    check_graph(made)
    assert made.stream is not None
    runs = as_runs(made, x)
    found = integers.outputs(made, runs)
    wanted = to_bytes(integers.outputs(graph, x))
    assert len(np.unique(wanted, axis=0)) > 2
    np.testing.assert_array_equal(to_bytes(as_windows(made, found)), wanted)
    other = run_tflite_micro(to_tflite(made), runs, runs=made.stream.runs)
    np.testing.assert_array_equal(other, to_bytes(found))
    return made


def kinds(graph: QuantizedGraph) -> list[str]:
    return [node.op.kind for node in graph.nodes if "recurrent" in node.op.kind]


@pytest.mark.parametrize("graph", every_cell() + every_cell("int16"), ids=lambda graph: graph.name)
def test_layers_take_one_step_per_run(graph: QuantizedGraph):
    made = checked(graph)
    assert kinds(made) == ["recurrent_step", "recurrent_step"]
    assert made.inputs[0].shape[0] == 1


@pytest.mark.parametrize("cell", GATES)
def test_memory_is_of_16_bits(cell: Cell):
    (state,) = stream(network("memory", cell), 0).states
    assert (state.tensor.dtype, state.tensor.shape[1]) == ("int16", UNITS)


@pytest.mark.parametrize("dtype", ["int8", "int16"])
@pytest.mark.parametrize("cell", ["lstm", "gru"])
def test_every_step_has_an_output_if_the_layer_gives_all(cell: Cell, dtype: Activation):
    made = checked(network("each", cell, sequences=True, types=(8, dtype)))
    assert made.stream is not None
    assert made.outputs and made.stream.outputs[0] is not None
    assert (made.stream.outputs[0].first, made.stream.outputs[0].count) == (0, STEPS)


def test_strides_before_a_layer_are_no_obstacle():
    made = checked(network("strided", "lstm", before=2, stride=2))
    assert kinds(made) == ["recurrent_step"]
    assert made.inputs[0].shape[0] == 2


def test_layer_behind_others_that_lag_reads_the_whole_window():
    assert kinds(checked(network("lags", "gru", before=0))) == ["recurrent"]


def test_layer_that_reads_backwards_reads_the_whole_window():
    made = checked(network("turned", "lstm", "gru", backwards=True))
    assert kinds(made) == ["recurrent_step", "recurrent"]


@pytest.mark.parametrize("options", [{"before": 0}, {"backwards": True}])
def test_lstm_that_would_begin_anew_in_each_run_is_refused(options: dict[str, int]):
    with pytest.raises(UnsupportedModel, match="cannot be streamed: an LSTM that reads whole"):
        stream(network("anew", "gru", "lstm", **options), 0)


def test_networks_are_saved_and_loaded(tmp_path):
    made = stream(network("saved", "lstm"), 0)
    save(made, tmp_path / "model.json")
    assert to_tflite(load(tmp_path / "model.json")) == to_tflite(made)
