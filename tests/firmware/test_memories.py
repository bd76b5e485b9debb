"""Arenas in several memories and weights in other flash: the same outputs, byte for byte."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from engine_batch import require_tools, write_sources

import microlut
import random_graphs as rg
from digits_example import CALIBRATION, MODEL, samples
from microlut.board.board import Board, load_board
from microlut.board.schema import OtherMemory, Region
from microlut.codegen.names import identifier
from microlut.codegen.render import render
from microlut.conversion.code_sizes import ARENA_GUARD
from microlut.errors import DoesNotFit, UnsupportedModel
from microlut.integer import QuantizedGraph
from microlut.integer import evaluate as int_ops
from microlut.plan import Bank, Goal, Plan, make_plan
from microlut.running.emulators import Task, run_image
from microlut.show.runs import image_text
from microlut.toolchain.build import build
from sweeps import in_sweeps

# Where QEMU's machines have memory that no other part of an image takes.
FREE = {
    "mps2-an385": 0x2020_0000,
    "mps2-an385-m0plus": 0x2020_0000,
    "mps2-an386": 0x2020_0000,
    "mps2-an500": 0x2020_0000,
    "mps3-an547": 0x2004_0000,
    "riscv-virt": 0x8400_0000,
}
NAMES = ("fast", "slow")


def with_memories(board: Board, others: dict[str, OtherMemory], **main: int) -> Board:
    """Return a board with other memories, and with smaller ones."""
    regions = {
        name: Region(origin=getattr(board.memory, name).origin, size=size)
        for name, size in main.items()
    }
    memory = board.memory.model_copy(update={"others": others, **regions})
    return board.model_copy(update={"memory": memory})


def spread_plan(q: QuantizedGraph, optimize: str, bands: bool = True) -> Plan:
    """Return a plan whose arena is in as many memories as possible, of three."""
    whole = make_plan(q, Goal(optimize), bands=bands)
    found = []
    for share in (0.25, 0.4, 0.55, 0.7, 0.85):
        ram = int(whole.arena_bytes * share)
        fast = (whole.arena_bytes - ram) // 2
        banks = (Bank("ram", ram, 2.0), Bank("fast", fast), Bank("slow", whole.arena_bytes, 9.0))
        found.append(make_plan(q, Goal(optimize, banks=banks), bands=bands))
    return max(found, key=lambda plan: len(plan.parts))


def board_for(plan: Plan, board_id: str) -> Board:
    """Return a board that has just the memories that a plan takes."""
    board, origin = load_board(board_id), FREE[board_id]
    others = {}
    for part in plan.parts:
        if part.memory != "ram":
            size = part.bytes + ARENA_GUARD
            others[part.memory] = OtherMemory(kind="ram", origin=origin, size=size)
            origin += size
    size = FREE[board_id] - board.memory.ram.origin
    return with_memories(board, others, ram=size)


@pytest.mark.qemu
@pytest.mark.parametrize(
    "board_id",
    [
        *("mps2-an386", "riscv-virt"),
        *in_sweeps("mps2-an385", "mps2-an385-m0plus", "mps2-an500", "mps3-an547"),
    ],
)
@pytest.mark.parametrize(("optimize", "bits"), [("balanced", 4), *in_sweeps(("ram", 3))])
def test_spread_arenas_give_what_the_interpreter_gives(
    board_id: str, optimize: str, bits: int, tmp_path: Path
):
    q = rg.kernel_case(bits, 1).quantized()
    plan = spread_plan(q, optimize)
    assert len(plan.parts) > 1
    board = board_for(plan, board_id)
    require_tools(board)
    x = rg.int8_inputs(q, bits, count=4)
    project = write_sources(render(plan), tmp_path / "model")
    image = build(project, identifier(q.name), board, tmp_path / "build")
    others = [part for part in plan.parts if part.memory != "ram"]
    parts = {part.memory: part.bytes + ARENA_GUARD for part in others}
    assert dict(image.others) == parts
    output_bytes = sum(tensor.bytes for tensor in q.output_tensors().values())
    task = Task(image.elf, board, x.reshape(len(x), -1), output_bytes, count_instructions=False)
    wanted = int_ops.evaluate(q, x).reshape(len(x), -1)
    assert np.array_equal(run_image(task).outputs, wanted)


@pytest.mark.parametrize("seed", [5, *in_sweeps(*range(6, 12))])
def test_what_a_plan_reads_is_in_one_part_of_the_arena(seed: int):
    spread = 0
    for case in rg.network_cases(12, seed=seed):
        try:
            q = case.quantized()
        except UnsupportedModel:  # random weights that tell a softmax nothing
            continue
        for plan in (spread_plan(q, "balanced"), spread_plan(q, "ram")):
            ends = [0, *(part.start + part.bytes for part in plan.parts)]
            assert [part.start for part in plan.parts] == ends[:-1]
            assert ends[-1] == plan.arena_bytes
            spread += len(plan.parts) > 1
            for step in plan.steps:
                places = [
                    *zip(step.output_offsets, (t.bytes for t in step.node.outputs), strict=True),
                    (step.scratch_offset, step.scratch_bytes),
                ]
                for start, size in places if step.segment is None else ():
                    assert any(a <= start and start + size <= b for a, b in pairwise(ends))
            seen = (*plan.input_offsets, *plan.output_offsets, *plan.state_offsets)
            assert all(offset < plan.parts[0].bytes for offset in seen)
    assert spread > 3


def test_one_memory_is_as_none():
    q = rg.kernel_case(4, 1).quantized()
    plan = make_plan(q)
    one = make_plan(q, Goal(banks=(Bank("ram", 1 << 20), Bank("other", 1 << 20))))
    assert render(one) == render(plan)


def test_fast_memory_that_holds_all_of_an_arena_gets_it():
    q = rg.kernel_case(4, 1).quantized()
    plan = make_plan(q, Goal(banks=(Bank("ram", 1 << 20, 2.0), Bank("dtcm", 1 << 20))))
    assert [part.memory for part in plan.parts] == ["dtcm"]
    assert "MLUT_IN_DTCM;" in render(plan)["model.c"]


def test_hottest_buffers_are_in_the_fast_memory():
    q = rg.kernel_case(4, 1).quantized()
    usual = make_plan(q, Goal("speed"))
    scratch = max(step.scratch_bytes for step in usual.steps)
    banks = (Bank("ram", 1 << 20, 3.0), Bank("dtcm", scratch))
    plan = make_plan(q, Goal("speed", banks=banks))
    assert [step.tile for step in plan.steps] == [step.tile for step in usual.steps]
    busy = [step for step in plan.steps if step.scratch_bytes]
    hottest = max(busy, key=lambda step: step.instructions / step.scratch_bytes)
    assert plan.part_at(hottest.scratch_offset).memory == "dtcm"
    assert {part.memory for part in plan.parts} == {"dtcm", "ram"}


OPTIONS = {"calibration": CALIBRATION, "distill": False, "range_rule": "min-max"}


@pytest.fixture(scope="module")
def usual(tmp_path_factory):
    require_tools(load_board("mps2-an386"))
    return microlut.deploy(MODEL, "mps2-an386", tmp_path_factory.mktemp("usual") / "d", **OPTIONS)


def arena_board(ram_bytes: int, other_bytes: int) -> Board:
    board = load_board("mps2-an386")
    other = OtherMemory(kind="ram", origin=0x2020_0000, size=other_bytes)
    return with_memories(board, {"ccm": other}, ram=ram_bytes)


@pytest.mark.qemu
def test_model_that_no_memory_holds_alone_is_deployed_into_two(usual, tmp_path: Path):
    arena = usual.conversion.report.arena_bytes
    taken = usual.image.ram_bytes - arena
    least = make_plan(usual.conversion.quantized, Goal("ram")).arena_bytes
    half = least * 4 // 5
    board = arena_board(taken + half + 32, half)
    outcome = microlut.deploy(MODEL, board, tmp_path / "spread", samples(20), **OPTIONS)
    assert outcome.run.bit_exact
    assert dict(outcome.image.others)["ccm"] > 0
    uses = {use.memory: use for use in outcome.conversion.report.memories}
    assert uses["ccm"].bytes + ARENA_GUARD == dict(outcome.image.others)["ccm"] <= half
    assert uses["ram"].holds
    assert uses["ccm"].holds
    assert "ccm" in image_text(outcome.image, board)
    lone = with_memories(board, {}, ram=taken + half + 32)
    with pytest.raises(DoesNotFit, match="RAM"):
        microlut.deploy(MODEL, lone, tmp_path / "lone", **OPTIONS)
    with pytest.raises(DoesNotFit, match="ccm"):
        microlut.build(outcome.project, arena_board(taken + half + 32, 64))


@pytest.mark.qemu
def test_weights_that_flash_has_no_room_for_are_in_other_flash(usual, tmp_path: Path):
    board = load_board("mps2-an386")
    flash = usual.image.flash_bytes - 1_000
    qspi = OtherMemory(kind="flash", origin=0x2100_0000, size=0x1_0000)
    small = with_memories(board, {"qspi": qspi}, flash=flash)
    memory = small.memory.model_copy(update={"preload": Region(origin=0x2180_0000, size=0x10_0000)})
    small = small.model_copy(update={"memory": memory})
    outcome = microlut.deploy(MODEL, small, tmp_path / "spread", samples(20), **OPTIONS)
    assert outcome.run.bit_exact
    assert dict(outcome.image.others)["qspi"] >= 1_000
    assert outcome.image.flash_bytes <= flash
    assert outcome.image.bin.stat().st_size <= flash
    (use,) = (use for use in outcome.conversion.report.memories if use.memory == "qspi")
    assert use.kind == "flash"
    assert use.bytes == dict(outcome.image.others)["qspi"]
    assert "qspi" in image_text(outcome.image, small)
    with pytest.raises(DoesNotFit, match="flash"):
        microlut.deploy(
            MODEL,
            with_memories(board, {}, flash=flash),
            tmp_path / "lone",
            **OPTIONS,
        )
