"""Entropy-coded indices in the C engine, against the same weights in the slow reference.

Convolutions and dense layers, windows, odd shapes and widths; tiles of all rows and the smallest
ones, which begin within groups; on this computer with sanitizers, and emulated.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import reference
from engine_batch import HOST, HOST_DSP, M55, XTENSA, Target, run_batch, run_batch_on, scratch_last

import random_layers as rl
from entropy_coded import entropy_coded
from microlut.board.board import Core, load_board
from microlut.integer import QuantizedGraph
from microlut.plan import Goal, Plan, make_plan
from sweeps import in_sweeps

KINDS = ("conv2d", "dense")


def layers(numbers: range, seed: int) -> list[QuantizedGraph]:
    graphs = [graph for kind in KINDS for graph in rl.layer_cases(kind, numbers, seed)]
    graphs += rl.winograd_cases(numbers, seed)
    return [entropy_coded(graph) for graph in graphs]


def plans_of(graphs: list[QuantizedGraph]) -> list[Plan]:
    goals = (Goal("speed"), Goal("ram"))
    plans = [make_plan(graph, goals[i % 2]) for i, graph in enumerate(graphs)]
    return [scratch_last(plan) if len(plan.steps) == 1 else plan for plan in plans]


def check(graphs: list[QuantizedGraph], target: Target, folder: Path) -> None:
    inputs = [rl.layer_inputs(graph) for graph in graphs]
    wanted = reference.outputs(graphs, inputs)
    found = run_batch(plans_of(graphs), inputs, folder, target)
    pairs = zip(graphs, found, wanted, strict=True)
    assert [g.name for g, got, expected in pairs if not np.array_equal(got, expected)] == []


def test_layers_equal_the_reference_on_this_computer(tmp_path):
    graphs = layers(range(3, 98, 7), 41)
    bits = {op.weights.bits for graph in graphs for _, op in graph.weighted()}
    assert bits == set(range(2, 9))
    assert all(op.weights.coded for graph in graphs for _, op in graph.weighted())
    check(graphs, HOST, tmp_path)


@pytest.mark.sweep
@pytest.mark.qemu
@pytest.mark.parametrize(
    "target", [HOST, HOST_DSP, M55, XTENSA], ids=["generic", "dsp", "cortex-m55", "xtensa"]
)
def test_more_layers_equal_the_reference(target, tmp_path):
    for first in (0, 49):  # all together do not fit on an emulated board
        folder = tmp_path / str(first)
        folder.mkdir()
        check(layers(range(first, first + 49), 43), target, folder)


@pytest.mark.qemu
@pytest.mark.parametrize(
    ("core", "board"),
    [
        (Core.CORTEX_M4F, "mps2-an386"),
        (Core.CORTEX_M0PLUS, "mps2-an385"),
        *in_sweeps(
            (Core.CORTEX_M3, "mps2-an385"),
            (Core.CORTEX_M55, "mps3-an547"),
            (Core.RISCV32IMC, "riscv-virt"),
        ),
    ],
)
def test_layers_equal_the_reference_on_emulated_cores(core, board, tmp_path):
    graphs = layers(range(5, 98, 31), 44)
    inputs = [rl.layer_inputs(graph) for graph in graphs]
    wanted = reference.outputs(graphs, inputs)
    machine = load_board(board).model_copy(update={"core": core})
    found = run_batch_on(machine, plans_of(graphs), inputs, tmp_path)
    pairs = zip(graphs, found, wanted, strict=True)
    assert [g.name for g, got, expected in pairs if not np.array_equal(got, expected)] == []
