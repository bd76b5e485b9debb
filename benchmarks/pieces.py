"""Measure a piece of C as the `run` of a model in the console application, on emulated cores."""

from __future__ import annotations

import re
import subprocess
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from console_image import PREFIX, Sizes, link, write_configuration
from engine_library import EngineLibraries
from numpy.typing import NDArray

import microlut
from microlut.running.emulators import Task, run_image

BOARDS = ("mps2-an386", "mps2-an385-m0plus")

_MODEL = """#include "model.h"
{includes}
MLUT_ALIGNED uint8_t {prefix}_arena[{macro}_ARENA_BYTES];
static int8_t input[{macro}_INPUT_BYTES];
static int8_t output[{macro}_OUTPUT_BYTES];
{state}
{macro}_TENSORS

static int8_t *init(void *arena, size_t bytes)
{{
    (void)arena;
    (void)bytes;
    return input;
}}

static const int8_t *run(void *arena)
{{
    (void)arena;
    {call}
    return output;
}}

const mlut_model_t {prefix}_model = {{"{prefix}", {macro}_SIZES, init, run, NULL}};
"""


@dataclass(frozen=True)
class Piece:
    """C code that makes an output of an input.

    Attributes:
        name: What it is called in the table.
        includes, state, call: Its C code: lines before everything, objects, and statements that
            read `input` and write `output`.
        files: Other C files by their names.
        given: [runs, bytes] inputs.
        wanted: [runs, bytes] what its NumPy form makes of them.
        code, tables, ram: What the names of its functions, tables and objects begin with.
    """

    name: str
    includes: str
    state: str
    call: str
    given: NDArray[np.int8]
    wanted: NDArray[np.int8]
    code: str
    files: Mapping[str, str]
    tables: str = "(?!)"
    ram: str = "(?!)"


@dataclass(frozen=True)
class Measured:
    """What a piece takes on a board."""

    instructions: int
    code: int
    tables: int
    ram: int


def measured(
    piece: Piece, board: microlut.Board, libraries: EngineLibraries, folder: Path
) -> Measured:
    """Return what a piece takes.

    Raises:
        SystemExit: Its outputs differ from those of its NumPy form.
    """
    folder.mkdir(parents=True)
    sizes = Sizes(16, piece.given.shape[1], piece.wanted.shape[1])
    write_configuration(board, sizes, folder)
    for name, text in piece.files.items():
        (folder / name).write_text(text, encoding="utf-8")
    model = _MODEL.format(
        prefix=PREFIX,
        macro=PREFIX.upper(),
        includes=piece.includes,
        state=piece.state,
        call=piece.call,
    )
    (folder / "model.c").write_text(model, encoding="utf-8")
    elf = link(board, folder, [*folder.glob("*.c"), libraries.library(board)], ["-Wno-cast-align"])
    result = run_image(Task(elf, board, piece.given, piece.wanted.shape[1]))
    if not np.array_equal(result.outputs, piece.wanted):
        raise SystemExit(f"{board.id}: {piece.name}: outputs differ from NumPy's")
    assert result.instructions is not None
    code, tables, ram = _sizes(elf, piece)
    return Measured(round(np.mean(result.instructions)), code, tables, ram)


def _sizes(elf: Path, piece: Piece) -> tuple[int, int, int]:
    """Return the bytes of the code, the tables and the state of a piece."""
    command = ["arm-none-eabi-nm", "-S", str(elf)]
    text = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    found = re.findall(r"^\w+ (\w+) (\w) (\w+)$", text, re.MULTILINE)
    sizes = [(int(size, 16), kind.lower(), name) for size, kind, name in found]
    code = sum(size for size, _, name in sizes if re.match(piece.code, name))
    tables = sum(size for size, _, name in sizes if re.match(piece.tables, name))
    ram = sum(size for size, kind, name in sizes if kind in "bd" and re.match(piece.ram, name))
    return code, tables, ram


def table(what: str, pieces: Sequence[Callable[[], Piece]], boards: Sequence[str]) -> str:
    """Measure all pieces and return the table."""
    cores = {board: microlut.load_board(board) for board in boards}
    head = " | ".join(f"instructions, {board.core}" for board in cores.values())
    lines = [f"| {what} | {head} | code | tables | RAM |", "|---" * (len(boards) + 4) + "|"]
    with tempfile.TemporaryDirectory() as name:
        libraries = EngineLibraries(Path(name) / "engines")
        for i, make in enumerate(pieces):
            piece = make()
            found = [
                measured(piece, board, libraries, Path(name) / board.id / str(i))
                for board in cores.values()
            ]
            counts = " | ".join(f"{one.instructions:,}" for one in found)
            first = found[0]
            sizes = " | ".join(f"{n:,}" for n in (first.code, first.tables, first.ram))
            lines.append(f"| {piece.name} | {counts} | {sizes} |")
            print(lines[-1], flush=True)
    return "\n".join(lines) + "\n"
