"""Streamed networks in C equal the integer interpreter, here and on an emulated core."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from engine_batch import HOST, M4, Target, run_batch

import random_ends as several
import random_graphs as rg
import recurrent_streams
import streamed_nets
from microlut.integer import QuantizedGraph, to_bytes
from microlut.plan import Goal, Optimize, make_plan
from microlut.streaming.stream import stream
from sweeps import in_sweeps

RUNS = 14  # of which the second half begins anew


def streamed(seed: int, count: int) -> list[QuantizedGraph]:
    """Return streamed networks; their states are those of consecutive runs."""
    found = [stream(graph, axis) for graph, axis in streamed_nets.networks(count, seed)]
    return [replace(graph, stream=None) for graph in found]


def check(graphs: list[QuantizedGraph], goal: Optimize, folder: Path, target: Target) -> None:
    inputs = [rg.int8_batch(graph, i, RUNS) for i, graph in enumerate(graphs)]
    plans = [make_plan(graph, Goal(goal)) for graph in graphs]
    found = run_batch(plans, list(map(to_bytes, inputs)), folder, target)
    for graph, x, got in zip(graphs, inputs, found, strict=True):
        np.testing.assert_array_equal(got, several.interpreted(graph, x), graph.name)
    assert sum(len(np.unique(got, axis=0)) > 2 for got in found) >= len(found) / 2


@pytest.mark.parametrize(
    ("goal", "seed"),
    [("speed", 100), *in_sweeps(("ram", 100), *(("speed", seed) for seed in range(101, 105)))],
)
def test_streamed_networks_equal_the_interpreter(goal: Optimize, seed: int, tmp_path: Path):
    check(streamed(seed, 12), goal, tmp_path, HOST)


@pytest.mark.qemu
def test_streamed_networks_equal_the_interpreter_on_cortex_m4(tmp_path: Path):
    check(streamed(106, 6), "speed", tmp_path, M4)


def recurrent() -> list[QuantizedGraph]:
    graphs = recurrent_streams.every_cell() + recurrent_streams.every_cell("int16")
    return [replace(stream(graph, 0), stream=None) for graph in graphs]


def test_recurrent_layers_go_on_where_the_last_run_ended(tmp_path: Path):
    check(recurrent(), "speed", tmp_path, HOST)


@pytest.mark.qemu
def test_recurrent_layers_go_on_where_the_last_run_ended_on_cortex_m4(tmp_path: Path):
    check(recurrent(), "speed", tmp_path, M4)
