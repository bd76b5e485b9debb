"""Boards in a real Renode: Robot Framework suites, the runner, and runs that have to fail."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest
from suites import boards_in_renode, write_suites

import microlut
from digits_example import conversion, samples
from microlut.board.board import load_board
from microlut.errors import RunFailed
from microlut.machine.tools import QEMU, find_tool
from microlut.running.emulators import Task, run_image
from microlut.toolchain.build import build

pytestmark = pytest.mark.renode

IDS = [board.id for board in boards_in_renode()]
FAKE_MODEL = Path(__file__).resolve().parents[1] / "boards" / "fake_model"


@pytest.fixture(scope="session")
def project(tmp_path_factory):
    """The digits example."""
    return microlut.write(conversion(), tmp_path_factory.mktemp("renode") / "digits")


@pytest.mark.parametrize("board_id", IDS)
def test_runner_is_bit_exact(renode, project, board_id):
    outcome = microlut.run(project, load_board(board_id), samples(3), emulator="renode")
    assert outcome.bit_exact
    assert len(outcome.instructions) == 3


@pytest.mark.parametrize("board_id", IDS)
def test_suite_passes(renode, tmp_path, board_id):
    robot = shutil.which("renode-test")
    if robot is None:
        pytest.skip("suites not run: renode-test is missing (it comes with Renode's releases)")
    suites = write_suites(tmp_path, (load_board(board_id),))
    command = [robot, *map(str, suites), "-r", str(tmp_path / "results")]
    result = subprocess.run(command, check=False, capture_output=True, text=True, cwd=tmp_path)
    assert result.returncode == 0, result.stdout[-5000:]
    assert result.stdout.count("status") == 5


def test_counts_are_those_of_qemu(renode, project):
    if find_tool(QEMU) is None:
        pytest.skip(f"counts not compared: {QEMU.name} is missing ({QEMU.apt_command})")
    board = load_board("mps2-an386")
    counts = [
        microlut.run(project, board, samples(20), emulator=name).instructions
        for name in ("renode", "qemu")
    ]
    assert counts[0] == counts[1]


@pytest.fixture
def broken(tmp_path):
    """A function from a statement to a task whose model runs it."""

    def task_of(statement: str, timeout_seconds: float = 60.0) -> Task:
        folder = tmp_path / "model"
        shutil.copytree(FAKE_MODEL, folder)
        source = folder / "model.c"
        text = source.read_text()
        place = "int8_t *data = arena;"
        assert place in text
        source.write_text(text.replace(place, f"{place}\n    {statement}"))
        board = load_board("stm32f4-discovery")
        elf = build(folder, "fake", board, tmp_path / "build").elf
        inputs = np.zeros((2, 6), dtype=np.int8)
        return Task(elf, board, inputs, 3, emulator="renode", timeout_seconds=timeout_seconds)

    return task_of


def test_access_outside_the_board_fails_the_run(renode, broken):
    task = broken("(void)*(volatile uint32_t *)0x70000000u;")
    with pytest.raises(RunFailed, match=r"left the board's memory: .* at 0x70000000"):
        run_image(task)


def test_fault_fails_the_run(renode, broken):
    """A usage fault, 6, which cores make a hard fault, 3: nothing enables it. Renode does not."""
    with pytest.raises(RunFailed, match=r"the firmware reports: exception [36] pc=0x"):
        run_image(broken('__asm__ volatile("udf #0");'))


def test_sleep_for_ever_fails_the_run(renode, broken):
    with pytest.raises(RunFailed, match="ended before the firmware had answered"):
        run_image(broken('for (;;) { __asm__ volatile("cpsid i\\n\\twfi"); }'))


def test_endless_loop_fails_the_run(renode, broken):
    task = broken('for (;;) { __asm__ volatile(""); }', timeout_seconds=30.0)
    # whichever comes first, 30 s of virtual time or of the wall clock
    with pytest.raises(RunFailed, match=r"silent for 30 s|ended before the firmware had answered"):
        run_image(task)
