"""Measure every board: what it has, and ResNet8 with 4-bit weights on it.

    .venv/bin/python benchmarks/boards.py [--data FOLDER] [--boards nucleo-f446re ...]

Builds the firmware for every board, and counts the instructions of one inference in QEMU: on the
board itself, or on an emulated one whose core has the same compiler flags, and so the same code.
Prints the table; if all boards were measured, it also replaces the one in
docs/measurements/boards.md.
"""

from __future__ import annotations

import argparse
import os
import re
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from documents import MEASUREMENTS, ROOT, replace_table

import microlut
from microlut.board.board import Core
from microlut.errors import DoesNotFit
from microlut.importers.samples import Samples
from microlut.show.boards import kib

PAGE = MEASUREMENTS / "boards.md"
MODEL, CALIBRATION, TEST = "resnet8_cifar10.h5", "cifar10_calibration.npz", "cifar10_test.npz"
HEADERS = (
    *("board", "core", "MHz", "flash", "RAM", "runs in", "flashed by"),
    *("ResNet8: flash", "RAM", "instructions"),
)


@dataclass(frozen=True, slots=True)
class Row:
    """ResNet8 on a board: bytes of the image, or what is missing if it does not fit."""

    board: microlut.Board
    flash_bytes: int | None = None
    ram_bytes: int | None = None
    missing: str = ""


def measure(project: microlut.Project, board: microlut.Board) -> Row:
    """Build for a board."""
    try:
        image = microlut.build(project, board)
    except DoesNotFit as error:
        found = re.findall(r"(flash|RAM) [\d,]+ of [\d,]+ bytes \(([\d,]+) too many\)", str(error))
        return Row(board, missing=", ".join(f"{size} bytes of {name}" for name, size in found))
    ram = image.ram_bytes and image.ram_bytes + sum(size for _, size in image.others)
    return Row(board, image.flash_bytes, ram)


def count_instructions(
    project: microlut.Project, rows: Sequence[Row], samples: Samples
) -> dict[Core, int]:
    """Return the instructions of an inference for each core that an emulated board has."""
    counted: dict[Core, int] = {}
    for row in rows:
        board = row.board
        if board.core in counted or row.flash_bytes is None or board.emulators.qemu is None:
            continue
        outcome = microlut.run(project, board, samples, emulator="qemu")
        assert outcome.bit_exact
        if outcome.instructions is not None:
            counted[board.core] = outcome.instructions[0]
    return counted


def cells(row: Row, counted: dict[Core, int]) -> tuple[str, ...]:
    """Return a row of the table."""
    board = row.board
    memory = board.memory
    assert memory is not None
    facts = (
        f"`{board.id}`",
        board.core.value,
        f"{(board.clock_hz or 0) / 1e6:g}",
        *(kib(memory.size_of(kind)) for kind in ("flash", "ram")),
        ", ".join(board.emulators.names),
        ", ".join(tool.name for tool in board.flash_tools),
    )
    if row.flash_bytes is None or row.ram_bytes is None:
        return (*facts, f"lacks {row.missing}", "", "")
    instructions = counted.get(board.core)
    figures = (row.flash_bytes, row.ram_bytes, instructions)
    return (*facts, *("" if figure is None else f"{figure:,}" for figure in figures))


def table(rows: Sequence[Row], counted: dict[Core, int]) -> str:
    """Return the rows as a Markdown table, with a line for each board."""
    lines = [HEADERS, ("---",) * 2 + ("--:",) * 3 + ("---",) * 2 + ("--:",) * 3]
    lines += [cells(row, counted) for row in rows]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    default = os.environ.get("MICROLUT_DATA", ROOT.parent / "shared" / "data")
    known = [name for name in microlut.list_boards() if name != "host"]
    parser.add_argument("--data", type=Path, default=Path(default))
    parser.add_argument("--boards", nargs="+", default=known, choices=known)
    arguments = parser.parse_args()
    files = arguments.data / MODEL, arguments.data / CALIBRATION
    # distillation changes weights, but neither sizes nor instructions
    conversion = microlut.convert(*files, bits=4, distill=False)
    samples = microlut.load_samples(arguments.data / TEST, conversion.graph.inputs, 1)
    with tempfile.TemporaryDirectory() as folder:
        project = microlut.write(conversion, Path(folder) / "resnet8")
        rows = [measure(project, microlut.load_board(name)) for name in arguments.boards]
        text = table(rows, count_instructions(project, rows, samples))
    if arguments.boards == known:
        replace_table(PAGE, "boards.py", text)
    print(text, end="")


if __name__ == "__main__":
    main()
