"""Measure instructions and modelled cycles of every kernel call, for all models and cores.

    .venv/bin/python benchmarks/engine.py [--data FOLDER] [--models resnet8_cifar10.h5 ...]
        [--bits 2 3 4 5 6 7 8] [--boards mps2-an385 ...] [--cmsis-nn CHECKOUT] [--tflm CHECKOUT]

Runs one inference of a calibration input in QEMU. Instructions are exact; cycles are modelled for
the Cortex-M4 (see cycles.py). Networks are converted without data, which takes seconds and hardly
changes the executed instructions. With a checkout of ARM-software/CMSIS-NN from GitHub, the network
of most bits also runs on its int8 kernels, between the same probes, and that of 4 bits on its int4
kernels, with evenly spaced levels. With a checkout of tensorflow/tflite-micro (see tflm.py), the
network of most bits also runs on TFLM, on Cortex-M4; its arena is the part that it uses.
Prints Markdown and, if nothing was left out, writes benchmarks/results/engine.json and
docs/measurements/engine-tables.md.
"""

from __future__ import annotations

import argparse
import json
import os
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
from costs import kernel_calls
from cycles import Cost, read_code, read_pieces
from documents import MEASUREMENTS, ROOT
from engine_tables import MICROLUT, Layer, Row, markdown, page
from models import INPUT_RANGES, MODELS, RESULTS
from rivals import Rival, Subject, engines_of

import microlut
from microlut.board.board import Core
from microlut.integer import evaluate as int_ops
from microlut.ops.tensor import quantize_array
from microlut.plan import Plan
from microlut.plan.cost import instructions
from microlut.running.emulators import Task, run_image
from microlut.running.profile import make_profile
from microlut.running.protocol import Int8Array
from microlut.toolchain.image import measure

PAGE = MEASUREMENTS / "engine-tables.md"
BITS = (2, 3, 4, 5, 6, 7, 8)
BOARDS = (
    *("mps2-an385-m0plus", "mps2-an385", "mps2-an386", "mps2-an500", "mps2-an505", "mps3-an547"),
    "riscv-virt",
)


@dataclass(frozen=True, slots=True)
class Measured:
    """The cost of one inference: each piece, and the whole; cycles only on a Cortex-M4.

    `exact` says whether the outputs equal the integer interpreter's; `extra` follows them.
    """

    pieces: Sequence[Cost]
    whole: Cost
    exact: bool
    extra: bytes


def run(subject: Subject, folder: Path) -> Measured:
    """Run one inference and count.

    Raises:
        SystemExit: The blocks and the counts differ.
    """
    expected = int_ops.evaluate(subject.graph, subject.inputs).reshape(1, -1)
    size = expected.shape[1]
    blocks = folder / "blocks.txt" if subject.board.core is Core.CORTEX_M4F else None
    flat = subject.inputs.reshape(1, -1)
    result = run_image(
        Task(
            *(subject.elf, subject.board, flat, size + subject.extra_bytes),
            caller=subject.caller,
            blocks=blocks,
        )
    )
    outputs = np.ascontiguousarray(result.outputs)
    facts = np.array_equal(outputs[:, :size], expected), outputs[0, size:].tobytes()
    (counts,) = result.pieces
    if blocks is None:
        return Measured([Cost(n, None) for n in counts], Cost(sum(counts), None), *facts)
    pieces, whole = read_pieces(blocks, read_code(subject.elf))
    if tuple(piece.instructions for piece in pieces) != counts:
        raise SystemExit(f"{subject.elf}: blocks and counts differ")
    return Measured(pieces, whole, *facts)


def measure_microlut(
    conversion: microlut.Conversion, board: microlut.Board, inputs: Int8Array, model: str
) -> Row:
    """Measure microlut's firmware.

    Raises:
        SystemExit: The outputs differ from the integer interpreter's.
    """
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        project = microlut.write(conversion, folder / "out")
        image = microlut.build(project, board)
        subject = Subject(image.elf, f"{project.prefix}_run", board, conversion.quantized, inputs)
        measured = run(subject, folder)
        flash = measure(image.elf, board).flash_bytes
    if not measured.exact:
        raise SystemExit(f"{model} on {board.id}: outputs differ from the integer network's")
    pieces, whole = measured.pieces, measured.whole
    estimates = estimated(conversion.plan, board.core.value)
    profile = make_profile(project.report["layers"], [piece.instructions for piece in pieces])
    layers = tuple(
        Layer(
            *(layer.name, layer.merged, layer.macs, layer.cost, piece.cycles),
            estimates[layer.name],
        )
        for layer, piece in zip(profile.layers, pieces[1:-1], strict=True)
    )
    report = conversion.report
    return Row(
        *(model, board.id, board.core.value, MICROLUT, round(report.bits), report.macs),
        *(whole.instructions, whole.cycles, profile.outside, flash, report.arena_bytes),
        layers,
    )


def estimated(plan: Plan, core: str) -> dict[str, int]:
    """Return the estimated instructions of each kernel call of a plan on a core."""
    calls = kernel_calls(plan)
    return {name: round(instructions(call, tile, core)) for name, call, tile in calls}


def measure_rival(conversion: microlut.Conversion, rival: Rival, model: str, folder: Path) -> Row:
    """Measure another engine with the same network; report wrong outputs."""
    subject = rival.subject
    measured = run(subject, folder)
    macs = {layer.name: layer.macs for layer in conversion.report.layers}
    layers = tuple(
        Layer(name, (), macs.get(name, 0), cost.instructions, cost.cycles)
        for name, cost in zip(rival.layers, layer_costs(measured.pieces, rival), strict=True)
    )
    whole = measured.whole
    return Row(
        *(model, subject.board.id, subject.board.core.value),
        rival.engine if measured.exact else f"{rival.engine}, wrong outputs",
        *(rival.bits, conversion.report.macs, whole.instructions, whole.cycles),
        whole.instructions - sum(layer.instructions for layer in layers),
        measure(subject.elf, subject.board).flash_bytes,
        int.from_bytes(measured.extra, "little") or None,
        layers,
    )


def layer_costs(pieces: Sequence[Cost], rival: Rival) -> list[Cost]:
    """Return the cost of each layer; calls before the first one belong to none.

    The first piece precedes all calls, and the last one follows them.

    Raises:
        SystemExit: There are fewer calls than layers.
    """
    first = len(pieces) - 1 - len(rival.layers) * rival.calls
    if first < 1:
        raise SystemExit(f"{rival.subject.elf}: fewer calls than {len(rival.layers)} layers make")
    costs = []
    for at in range(first, len(pieces) - 1, rival.calls):
        calls = pieces[at : at + rival.calls]
        cycles = [call.cycles for call in calls if call.cycles is not None]
        total = sum(cycles) if cycles else None
        costs.append(Cost(sum(call.instructions for call in calls), total))
    return costs


def converted(data: Path, model: str, samples: str, bits: int) -> microlut.Conversion:
    """Return a model converted without data."""
    span = INPUT_RANGES[samples]
    return microlut.convert(data / model, bits=bits, method="fitted", input_range=span)


def first_input(data: Path, samples: str, conversion: microlut.Conversion) -> Int8Array:
    """Return the first calibration input, int8 [1, ...]."""
    graph = conversion.quantized
    found = microlut.load_samples(data / f"{samples}_calibration.npz", graph.inputs, 1)
    return quantize_array(found.x, graph.inputs[0].quantized)


def rows_of(arguments: argparse.Namespace, folder: Path) -> Iterator[Row]:
    """Yield all requested rows."""
    checkouts, most = (arguments.cmsis_nn, arguments.tflm), max(arguments.bits)
    boards = [microlut.load_board(name) for name in arguments.boards]
    engines = {board.id: list(engines_of(board, most, checkouts, folder)) for board in boards}
    for model, samples in MODELS:
        for bits in arguments.bits if model in arguments.models else ():
            conversion = converted(arguments.data, model, samples, bits)
            inputs = first_input(arguments.data, samples, conversion)
            for board in boards:
                yield measure_microlut(conversion, board, inputs, model)
                fitting = [engine for engine in engines[board.id] if engine.bits == bits]
                for i, engine in enumerate(fitting):
                    place = folder / f"{model}-{board.id}-{bits}-{i}"
                    rival = engine.image(board, conversion.quantized, inputs, place)
                    yield measure_rival(conversion, rival, model, place)


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
    parser.add_argument("--tflm", type=Path, metavar="CHECKOUT")
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
    complete = arguments.cmsis_nn and arguments.tflm
    if complete and asked == (names, list(BITS), list(BOARDS)):
        RESULTS.mkdir(exist_ok=True)
        values = json.dumps([asdict(row) for row in rows], indent=1)
        (RESULTS / "engine.json").write_text(values + "\n", encoding="utf-8")
        PAGE.write_text(page(rows), encoding="utf-8")
    print("\n" + table)


if __name__ == "__main__":
    main()
