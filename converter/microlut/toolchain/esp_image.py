"""Convert an ELF file to the image format that the ROM of Espressif's chips loads."""

from __future__ import annotations

import subprocess
from pathlib import Path

from microlut.board.board import Board
from microlut.board.flash_tools import Esptool
from microlut.errors import BuildFailed
from microlut.machine.tools import ESPTOOL, require_tool

# Dual output at 80 MHz works with every module's flash chip and wiring.
_FLASH_SETTINGS = ("--flash-mode", "dio", "--flash-freq", "80m")
_MEBIBYTE = 1 << 20


def esptool_of(board: Board) -> Esptool | None:
    """Return the esptool table of a board; None if its ROM loads plain binaries."""
    tables = (tool for tool in board.flash_tools if isinstance(tool, Esptool))
    return next(tables, None)


def write_esp_image(elf: Path, target: Path, board: Board) -> None:
    """Write the segments of an ELF file as the image that the board's ROM loads.

    Raises:
        BuildFailed: esptool refuses the ELF file.
        ToolMissing: esptool is not installed.
    """
    table, memory = esptool_of(board), board.memory
    assert table is not None
    assert memory is not None
    command = [str(require_tool(ESPTOOL)), "--chip", table.chip, "elf2image"]
    command += [*_FLASH_SETTINGS, "--flash-size", f"{memory.flash.size // _MEBIBYTE}MB"]
    command += ["--output", str(target), str(elf)]
    done = subprocess.run(command, check=False, capture_output=True, text=True)
    if done.returncode != 0:
        said = [line for line in (done.stdout + done.stderr).splitlines() if line.strip()]
        raise BuildFailed(f"{elf.name} for {board.id}: esptool: {said[-1] if said else '?'}")
