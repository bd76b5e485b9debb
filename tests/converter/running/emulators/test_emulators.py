"""The choice of an emulator, and refusal of boards that none can run."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from microlut.board.board import load_board
from microlut.board.schema import Emulators, NativeEmulator, QemuEmulator, RenodeEmulator
from microlut.errors import InvalidBoard, InvalidInput, ToolMissing
from microlut.machine import tools
from microlut.running import emulators
from microlut.running.emulators import EMULATORS, Task, choose_emulator, run_image

INPUTS = np.zeros((2, 6), dtype=np.int8)
ELF = Path("absent.elf")


QEMU_TOO = Emulators(
    renode=RenodeEmulator(platform="some"), qemu=QemuEmulator(machine="mps2-an386")
)


@pytest.fixture
def with_renode(monkeypatch):
    """A function from whether Renode is on PATH to a board that names it and QEMU."""

    def set_up(there: bool):
        monkeypatch.setattr(emulators, "find_tool", lambda _: Path("renode") if there else None)
        monkeypatch.setitem(EMULATORS, "renode", EMULATORS["qemu"])
        return load_board("mps2-an386").model_copy(update={"emulators": QEMU_TOO})

    return set_up


def test_emulators_are_those_that_boards_may_name():
    assert set(EMULATORS) <= set(Emulators.model_fields)


@pytest.mark.parametrize(("there", "chosen"), [(True, "renode"), (False, "qemu")])
def test_choose_emulator_prefers_renode_where_it_is(with_renode, there, chosen):
    assert choose_emulator(with_renode(there)) == chosen


@pytest.mark.parametrize("there", [True, False])
def test_choose_emulator_takes_the_one_that_is_named(with_renode, there):
    board = with_renode(there)
    assert [choose_emulator(board, name) for name in ("qemu", "renode")] == ["qemu", "renode"]


def test_choose_emulator_runs_the_host_natively():
    assert load_board("host").emulators == Emulators(native=NativeEmulator())
    assert choose_emulator(load_board("host")) == "native"


def test_choose_emulator_refuses_one_that_the_board_lacks():
    with pytest.raises(InvalidBoard, match="host: emulator: found 'qemu'; it runs in native"):
        choose_emulator(load_board("host"), "qemu")


@pytest.mark.parametrize(
    "inputs",
    [INPUTS.astype(np.uint8), INPUTS[0], INPUTS[:0], INPUTS[:, :0]],
    ids=["uint8", "one_dimension", "no_input", "no_bytes"],
)
def test_run_image_refuses_inputs(inputs):
    with pytest.raises(InvalidInput, match=r"give int8 \[n, input_bytes\]"):
        run_image(Task(ELF, load_board("host"), inputs, 3))


def test_run_image_needs_an_emulator():
    board = load_board("mps2-an386").model_copy(update={"emulators": Emulators()})
    with pytest.raises(InvalidBoard, match="mps2-an386: has no emulator to run inputs in"):
        run_image(Task(ELF, board, INPUTS, 3))


def test_run_image_names_a_missing_qemu(tmp_path, monkeypatch):
    monkeypatch.setattr(tools, "_search_path", lambda: str(tmp_path))
    with pytest.raises(ToolMissing, match="sudo apt-get install -y qemu-system-arm"):
        run_image(Task(ELF, load_board("mps2-an386"), INPUTS, 3))
