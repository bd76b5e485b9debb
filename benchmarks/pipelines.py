"""Let llvm-mca say how many cycles the engine's inner loops take in dual-issue pipelines.

    .venv/bin/python benchmarks/pipelines.py [--write]

The loops are those of the compiled engine: of each function, the one with the most products.
llvm-mca (Debian: llvm-19; version 14 knows no Cortex-M55) models a core's pipeline without memory,
branches and code fetches, so the figures say how well a schedule fits, and not what boards take.
`--write` puts the table into docs/measurements/engine.md. Takes some seconds.
"""

from __future__ import annotations

import argparse
import re
import shutil
import subprocess
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from console_image import FIRMWARE, GCC
from documents import MEASUREMENTS, replace_table

import microlut

PAGE = MEASUREMENTS / "engine.md"
SCRIPT = "pipelines.py"
_PASSES = 100
_UNIT = 16  # products that the figures are for
_VERSIONS = ("-19", "-20", "-21", "-18", "")
_LINE = re.compile(r"\s*([0-9a-f]+):\s+(\S+)\s*(.*)")
_BACK = re.compile(r"(b(?:ne|eq|hi|ls|cc|cs|lo|hs|lt|gt|le|ge|mi|pl)|le|letp)(?:\.[nw])?")
_TARGET = re.compile(r"0x([0-9a-f]+) <")
# Products of an instruction, by the first pattern that its mnemonic begins with.
_PRODUCTS = (("vmladav", 16), ("vmlav", 16), ("smlad", 2), ("smuad", 2), ("smla", 1), ("smul", 1))


@dataclass(frozen=True, slots=True)
class Pipeline:
    """A core that llvm-mca models, a board for which GCC compiles code of it, and loops.

    Attributes:
        name: As it is printed.
        cpu: LLVM's name.
        board: Id of the board.
        loops: What is computed, source file and function.
    """

    name: str
    cpu: str
    board: str
    loops: tuple[tuple[str, str, str], ...]


_DSP = (
    ("convolution", "src/kernels/conv2d.c", "mlut_dsp_tile"),
    ("depthwise 3x3, two by two outputs", "src/kernels/depthwise_conv2d.c", "mlut_dsp_rows_signed"),
    ("dense, 4 bits", "src/kernels/dense_dots.c", "mlut_dsp_lookup4"),
    ("dense, 8 bits", "src/kernels/dense_dots.c", "mlut_dsp_words4"),
)
_MVE = (("convolution", "src/mve/mve_multiply.c", "mlut_mve_tile"),)
PIPELINES = (
    Pipeline("Cortex-M4", "cortex-m4", "mps2-an386", _DSP),
    Pipeline("Cortex-M7", "cortex-m7", "mps2-an500", _DSP),
    Pipeline("Cortex-M55", "cortex-m55", "mps3-an547", _MVE),
    Pipeline("Cortex-M85", "cortex-m85", "mps3-an547", _MVE),
)


def loops_of(code: str, function: str) -> Iterator[list[str]]:
    """Yield the instructions of every loop of a function without branches in it."""
    _, _, rest = code.partition(f"<{function}>:\n")
    lines = [m for line in rest.partition("\n\n")[0].splitlines() if (m := _LINE.fullmatch(line))]
    places = [int(line[1], 16) for line in lines]
    for end, line in enumerate(lines):
        target = _TARGET.search(line[3]) if _BACK.fullmatch(line[2]) else None
        if target is None or int(target[1], 16) not in places[:end]:
            continue
        body = lines[places.index(int(target[1], 16)) : end]
        if not any(_TARGET.search(each[3]) for each in body):
            yield [f"{each[2]} {each[3].partition('@')[0]}" for each in body]


def products(body: Sequence[str]) -> int:
    """Return how many products a loop's body makes."""
    return sum(next((n for name, n in _PRODUCTS if i.startswith(name)), 0) for i in body)


def cycles(body: Sequence[str], cpu: str, folder: Path) -> float:
    """Return the cycles that a pass of a loop takes."""
    vectors = cpu in {"cortex-m55", "cortex-m85"}
    triple = "thumbv8.1m.main-none-eabi" if vectors else "thumbv7em-none-eabi"
    source = folder / "loop.s"
    source.write_text("\n".join((*body, "")), encoding="utf-8")
    options = [f"-mtriple={triple}", f"-mcpu={cpu}", f"-iterations={_PASSES}"]
    options += ["-mattr=+mve"] if vectors else []
    text = _output(_tool("llvm-mca"), *options, str(source))
    found = re.search(r"Total Cycles:\s+(\d+)", text)
    if found is None:
        raise SystemExit(f"llvm-mca: found no cycles in {text[:200]!r}")
    return int(found[1]) / _PASSES


def disassembly(board: microlut.Board, source: str, folder: Path) -> str:
    """Return the code of a source file of the engine."""
    made = folder / "code.o"
    options = (*board.flags, "-O2", "-std=c11", f"-I{FIRMWARE / 'include'}")
    _output(GCC, *options, "-c", str(FIRMWARE / source), "-o", str(made))
    attributes = ("--mattr=+mve,+dsp", "--triple=thumbv8.1m.main-none-eabi")
    return _output(_tool("llvm-objdump"), "-d", "--no-show-raw-insn", *attributes, str(made))


def _tool(name: str) -> str:
    found = next((path for v in _VERSIONS if (path := shutil.which(f"{name}{v}"))), None)
    if found is None:
        raise SystemExit(f"{name} is not installed; Debian's package llvm-19 has it")
    return found


def _output(*command: str) -> str:
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout


def table() -> str:
    """Return the Markdown table of all loops in all pipelines."""
    lines = [
        "| loop | core | products per pass | instructions per 16 | cycles per 16 |",
        "|---|---|---|---|---|",
    ]
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for pipeline in PIPELINES:
            board = microlut.load_board(pipeline.board)
            for what, source, function in pipeline.loops:
                found = list(loops_of(disassembly(board, source, folder), function))
                body = max(found, key=products, default=[])
                count = products(body)
                if count == 0:
                    raise SystemExit(f"{function} on {board.id}: found no loop with products")
                took = cycles(body, pipeline.cpu, folder) * _UNIT / count
                instructions = (len(body) + 1) * _UNIT / count  # with the branch
                lines.append(
                    f"| {what} | {pipeline.name} | {count} | {instructions:.2f} | {took:.2f} |"
                )
    return "\n".join(lines)


def main() -> None:
    """Measure, print and write."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--write", action="store_true")
    arguments = parser.parse_args()
    text = table()
    if arguments.write:
        replace_table(PAGE, SCRIPT, text)
    print(text)


if __name__ == "__main__":
    main()
