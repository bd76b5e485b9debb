"""Convolutions whose pixels stay in scratch while tiles of weights stream by: the same bytes."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import reference
from engine_batch import HOST, HOST_DSP, M55, Target, run_batch, run_batch_on, scratch_last
from numpy.typing import NDArray

import random_layers as rl
from microlut.board.board import Core, load_board
from microlut.ops.conv2d import QConv2D
from microlut.plan import Goal, Plan, make_plan
from microlut.plan.kernels import kernel_for
from sweeps import in_sweeps

NUMBERS = (*range(3, 77, 6), *range(77, 161, 2))  # some kernel sizes, and common ones
EMULATED = [
    (Core.CORTEX_M4F, "mps2-an386"),
    *in_sweeps((Core.CORTEX_M0PLUS, "mps2-an385"), (Core.CORTEX_M3, "mps2-an385")),
]


def staying(plan: Plan, number: int) -> Plan | None:
    """Return a plan of one layer with blocks that stay, with scratch guarded; None without any."""
    steps = list(plan.steps)
    for i, step in enumerate(steps):
        if isinstance(step.node.op, QConv2D):
            tiles = [tile for tile in kernel_for(step.call).tiles(step.call) if tile.rows > 0]
            if not tiles:
                return None
            tile = tiles[number % len(tiles)]
            scratch = {"tile": tile.channels, "scratch_bytes": tile.scratch_bytes}
            steps[i] = replace(step, **scratch, rows=tile.rows)
    return scratch_last(replace(plan, steps=tuple(steps)))


@pytest.fixture(scope="module")
def cases() -> tuple[list[Plan], list[NDArray[np.int8]], list[NDArray[np.int8]]]:
    """Plans, half of them with layers in place where that is possible; inputs, and outputs."""
    graphs = list(rl.layer_cases("conv2d", NUMBERS, seed=31))
    plans = [
        staying(make_plan(graph, Goal(("speed", "ram")[i % 2])), i)
        for i, graph in enumerate(graphs)
    ]
    pairs = [(g, plan) for g, plan in zip(graphs, plans, strict=True) if plan is not None]
    inputs = [rl.layer_inputs(graph) for graph, _ in pairs]
    wanted = reference.outputs([graph for graph, _ in pairs], inputs)
    return [plan for _, plan in pairs], inputs, wanted


def test_cases_have_all_forms(cases):
    plans, *_ = cases
    steps = [step for plan in plans for step in plan.steps if isinstance(step.node.op, QConv2D)]
    pixels = [step.node.shape[0] * step.node.shape[1] for step in steps]
    assert len(plans) > 25
    assert sum(4 * s.rows < n for s, n in zip(steps, pixels, strict=True)) > 8  # several groups
    assert sum(4 * s.rows >= n for s, n in zip(steps, pixels, strict=True)) > 4
    assert sum(n % 4 > 0 for n in pixels) > 8
    assert sum(step.sum is not None for step in steps) > 3
    assert {step.node.op.weights.bits for step in steps} == set(range(2, 9))


@pytest.mark.parametrize("target", [HOST, *in_sweeps(HOST_DSP)])
def test_host_kernels_equal_the_reference(cases, target: Target, tmp_path: Path):
    plans, inputs, wanted = cases
    check(run_batch(plans, inputs, tmp_path, target), wanted)


@pytest.mark.qemu
def test_vectors_equal_the_reference(cases, tmp_path: Path):
    plans, inputs, wanted = cases
    check(run_batch(plans, inputs, tmp_path, M55), wanted)


@pytest.mark.qemu
@pytest.mark.parametrize(("core", "board"), EMULATED)
def test_emulated_kernels_equal_the_reference(cases, core: Core, board: str, tmp_path: Path):
    plans, inputs, wanted = cases
    machine = load_board(board).model_copy(update={"core": core})
    check(run_batch_on(machine, plans, inputs, tmp_path), wanted)


def check(found, wanted) -> None:
    different = [
        i for i, (a, b) in enumerate(zip(found, wanted, strict=True)) if not np.array_equal(a, b)
    ]
    assert different == []
