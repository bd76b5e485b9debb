"""Measure front ends on emulated cores: instructions, code, tables and memory.

    .venv/bin/python benchmarks/front_ends.py [--boards mps2-an386 ...] [--write]

Each front end is the `run` of a model in the console application, on random sound, pictures and
sensor values; its outputs have to be those of its NumPy form. Instructions are the mean of several
runs, exact. `--write` replaces the table of docs/reference/front-ends.md.
"""

from __future__ import annotations

import argparse
import re
import subprocess
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from console_image import PREFIX, Sizes, link, write_configuration
from documents import ROOT, replace_table
from engine_library import EngineLibraries
from numpy.typing import NDArray

import microlut
from microlut.codegen.front import render_front
from microlut.integer import QuantizedGraph
from microlut.ops.tensor import Quantization, Tensor
from microlut.running.emulators import Task, run_image
from microlut.signal import MFCC, Image, Sensor, Spectrum
from microlut.signal.file import Front

BOARDS = ("mps2-an386", "mps2-an385-m0plus")
PAGE = ROOT / "docs" / "reference" / "front-ends.md"
SCRIPT = "front_ends.py"
_RUNS = 5
_CAMERA = (160, 120)
_CODE = re.compile(r"mlut_(spectrum|audio|frames|image|sensor)")
_TABLES = re.compile(rf"{PREFIX}_front_|mlut_log_table")

_MODEL = """#include "model.h"
#include "{prefix}_front.h"
#include <string.h>
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
_SOUND = """{p}_front_begin(&front);
    {p}_front_push(&front, (const int16_t *)(const void *)input, {M}_FRONT_FRAME);
    {p}_front_frame(&front);
    {p}_front_write(&front, output);"""
_SENSOR = """{p}_front_begin(&front);
    {p}_front_push(&front, (const int32_t *)(const void *)input);
    {p}_front_write(&front, output);"""
_IMAGE = "{p}_front_write((const uint8_t *)input, output);"


@dataclass(frozen=True)
class Subject:
    """A front end, and the shape that it makes."""

    name: str
    front: Front
    shape: tuple[int, ...]

    def given(self) -> NDArray[np.generic]:
        """Return random inputs [runs, values]."""
        random = np.random.default_rng(2026)
        if isinstance(self.front, Spectrum):
            made = random.normal(0, 3000, (_RUNS, self.front.frame))
            return np.clip(made, -32768, 32767).astype(np.int16)
        if isinstance(self.front, Sensor):
            return random.integers(-(2**15), 2**15, (_RUNS, self.front.features)).astype(np.int32)
        size = self.front.width * self.front.height * (3 if self.front.format == "rgb" else 2)
        return random.integers(0, 256, (_RUNS, size)).astype(np.uint8)

    def wanted(self, given: NDArray[np.generic], quantization: Quantization) -> NDArray[np.int8]:
        """Return the outputs [runs, bytes] of the NumPy form."""
        front = self.front
        if isinstance(front, Image):
            made = [front.quantized(x, self.shape, quantization) for x in given]
        else:
            made = [front.quantized(x, quantization) for x in given]
        return np.stack([x.ravel() for x in made])


SUBJECTS = (
    Subject("MFCC, frame of 480 samples, 40 bands, 10 coefficients", MFCC, (1, 10)),
    Subject("log-mel, frame of 480 samples, 40 bands", Spectrum(), (1, 40)),
    Subject(
        "log-mel of squares, frame of 1,024 samples, 64 bands",
        Spectrum(frame=1024, hop=512, bands=64, high=8000.0, power=2),
        (1, 64),
    ),
    Subject(
        "picture, RGB565 160x120 to grey 96x96, bilinear",
        Image(*_CAMERA, "rgb565", (20, 0, 120, 120), "bilinear"),
        (96, 96, 1),
    ),
    Subject(
        "picture, RGB565 160x120 to RGB 32x32, area",
        Image(*_CAMERA, "rgb565", (20, 0, 120, 120), "area"),
        (32, 32, 3),
    ),
    Subject("6 sensor values", Sensor((1 / 16384,) * 3 + (0.07,) * 3), (1, 6)),
)


@dataclass(frozen=True)
class Measured:
    """What a front end takes on a board."""

    instructions: int
    code: int
    tables: int
    ram: int


def measured(
    subject: Subject, board: microlut.Board, libraries: EngineLibraries, folder: Path
) -> Measured:
    """Return what a front end takes.

    Raises:
        SystemExit: Its outputs differ from those of its NumPy form.
    """
    quantization = Quantization(float(np.float32(0.1)), 3)
    tensor = Tensor("x", subject.shape, "int8", quantization)
    graph = QuantizedGraph(PREFIX, (tensor,), (), ("x",))
    given = subject.given()
    each = np.ascontiguousarray(given).view(np.int8).reshape(_RUNS, -1)
    wanted = subject.wanted(given, quantization)
    folder.mkdir(parents=True)
    write_configuration(board, Sizes(16, each.shape[1], wanted.shape[1]), folder)
    for name, text in render_front(subject.front, graph).items():
        (folder / name).write_text(text, encoding="utf-8")
    calls = {Spectrum: _SOUND, Sensor: _SENSOR, Image: _IMAGE}
    model = _MODEL.format(
        prefix=PREFIX,
        macro=PREFIX.upper(),
        call=calls[type(subject.front)].format(p=PREFIX, M=PREFIX.upper()),
        state="" if isinstance(subject.front, Image) else f"static {PREFIX}_front_t front;",
    )
    (folder / "model.c").write_text(model, encoding="utf-8")
    elf = link(board, folder, [*folder.glob("*.c"), libraries.library(board)], ["-Wno-cast-align"])
    result = run_image(Task(elf, board, each, wanted.shape[1]))
    if not np.array_equal(result.outputs, wanted):
        raise SystemExit(f"{board.id}: {subject.name}: outputs differ from NumPy's")
    assert result.instructions is not None
    code, tables, ram = _sizes(elf)
    return Measured(round(np.mean(result.instructions)), code, tables, ram)


def _sizes(elf: Path) -> tuple[int, int, int]:
    """Return the bytes of the code, the tables and the state of a front end."""
    command = ["arm-none-eabi-nm", "-S", str(elf)]
    text = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    found = re.findall(r"^\w+ (\w+) (\w) (\w+)$", text, re.MULTILINE)
    sizes = [(int(size, 16), kind.lower(), name) for size, kind, name in found]
    code = sum(size for size, _, name in sizes if _CODE.match(name))
    tables = sum(size for size, _, name in sizes if _TABLES.match(name))
    ram = sum(size for size, kind, name in sizes if kind == "b" and name == "front")
    return code, tables, ram


def table(boards: Sequence[str]) -> str:
    """Measure all front ends and return the table."""
    cores = {board: microlut.load_board(board) for board in boards}
    head = " | ".join(f"instructions, {board.core}" for board in cores.values())
    lines = [f"| front end | {head} | code | tables | RAM |", "|---" * (len(boards) + 4) + "|"]
    with tempfile.TemporaryDirectory() as name:
        libraries = EngineLibraries(Path(name) / "engines")
        for i, subject in enumerate(SUBJECTS):
            found = [
                measured(subject, board, libraries, Path(name) / board.id / str(i))
                for board in cores.values()
            ]
            counts = " | ".join(f"{one.instructions:,}" for one in found)
            first = found[0]
            sizes = " | ".join(f"{n:,}" for n in (first.code, first.tables, first.ram))
            lines.append(f"| {subject.name} | {counts} | {sizes} |")
            print(lines[-1], flush=True)
    return "\n".join(lines) + "\n"


def main() -> None:
    """Print the table, or write it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--boards", nargs="+", default=BOARDS)
    parser.add_argument("--write", action="store_true")
    given = parser.parse_args()
    made = table(given.boards)
    if given.write:
        replace_table(PAGE, SCRIPT, made)


if __name__ == "__main__":
    main()
