"""Boards as text: one line in the list, and all facts of one."""

from __future__ import annotations

import pytest

from microlut.board.board import list_boards, load_board
from microlut.board.flash_tools import Esptool, Openocd
from microlut.board.schema import Console, Emulators, Probe, QemuEmulator
from microlut.show.boards import board_text, boards_text

BOARD = load_board("mps2-an386").model_copy(
    update={
        "console": Console(uart="USART2", tx="PA2", rx="PA3"),
        "emulators": Emulators(qemu=QemuEmulator(machine="some")),
        "probe": Probe(usb=("0483:374b", "0483:374e")),
        "flash_tools": (
            Openocd(name="openocd", config=("a.cfg", "b.cfg")),
            Esptool(name="esptool", chip="esp32c3", address=0),
        ),
    }
)


@pytest.mark.parametrize("name", list_boards())
def test_boards_text_names_the_board(name):
    assert f"\n{name} " in boards_text([load_board(name)])


def test_boards_text_names_emulators_and_flash_tools():
    line = boards_text([BOARD]).splitlines()[1]
    assert line.split()[1:8] == ["cortex-m4f", "4,096", "KiB", "8,192", "KiB", "qemu", "openocd"]
    assert line.split()[8] == "esptool"


@pytest.mark.parametrize("name", list_boards())
def test_board_text_names_its_core(name):
    assert f" {load_board(name).core.value}\n" in board_text(load_board(name))


def test_board_text_has_every_fact():
    lines = {" ".join(line.split()) for line in board_text(BOARD).splitlines()}
    assert lines >= {
        "clock 25 MHz",
        "ram 4,194,304 bytes at 0x20000000",
        "psram 4,194,304 bytes at 0x21c00000, ram, an access costs 4",
        "console USART2, tx PA2, rx PA3, 115,200 baud, 8N1",
        "runs in qemu some",
        "USB ids 0483:374b, 0483:374e",
        "flashed by openocd a.cfg b.cfg",
        "flashed by esptool esp32c3 0",
    }


def test_board_text_tells_where_loaded_code_is_fetched():
    memory = BOARD.memory.model_copy(update={"code_origin": 0x4038_0000})
    lines = board_text(BOARD.model_copy(update={"memory": memory})).splitlines()
    assert f"{'code':<18}  loaded to ram, fetched at 0x40380000" in lines
