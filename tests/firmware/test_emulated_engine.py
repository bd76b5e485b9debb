"""The same firmware on emulated cores, with and without the DSP extension."""

import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from engine_batch import require_tools, write_sources

import random_graphs as rg
import random_layers as rl
from graphs import output_of
from microlut.board.board import Board, load_board
from microlut.codegen.names import identifier
from microlut.codegen.render import render
from microlut.integer import QuantizedGraph
from microlut.integer import evaluate as int_ops
from microlut.ops.linear import QLinear
from microlut.ops.reshape import QReshape
from microlut.plan import Goal, Optimize, make_plan
from microlut.plan.rounding import Rounding, output_rounding
from microlut.running.emulators import Task, run_image
from microlut.toolchain.build import build
from microlut.toolchain.image import Image
from sweeps import in_sweeps


@pytest.mark.qemu
@pytest.mark.parametrize("board_id", ["mps2-an386", "mps2-an385", "mps3-an547", "riscv-virt"])
@pytest.mark.parametrize("bits", [3, *in_sweeps(8)])
def test_emulated_firmware_equals_the_interpreter(board_id: str, bits: int, tmp_path: Path):
    check(rg.every_operator_case(bits, seed=1).quantized(), load_board(board_id), bits, tmp_path)


@pytest.mark.qemu
@pytest.mark.parametrize("bits", [3, *in_sweeps(2, 4, 5, 6, 7, 8)])
def test_kernels_of_the_dsp_extension_equal_the_interpreter(bits: int, tmp_path: Path):
    check(rg.kernel_case(bits, bits % 2).quantized(), load_board("mps2-an386"), bits, tmp_path)


@pytest.mark.qemu
@pytest.mark.parametrize("board_id", ["mps2-an385", "mps2-an385-m0plus", "riscv-virt"])
@pytest.mark.parametrize("bits", [5, *in_sweeps(4)])
def test_kernels_without_the_extension_equal_the_interpreter(
    board_id: str, bits: int, tmp_path: Path
):
    check(rg.kernel_case(bits, bits % 2).quantized(), load_board(board_id), bits, tmp_path)


@pytest.mark.qemu
@pytest.mark.parametrize("number", [4, *in_sweeps(0, 1, 2, 3, 5, 6)])
@pytest.mark.parametrize(
    "board_id",
    [
        *("mps2-an386", "mps3-an547"),
        *in_sweeps("mps2-an385", "mps2-an385-m0plus", "riscv-virt"),
    ],
)
def test_lines_with_few_outputs_equal_the_interpreter(board_id: str, number: int, tmp_path: Path):
    cases = list(rg.line_cases())
    check(cases[number].quantized(), load_board(board_id), number, tmp_path)


@pytest.mark.qemu
def test_engine_for_size_is_small_and_gives_the_same(tmp_path: Path):
    q, board = rg.kernel_case(4, 0).quantized(), load_board("mps2-an386")
    speed, size = (check(q, board, 4, tmp_path / goal, goal) for goal in ("speed", "size"))
    assert 0 < (size.engine_code_bytes or 0) < 0.7 * (speed.engine_code_bytes or 0)


def check(
    q: QuantizedGraph, board: Board, bits: int, tmp_path: Path, optimize: Optimize = "speed"
) -> Image:
    require_tools(board)
    x = rg.int8_inputs(q, bits, count=5)
    project = write_sources(render(make_plan(q, Goal(optimize))), tmp_path / "model")
    image = build(project, identifier(q.name), board, tmp_path / "build", optimize)
    flat = x.reshape(len(x), -1)
    task = Task(image.elf, board, flat, output_of(q).size, count_instructions=False)
    wanted = int_ops.evaluate(q, x).reshape(len(x), -1)
    result = run_image(task)
    assert np.array_equal(result.outputs, wanted)
    assert image.stack is not None
    assert 0 < (result.stack_bytes or 0) <= image.stack.used <= image.stack.reserved
    assert len(np.unique(wanted, axis=0)) > 1
    return image


@pytest.mark.qemu
@pytest.mark.parametrize(
    "board_id",
    [
        *("mps2-an386", "mps3-an547"),
        *in_sweeps("mps2-an385-m0plus", "mps2-an385", "mps2-an500", "mps2-an505", "riscv-virt"),
    ],
)
def test_estimated_instructions_are_near_those_executed(board_id: str, tmp_path: Path):
    q, board = rg.every_operator_case(4, seed=1).quantized(), load_board(board_id)
    require_tools(board)
    plan = make_plan(q, Goal(core=board.core.value))
    prefix = identifier(q.name)
    image = build(
        write_sources(render(plan), tmp_path / "model"), prefix, board, tmp_path / "build"
    )
    x = rg.int8_inputs(q, 4, count=3)[:1].reshape(1, -1)
    outputs = output_of(q).size
    result = run_image(Task(image.elf, board, x, outputs, caller=f"{prefix}_run"))
    # What other operators take depends on values, too: a softmax leaves small ones out.
    calls = [s for s in plan.steps if not (s.merged or isinstance(s.node.op, QReshape))]
    weighted = np.array([isinstance(step.node.op, QLinear) for step in calls])
    executed = np.array(result.pieces[0][1:-1])[weighted]
    estimated = np.array([step.instructions for step in calls])[weighted]
    assert sum(estimated) == pytest.approx(sum(executed), rel=0.1)
    assert np.abs(estimated / executed - 1.0).max() < 0.3


@pytest.mark.qemu
@pytest.mark.parametrize(
    ("board_id", "saved"),  # per output, at least, less what prepares the form
    [
        ("mps2-an386", 25),
        *in_sweeps(("mps2-an385-m0plus", 45), ("mps2-an385", 12)),
        *in_sweeps(("mps3-an547", -4), ("riscv-virt", 10)),
    ],
)
def test_dense_layers_take_the_quick_form(board_id: str, saved: int, tmp_path: Path):
    board = load_board(board_id)
    require_tools(board)
    quick = next(
        graph
        for graph in rl.layer_cases("dense", range(50), seed=5)
        for node, op in graph.weighted()
        if output_rounding(op, node.quantization.zero_point) is Rounding.SIGNED
        and math.prod(node.shape) > 40
    )
    ((node, op),) = quick.weighted()
    plain_op = replace(op, output=replace(op.output, maximum=126))
    plain = replace(quick, nodes=(replace(node, op=plain_op),))
    counts = []
    for name, graph in (("quick", quick), ("plain", plain)):
        x = rl.layer_inputs(graph)[:1]
        project = write_sources(render(make_plan(graph)), tmp_path / name)
        image = build(project, identifier(graph.name), board, tmp_path / f"{name}-build")
        flat, size = x.reshape(1, -1), math.prod(node.shape)
        result = run_image(Task(image.elf, board, flat, size))
        assert np.array_equal(result.outputs, int_ops.evaluate(graph, x).reshape(1, -1))
        if result.instructions is None:
            pytest.skip("instructions not counted: cc is missing, or QEMU has no plugins")
        counts.append(result.instructions[0])
    assert counts[1] - counts[0] > saved * math.prod(node.shape)
