"""Instructions and modelled cycles of every kernel call, for all models, bit widths and cores.

    .venv/bin/python benchmarks/engine.py [--data FOLDER] [--models resnet8_cifar10.h5 ...]
        [--bits 2 3 4 6 8] [--boards mps2-an385 ...] [--cmsis-nn CHECKOUT]

One inference of a calibration input under QEMU; instructions are exact, cycles are a model of the
Cortex-M4 (see cycles.py) and given for that core only. Networks are converted without data, which
takes seconds and hardly changes what is executed. With a checkout of ARM-software/CMSIS-NN from
GitHub, the network of most bits runs on its int8 kernels as well, between the same probes, and that
of 4 bits on its int4 kernels, with levels that lie evenly.
Prints Markdown and, if nothing was left out, writes benchmarks/results/engine.json and engine.md.
"""

from __future__ import annotations

import argparse
import json
import os
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import cmsis_nn
import numpy as np
from cycles import read_code, read_pieces
from models import INPUT_RANGES, MODELS, RESULTS, ROOT

import microlut
from microlut.boards import Core
from microlut.console import Int8Array
from microlut.emulators import Task, run_image
from microlut.image import measure
from microlut.interpreter import int_ops
from microlut.profile import make_profile
from microlut.quantized import QuantizedGraph, quantize_array

BITS = (2, 3, 4, 6, 8)
BOARDS = ("mps2-an385-m0plus", "mps2-an385", "mps2-an386", "mps2-an500", "mps3-an547")
MICROLUT, CMSIS_NN, CMSIS_NN_S4 = "microlut", "CMSIS-NN s8", "CMSIS-NN s4"
DETAILED_BITS = 4


@dataclass(frozen=True, slots=True)
class Layer:
    """One kernel call; `cycles` only on a Cortex-M4. `merged` are layers done by the same call."""

    name: str
    merged: tuple[str, ...]
    macs: int
    instructions: int
    cycles: int | None


@dataclass(frozen=True, slots=True)
class Row:
    """One inference of one model on one board; `arena_bytes` only where memory is planned."""

    model: str
    board: str
    core: str
    engine: str
    bits: int
    macs: int
    instructions: int
    cycles: int | None
    outside: int
    flash_bytes: int
    arena_bytes: int | None
    layers: tuple[Layer, ...]


@dataclass(frozen=True, slots=True)
class Subject:
    """An image that is to be measured, and what it must answer.

    Attributes:
        elf: The image.
        caller: Its function that makes one call a layer.
        board: The board.
        graph: The network.
        inputs: int8 [1, ...].
    """

    elf: Path
    caller: str
    board: microlut.Board
    graph: QuantizedGraph
    inputs: Int8Array


def run(subject: Subject, folder: Path) -> tuple[list[tuple[int, int]], tuple[int, int]]:
    """Return instructions and cycles of each piece of one inference, and of the whole.

    Raises:
        SystemExit: The outputs differ from the integer interpreter's, or blocks from the counts.
    """
    expected = int_ops.evaluate(subject.graph, subject.inputs).reshape(1, -1)
    blocks = folder / "blocks.txt"
    flat = subject.inputs.reshape(1, -1)
    result = run_image(
        Task(
            *(subject.elf, subject.board, flat, expected.shape[1]),
            caller=subject.caller,
            blocks=blocks,
        )
    )
    if not np.array_equal(result.outputs, expected):
        raise SystemExit(f"{subject.elf}: outputs differ from the integer network's")
    pieces, whole = read_pieces(blocks, read_code(subject.elf))
    if [tuple(piece.instructions for piece in pieces)] != list(result.pieces):
        raise SystemExit(f"{subject.elf}: blocks and counts differ")
    return [(p.instructions, p.cycles) for p in pieces], (whole.instructions, whole.cycles)


def measure_microlut(
    conversion: microlut.Conversion, board: microlut.Board, inputs: Int8Array, model: str
) -> Row:
    """Return what microlut's firmware executes."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        project = microlut.write(conversion, folder / "out")
        image = microlut.build(project, board)
        subject = Subject(image.elf, f"{project.prefix}_run", board, conversion.quantized, inputs)
        pieces, whole = run(subject, folder)
        flash = measure(image.elf, board).flash_bytes
    profile = make_profile(project.report["layers"], [count for count, _ in pieces])
    timed = core_has_cycles(board)
    layers = tuple(
        Layer(layer.name, layer.merged, layer.macs, layer.instructions, cycles if timed else None)
        for layer, (_, cycles) in zip(profile.layers, pieces[1:-1], strict=True)
    )
    report = conversion.report
    return Row(
        *(model, board.id, board.core.value, MICROLUT, round(report.bits), report.macs),
        *(whole[0], whole[1] if timed else None, profile.outside, flash, report.arena_bytes),
        layers,
    )


def measure_cmsis_nn(
    conversion: microlut.Conversion, subject: Subject, model: str, folder: Path
) -> Row:
    """Return what CMSIS-NN's kernels execute for the same network."""
    pieces, whole = run(subject, folder)
    timed = core_has_cycles(subject.board)
    macs = {layer.name: layer.macs for layer in conversion.report.layers}
    nodes = cmsis_nn.called(subject.graph)
    layers = tuple(
        Layer(node.name, (), macs[node.name], count, cycles if timed else None)
        for node, (count, cycles) in zip(nodes, pieces[1:-1], strict=True)
    )
    return Row(
        *(model, subject.board.id, subject.board.core.value),
        *((CMSIS_NN_S4, 4) if subject.graph is not conversion.quantized else (CMSIS_NN, 8)),
        conversion.report.macs,
        *(whole[0], whole[1] if timed else None, pieces[0][0] + pieces[-1][0]),
        *(measure(subject.elf, subject.board).flash_bytes, None, layers),
    )


def core_has_cycles(board: microlut.Board) -> bool:
    """Return whether the model of cycles is one of this board's core."""
    return board.core is Core.CORTEX_M4F


def converted(data: Path, model: str, samples: str, bits: int) -> microlut.Conversion:
    """Return a model converted without data."""
    span = INPUT_RANGES[samples]
    return microlut.convert(data / model, bits=bits, method="fitted", input_range=span)


def first_input(data: Path, samples: str, conversion: microlut.Conversion) -> Int8Array:
    """Return the first calibration input, int8 [1, ...]."""
    graph = conversion.quantized
    found = microlut.load_samples(data / f"{samples}_calibration.npz", graph.input_shape, 1)
    return quantize_array(found.x, graph.input_quantization)


def rows_of(arguments: argparse.Namespace, folder: Path) -> Iterator[Row]:
    """Yield all rows that were asked for."""
    boards = [microlut.load_board(name) for name in arguments.boards]
    checkout = arguments.cmsis_nn
    libraries = {
        board.id: cmsis_nn.build_library(checkout, board, folder / board.id)
        for board in (boards if checkout else ())
    }
    for model, samples in MODELS:
        for bits in arguments.bits if model in arguments.models else ():
            conversion = converted(arguments.data, model, samples, bits)
            inputs = first_input(arguments.data, samples, conversion)
            for board in boards:
                yield measure_microlut(conversion, board, inputs, model)
                for graph in rivals(conversion.quantized, bits, arguments) if checkout else ():
                    place = folder / f"{model}-{board.id}-{bits}"
                    library = libraries[board.id]
                    elf = cmsis_nn.build_image(graph, board, checkout, library, place)
                    subject = Subject(elf, cmsis_nn.CALLER, board, graph, inputs)
                    yield measure_cmsis_nn(conversion, subject, model, place)


def rivals(
    graph: QuantizedGraph, bits: int, arguments: argparse.Namespace
) -> Iterator[QuantizedGraph]:
    """Yield the networks that CMSIS-NN runs beside this one."""
    if bits == max(arguments.bits):
        yield graph
    elif bits == 4:
        yield cmsis_nn.uniform(graph)


def markdown(rows: Sequence[Row]) -> str:
    """Return a table of models, and one of layers for each model and core."""
    lines = [
        "| model | core | engine | bits | instructions | a MAC | modelled M4 cycles | image in "
        "flash | arena |",
        "|---|---|---|---|---|---|---|---|---|",
    ]
    lines += [
        f"| {row.model} | {row.core} | {row.engine} | {row.bits} | {row.instructions:,} "
        f"| {row.instructions / row.macs:.3f} | {_number(row.cycles)} | {row.flash_bytes:,} "
        f"| {_number(row.arena_bytes)} |"
        for row in rows
    ]
    for model in dict.fromkeys(row.model for row in rows):
        for core in dict.fromkeys(row.core for row in rows):
            lines += _layers([row for row in rows if (row.model, row.core) == (model, core)])
    return "\n".join(lines)


def _layers(rows: Sequence[Row]) -> list[str]:
    """Return the layers of one model on one core, a column a row."""
    columns = [(row, f"{row.bits} bits" if row.engine == MICROLUT else row.engine) for row in rows]
    if not columns:
        return []
    first = rows[0]
    timed = [row for row in rows if row.cycles and (row.engine, row.bits) in _detailed(rows)]
    titles = [title for _, title in columns]
    titles += [f"{title}, cycles" for row, title in columns if row in timed]
    lines = [
        f"\n{first.model}, {first.core}: instructions of each call\n",
        f"| layer | MACs | {' | '.join(titles)} |",
        "|---" * (2 + len(titles)) + "|",
    ]
    for layer in first.layers:
        names = (layer.name, *layer.merged)
        cells = [_sum(other.instructions for other in _named(row, names)) for row in rows]
        cells += [_sum(other.cycles or 0 for other in _named(row, names)) for row in timed]
        lines.append(f"| {' + '.join(names)} | {_number(layer.macs)} | {' | '.join(cells)} |")
    return lines


def _detailed(rows: Sequence[Row]) -> set[tuple[str, int]]:
    """Return of which rows the cycles of layers are shown: a column each would be too wide."""
    widths = {row.bits for row in rows if row.engine == MICROLUT}
    shown = DETAILED_BITS if DETAILED_BITS in widths else max(widths)
    return {(MICROLUT, shown)} | {(row.engine, row.bits) for row in rows if row.engine != MICROLUT}


def _named(row: Row, names: Sequence[str]) -> list[Layer]:
    return [layer for layer in row.layers if layer.name in names]


def _sum(counts: Iterable[int]) -> str:
    return f"{sum(counts):,}"


def _number(value: int | None) -> str:
    return f"{value:,}" if value else ""


def main() -> None:
    """Measure, print and write."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    default = os.environ.get("MICROLUT_DATA", ROOT.parent / "shared" / "data")
    names = [model for model, _ in MODELS]
    parser.add_argument("--data", type=Path, default=Path(default))
    parser.add_argument("--models", nargs="+", default=names, choices=names)
    parser.add_argument("--bits", nargs="+", type=int, default=list(BITS))
    parser.add_argument("--boards", nargs="+", default=list(BOARDS))
    parser.add_argument("--cmsis-nn", type=Path, metavar="CHECKOUT")
    arguments = parser.parse_args()
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        for row in rows_of(arguments, Path(folder)):
            rows.append(row)
            cycles = f", {row.cycles:,} cycles" if row.cycles else ""
            what = f"{row.model} {row.board} {row.engine} {row.bits} bits"
            print(f"{what}: {row.instructions:,} instructions{cycles}", flush=True)
    table = markdown(rows)
    asked = (arguments.models, arguments.bits, arguments.boards)
    if asked == (names, list(BITS), list(BOARDS)) and arguments.cmsis_nn:
        RESULTS.mkdir(exist_ok=True)
        values = json.dumps([asdict(row) for row in rows], indent=1)
        (RESULTS / "engine.json").write_text(values + "\n", encoding="utf-8")
        (RESULTS / "engine.md").write_text(table + "\n", encoding="utf-8")
    print("\n" + table)


if __name__ == "__main__":
    main()
