"""All kernels over odd shapes against the slow reference: sanitized on this computer, and emulated.

Kernels from 1x1 to 11x7, strides and dilation of 1 to 3, 1 to 130 channels, all bits, both
granularities, zero points at both ends; small and large tiles, layers in place, fused sums.
"""

from collections import Counter
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pytest
import reference
from engine_batch import HOST, HOST_DSP, M55, XTENSA, Target, run_batch, run_batch_on, scratch_last
from numpy.typing import NDArray

import random_layers as rl
from microlut.board.board import Core, load_board
from microlut.integer import QuantizedGraph
from microlut.ops.depthwise_conv2d import QDepthwiseConv2D
from microlut.plan import Goal, Optimize, Plan, make_plan
from microlut.plan.rounding import output_rounding
from sweeps import in_sweeps

WINDOWED = ("conv2d", "depthwise")
_Case = tuple[Core, str, Optimize, str]
EMULATED: list[_Case] = [  # one core for each variant of the kernels
    (Core.CORTEX_M0PLUS, "mps2-an385", "speed", "part"),
    (Core.CORTEX_M3, "mps2-an385", "speed", "part"),
    (Core.CORTEX_M4F, "mps2-an386", "speed", "part"),
    (Core.CORTEX_M55, "mps3-an547", "speed", "part"),
    (Core.RISCV32IMC, "riscv-virt", "speed", "part"),
]
OTHERS: list[_Case] = [
    (Core.CORTEX_M0, "mps2-an385", "speed", "part"),  # Cortex-M3 executes the code of M0 and M0+
    (Core.CORTEX_M3, "mps2-an385", "size", "part"),
    (Core.CORTEX_M4F, "mps2-an386", "size", "part"),
    (Core.CORTEX_M7, "mps2-an500", "speed", "part"),
    (Core.CORTEX_M33, "mps2-an505", "speed", "part"),
]
WHOLE: list[_Case] = [
    (core, board, optimize, "whole")
    for core, board, optimize, _ in (*EMULATED, *OTHERS)
    if optimize == "speed" and core not in (Core.CORTEX_M0, Core.CORTEX_M55)  # M55: guarded
]


@dataclass(frozen=True, slots=True)
class Sweep:
    """Networks with inputs [2, ...] and what these must give, [2, bytes]; plans for both goals."""

    graphs: list[QuantizedGraph]
    inputs: list[NDArray[np.int8]]
    wanted: list[NDArray[np.int8]]

    @property
    def plans(self) -> list[Plan]:
        """Every second one has the smallest tiles."""
        goals = (Goal("speed"), Goal("ram"))
        return [make_plan(graph, goals[i % 2]) for i, graph in enumerate(self.graphs)]

    def differing(self, outputs: list[NDArray[np.int8]]) -> list[str]:
        pairs = zip(self.graphs, outputs, self.wanted, strict=True)
        return [graph.name for graph, got, wanted in pairs if not np.array_equal(got, wanted)]


def sweep(windowed: range, dense: range, seed: int) -> Sweep:
    graphs = [graph for kind in WINDOWED for graph in rl.layer_cases(kind, windowed, seed)]
    graphs += rl.layer_cases("dense", dense, seed)
    inputs = [rl.layer_inputs(graph) for graph in graphs]
    wanted = reference.outputs(graphs, inputs)
    return Sweep(graphs, inputs, wanted)


@pytest.fixture(scope="module")
def whole() -> Sweep:
    """All kernel sizes twice, once as a convolution, and common ones."""
    return sweep(range(98), range(28), seed=21)


@pytest.fixture(scope="module")
def part() -> Sweep:
    """What takes a few seconds: for cores that run the same files as another, with other flags."""
    return sweep(range(4, 98, 6), range(7), seed=22)


def test_sweep_has_every_kind_of_layer(whole: Sweep):
    layers = [(node, op) for graph in whole.graphs for node, op in graph.weighted()]
    windows = [(op.kind, op.window) for _, op in layers if op.kind != "dense"]
    for kind in ("conv2d", "depthwise_conv2d"):
        assert {w.size for k, w in windows if k == kind} == set(rl.KERNELS)
        strides = {n for k, w in windows if k == kind for n in w.strides}
        assert strides == {n for k, w in windows if k == kind for n in w.dilation} == {1, 2, 3}
    assert {op.weights.bits for _, op in layers} == set(range(2, 9))
    overlapping = {(op.kind, op.weights.bits) for _, op in layers if op.weights.overlap > 0}
    assert overlapping == {(kind, bits) for kind in ("conv2d", "dense") for bits in (2, 3, 4)}
    for bits in (2, 3, 4):
        assert {op.weights.overlap > 0 for _, op in layers if op.weights.bits == bits} == {0, 1}
    assert {-128, 127} <= {graph.inputs[0].zero_point for graph in whole.graphs}
    assert {-128, 127} <= {node.quantization.zero_point for node, _ in layers}
    channels = [node.shape[-1] for node, _ in layers]
    assert min(channels) == 1
    assert max(channels) > 120
    rounding = Counter(
        (op.kind, output_rounding(op, n.quantization.zero_point)) for n, op in layers
    )
    assert len(rounding) == 9
    assert min(rounding.values()) > 3
    plans = whole.plans
    assert sum(step.sum is not None for plan in plans for step in plan.steps) > 10
    assert sum(plan.input_offsets == plan.output_offsets for plan in plans) > 2
    assert sum(0 < step.tile < step.node.shape[-1] for plan in plans for step in plan.steps) > 20
    assert any(isinstance(op, QDepthwiseConv2D) and op.depth_multiplier > 1 for _, op in layers)


def test_host_kernels_equal_the_reference(part: Sweep, tmp_path: Path):
    check(part, HOST, tmp_path)


@pytest.mark.sweep
@pytest.mark.parametrize("target", [HOST, HOST_DSP], ids=["generic", "dsp"])
def test_all_host_kernels_equal_the_reference(whole: Sweep, target: Target, tmp_path: Path):
    check(whole, target, tmp_path)


@pytest.mark.sweep
@pytest.mark.qemu
@pytest.mark.parametrize("target", [M55, XTENSA], ids=["cortex-m55", "xtensa"])
def test_guarded_kernels_equal_the_reference(whole: Sweep, target: Target, tmp_path: Path):
    check(whole, target, tmp_path)


def check(cases: Sweep, target: Target, folder: Path) -> None:
    plans = [scratch_last(p) if len(p.steps) == 1 else p for p in cases.plans]
    assert cases.differing(run_batch(plans, cases.inputs, folder, target)) == []


@pytest.mark.qemu
@pytest.mark.parametrize(
    ("core", "board", "optimize", "name"),
    [*EMULATED, *in_sweeps(*OTHERS, *WHOLE)],
)
def test_emulated_kernels_equal_the_reference(
    request: pytest.FixtureRequest,
    core: Core,
    board: str,
    optimize: Optimize,
    name: str,
    tmp_path: Path,
):
    cases: Sweep = request.getfixturevalue(name)
    plans = [replace(plan, goal=Goal(optimize)) for plan in cases.plans]
    machine = load_board(board).model_copy(update={"core": core})
    outputs = run_batch_on(machine, plans, cases.inputs, tmp_path, optimize)
    assert cases.differing(outputs) == []


def test_every_core_runs_the_sweep():
    assert {core for core, *_ in (*EMULATED, *OTHERS)} == set(Core) - {Core.HOST}


def test_outputs_of_most_layers_vary(whole: Sweep):
    varied = [len(np.unique(wanted)) > 5 for wanted in whole.wanted]
    assert sum(varied) > 0.7 * len(varied)


def test_reference_rounds_twice():
    # 3 * 2^-1 is 1.5 and then 2; -1.5 goes away from zero; 2^30 / 2^31 is a half, which goes up
    assert [reference.scaled(x, 1 << 30, 0) for x in (3, -3, 1, -1)] == [2, -1, 1, 0]
    assert [reference.scaled(x, 1 << 30, -1) for x in (6, -6, 5)] == [2, -2, 2]
