"""Layers that run band by band against the integer interpreter, byte for byte, on several cores.

Every chain runs in segments of random layers and of random numbers of rows, laid out as planned.
"""

from pathlib import Path

import numpy as np
import pytest
from engine_batch import HOST, M0PLUS, M4, M55, Target, run_batch
from test_emulated_engine import check as check_firmware

import random_chains as rc
import random_graphs as rg
from microlut.board.board import load_board
from microlut.integer import evaluate as int_ops
from microlut.plan import Goal, make_plan
from microlut.plan.layout import plan_in_segments
from sweeps import in_sweeps

RUNS = 3


def check(count: int, seed: int, folder: Path, target: Target) -> None:
    cases = [case.quantized() for case in rc.chain_cases(count, seed)]
    plans = [
        plan_in_segments(graph, rc.random_stretches(graph, i)) for i, graph in enumerate(cases)
    ]
    inputs = [rg.int8_inputs(graph, i, RUNS) for i, graph in enumerate(cases)]
    found = run_batch(plans, inputs, folder, target)
    wanted = [
        int_ops.evaluate(graph, x).reshape(RUNS, -1) for graph, x in zip(cases, inputs, strict=True)
    ]
    differing = [
        graph.name
        for graph, got, expected in zip(cases, found, wanted, strict=True)
        if not np.array_equal(got, expected)
    ]
    assert differing == []
    assert sum(len(plan.segments) for plan in plans) > count / 2
    assert sum(len(np.unique(each, axis=0)) > 1 for each in wanted) > count / 3
    assert {segment.upwards for plan in plans for segment in plan.segments} == {False, True}


@pytest.mark.parametrize("count", [12, *in_sweeps(140)])
def test_segments_equal_the_interpreter(count: int, tmp_path: Path):
    """Run with sanitizers: arenas are as large as planned, in blocks of their own."""
    check(count, 5, tmp_path, HOST)


@pytest.mark.qemu
@pytest.mark.parametrize(
    ("target", "count"),
    [(M4, 14), *in_sweeps((M0PLUS, 14), (M4, 70), (M55, 70))],
    ids=["m4", "m0plus", "m4-many", "m55-many"],
)
def test_segments_on_cores_equal_the_interpreter(target: Target, count: int, tmp_path: Path):
    check(count, 6, tmp_path, target)


@pytest.mark.qemu
@pytest.mark.parametrize(
    "board_id", ["mps3-an547", *in_sweeps("riscv-virt", "mps2-an385", "mps2-an385-m0plus")]
)
def test_firmware_with_segments_equals_the_interpreter(board_id: str, tmp_path: Path):
    """Build images, whose stacks must be as deep as computed."""
    graph = rc.expanding_case().quantized()
    check_firmware(graph, load_board(board_id), 3, tmp_path, "ram")


def test_network_planned_for_ram_runs_in_segments_and_gives_the_same(tmp_path: Path):
    graph = rc.expanding_case().quantized()
    plan = make_plan(graph, Goal("ram"))
    assert plan.segments
    x = rg.int8_inputs(graph, 1, RUNS)
    (found,) = run_batch([plan], [x], tmp_path)
    assert np.array_equal(found, int_ops.evaluate(graph, x).reshape(RUNS, -1))
