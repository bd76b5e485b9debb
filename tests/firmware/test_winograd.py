"""Convolutions by Winograd's method: the same bytes as the slow reference's, on every core."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import reference
from engine_batch import HOST, HOST_DSP, M55, Target, run_batch, run_batch_on, scratch_last
from numpy.typing import NDArray

import random_layers as rl
from microlut.board.board import Core, load_board
from microlut.plan import Goal, Plan, make_plan
from microlut.plan.kernels import kernel_for
from sweeps import in_sweeps

EMULATED = [
    (Core.CORTEX_M4F, "mps2-an386"),
    *in_sweeps(
        (Core.CORTEX_M0PLUS, "mps2-an385"),
        (Core.CORTEX_M3, "mps2-an385"),
        (Core.CORTEX_M7, "mps2-an500"),
        (Core.CORTEX_M33, "mps2-an505"),
        (Core.RISCV32IMC, "riscv-virt"),
    ),
]
Cases = tuple[list[Plan], list[NDArray[np.int8]], list[NDArray[np.int8]]]


def by_winograd(plan: Plan, number: int) -> Plan | None:
    """Return a plan of layers by the method, with scratch guarded; None if it computes none."""
    steps, found = list(plan.steps), False
    for i, step in enumerate(steps):
        tiles = list(kernel_for(step.call).winograd_tiles(step.call))
        if tiles:
            tile, found = tiles[number % len(tiles)], True
            scratch = {"tile": tile.channels, "scratch_bytes": tile.scratch_bytes}
            steps[i] = replace(step, **scratch, rows=0, winograd=True)
    return scratch_last(replace(plan, steps=tuple(steps))) if found else None


@pytest.fixture(scope="module")
def cases() -> Cases:
    """Plans of one layer, or of two and their sum; inputs, and outputs."""
    graphs = list(rl.winograd_cases(range(70), seed=41))
    plans = [
        by_winograd(make_plan(graph, Goal("ram"), bands=False), i) for i, graph in enumerate(graphs)
    ]
    pairs = [(g, plan) for g, plan in zip(graphs, plans, strict=True) if plan is not None]
    inputs = [rl.layer_inputs(graph) for graph, _ in pairs]
    wanted = reference.outputs([graph for graph, _ in pairs], inputs)
    return [plan for _, plan in pairs], inputs, wanted


def test_cases_have_all_forms(cases: Cases):
    steps = [step for plan in cases[0] for step in plan.steps if step.winograd]
    assert len(steps) > 40
    ops = [step.node.op for step in steps]
    assert {op.weights.bits for op in ops} == set(range(2, 9))
    assert {op.weights.bits for op in ops if op.weights.overlap > 0} == {2, 3, 4}
    assert {n % 2 for step in steps for n in step.node.shape[:2]} == {0, 1}
    assert {op.window.padding.top for op in ops} == {op.window.padding.left for op in ops}
    assert {op.window.padding.top for op in ops} == {0, 1, 2}
    assert {step.call.rounding.name for step in steps} == {"SIGNED", "POSITIVE"}
    assert sum(step.sum is not None for step in steps) > 3
    assert sum(step.tile < step.node.shape[2] for step in steps) > 15
    assert sum(step.node.shape[2] % step.tile % 2 for step in steps) > 3
    assert len({step.call.source[2] for step in steps}) > 6


@pytest.mark.parametrize("target", [HOST_DSP, *in_sweeps(HOST)])
def test_host_kernels_equal_the_reference(cases: Cases, target: Target, tmp_path: Path):
    plans, inputs, wanted = cases
    check(run_batch(plans, inputs, tmp_path, target), wanted)


@pytest.mark.sweep
@pytest.mark.qemu
def test_vectors_equal_the_reference(cases: Cases, tmp_path: Path):
    plans, inputs, wanted = cases
    check(run_batch(plans, inputs, tmp_path, M55), wanted)


@pytest.mark.qemu
@pytest.mark.parametrize(("core", "board"), EMULATED)
def test_emulated_kernels_equal_the_reference(cases: Cases, core: Core, board: str, tmp_path: Path):
    plans, inputs, wanted = cases
    machine = load_board(board).model_copy(update={"core": core})
    check(run_batch_on(machine, plans, inputs, tmp_path), wanted)


def check(found: list[NDArray[np.int8]], wanted: list[NDArray[np.int8]]) -> None:
    different = [
        i for i, (a, b) in enumerate(zip(found, wanted, strict=True)) if not np.array_equal(a, b)
    ]
    assert different == []
