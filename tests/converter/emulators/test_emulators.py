"""Choosing an emulator, and refusing what none can run."""

from __future__ import annotations

import typing
from pathlib import Path

import numpy as np
import pytest

from microlut import tools
from microlut.boards import NativeEmulator, QemuEmulator, Region, load_board
from microlut.emulators import EMULATORS, Task, run_image
from microlut.emulators.qemu import _chunks
from microlut.errors import InvalidBoard, InvalidInput, ToolMissing

INPUTS = np.zeros((2, 6), dtype=np.int8)
ELF = Path("absent.elf")


def test_emulators_are_those_that_boards_may_name():
    schemas = (QemuEmulator, NativeEmulator)
    names = {typing.get_args(schema.model_fields["name"].annotation)[0] for schema in schemas}
    assert set(EMULATORS) == names


@pytest.mark.parametrize(
    "inputs",
    [INPUTS.astype(np.uint8), INPUTS[0], INPUTS[:0], INPUTS[:, :0]],
    ids=["uint8", "one_dimension", "no_input", "no_bytes"],
)
def test_run_image_refuses_inputs(inputs):
    with pytest.raises(InvalidInput, match=r"give int8 \[n, input_bytes\]"):
        run_image(Task(ELF, load_board("host"), inputs, 3))


def test_run_image_needs_an_emulator():
    board = load_board("mps2-an386").model_copy(update={"emulator": None})
    with pytest.raises(InvalidBoard, match="mps2-an386: emulator: is missing"):
        run_image(Task(ELF, board, INPUTS, 3))


def test_run_image_names_a_missing_qemu(tmp_path, monkeypatch):
    monkeypatch.setattr(tools, "_search_path", lambda: str(tmp_path))
    with pytest.raises(ToolMissing, match="sudo apt-get install -y qemu-system-arm"):
        run_image(Task(ELF, load_board("mps2-an386"), INPUTS, 3))


def test_chunks_fill_the_region():
    inputs = np.arange(70, dtype=np.int8).reshape(7, 10)
    parts = list(_chunks(inputs, Region(origin=0, size=16 + 35)))
    assert [len(part) for part in parts] == [3, 3, 1]
    assert np.array_equal(np.concatenate(parts), inputs)


def test_chunks_refuse_an_input_larger_than_the_region():
    with pytest.raises(InvalidInput, match="an input has 10 bytes and the preload region 25"):
        list(_chunks(np.zeros((1, 10), dtype=np.int8), Region(origin=0, size=25)))
