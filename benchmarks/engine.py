"""Measure instructions and modelled cycles of every kernel call, for all models and cores.

    .venv/bin/python benchmarks/engine.py [--data FOLDER] [--models resnet8_cifar10.h5 ...]
        [--bits 2 3 4 5 6 7 8] [--boards mps2-an385 ...] [--cmsis-nn CHECKOUT] [--tflm CHECKOUT]
        [--write]

Runs one inference of a calibration input in QEMU. Instructions are exact; cycles are modelled for
the Cortex-M4 (see cycles.py). Networks are converted without data, which takes seconds and hardly
changes the executed instructions. Those of shapes.py have random weights of 4 and 8 bits.

With a checkout of ARM-software/CMSIS-NN from GitHub, the network of most bits also runs on its int8
kernels, between the same probes, and that of 4 bits on its int4 kernels, with evenly spaced levels.
With a checkout of tensorflow/tflite-micro (see tflm.py), the network of most bits also runs on
TFLM, on Cortex-M4; its arena is the part that it uses. Engines that lack one of a network's
operators, or memory on a board, are left out.

Prints Markdown; `--write` puts the rows in benchmarks/results/engine.json, instead of earlier ones
of the same measurements, and writes docs/measurements/engine-tables.md.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path

import numpy as np
import shapes
from cycles import Cost, read_code, read_pieces
from documents import MEASUREMENTS, ROOT
from engine_tables import MICROLUT, Layer, Row, markdown, page
from models import INPUT_RANGES, MODELS, RESULTS
from planned_calls import planned_calls
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
STORED = RESULTS / "engine.json"
BITS = (2, 3, 4, 5, 6, 7, 8)
SHAPE_BITS = (4, 8)  # of networks with random weights
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
        _waits(whole),
    )


def estimated(plan: Plan, core: str) -> dict[str, int]:
    """Return the estimated instructions of each kernel call of a plan on a core."""
    calls = planned_calls(plan)
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
        _waits(whole),
    )


def _waits(cost: Cost) -> int | None:
    return None if cost.cycles is None else cost.waits


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


def given(data: Path, model: str, samples: str, bits: int) -> tuple[microlut.Conversion, Int8Array]:
    """Return a model of a file, and its first calibration input."""
    conversion = converted(data, model, samples, bits)
    return conversion, first_input(data, samples, conversion)


def drawn(name: str, bits: int) -> tuple[microlut.Conversion, Int8Array]:
    """Return a network with random weights, and a random input."""
    conversion = shapes.conversion(name, bits)
    return conversion, shapes.random_input(conversion.quantized)


def networks(data: Path) -> dict[str, Callable[[int], tuple[microlut.Conversion, Int8Array]]]:
    """Return how the networks and their inputs are made, by bits."""
    return {
        **{model: partial(given, data, model, samples) for model, samples in MODELS},
        **{name: partial(drawn, name) for name in shapes.SHAPES},
    }


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
    for model, make in networks(arguments.data).items():
        drawn = model in shapes.SHAPES
        for bits in arguments.bits if model in arguments.models else ():
            if drawn and bits not in SHAPE_BITS:
                continue
            conversion, inputs = make(bits)
            for board in boards:
                yield measure_microlut(conversion, board, inputs, model)
                fitting = [
                    engine
                    for engine in engines[board.id]
                    if engine.bits == bits and engine.supports(conversion.quantized)
                ]
                for i, engine in enumerate(fitting):
                    place = folder / f"{model}-{board.id}-{bits}-{i}"
                    try:
                        rival = engine.image(board, conversion.quantized, inputs, place)
                    except subprocess.CalledProcessError:  # the linker has said what it lacks
                        print(f"{model}: no image of a rival for {board.id}", flush=True)
                        continue
                    yield measure_rival(conversion, rival, model, place)


def main() -> None:
    """Measure, print and write."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    default = os.environ.get("MICROLUT_DATA", ROOT.parent / "shared" / "data")
    names = list(networks(Path()))
    parser.add_argument("--data", type=Path, default=Path(default))
    parser.add_argument("--models", nargs="+", default=names, choices=names)
    parser.add_argument("--bits", nargs="+", type=int, default=list(BITS))
    parser.add_argument("--boards", nargs="+", default=list(BOARDS))
    parser.add_argument("--cmsis-nn", type=Path, metavar="CHECKOUT")
    parser.add_argument("--tflm", type=Path, metavar="CHECKOUT")
    parser.add_argument("--write", action="store_true")
    arguments = parser.parse_args()
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        for row in rows_of(arguments, Path(folder)):
            rows.append(row)
            cycles = f", {row.cycles:,} cycles and {row.waits:,} waits" if row.cycles else ""
            what = f"{row.model} {row.board} {row.engine} {row.bits} bits"
            print(f"{what}: {row.instructions:,} instructions{cycles}", flush=True)
    if arguments.write:
        known = merged(stored_rows(), rows, names)
        values = json.dumps([asdict(row) for row in known], indent=1)
        STORED.write_text(values + "\n", encoding="utf-8")
        PAGE.write_text(page(known, detailed_on(known)), encoding="utf-8")
    print("\n" + markdown(rows, detailed_on(rows)))


def stored_rows() -> list[Row]:
    """Return the rows of benchmarks/results/engine.json."""
    found = json.loads(STORED.read_text(encoding="utf-8"))
    return [
        Row(**{**row, "layers": tuple(Layer(**layer) for layer in row["layers"])}) for row in found
    ]


def merged(old: Sequence[Row], new: Sequence[Row], models: Sequence[str]) -> list[Row]:
    """Return all rows in order, the new ones instead of old ones of the same measurement."""
    found = {(row.model, row.bits, row.board, row.engine): row for row in (*old, *new)}
    place = {
        engine: i for i, engine in enumerate((MICROLUT, *(row.engine for row in found.values())))
    }
    return sorted(
        (row for row in found.values() if row.model in models),
        key=lambda row: (
            *(models.index(row.model), row.bits, BOARDS.index(row.board)),
            *(row.engine != MICROLUT, place[row.engine]),
        ),
    )


def detailed_on(rows: Sequence[Row]) -> set[tuple[str, str]]:
    """Return the models and cores whose layers are listed: of random networks only Cortex-M4."""
    core = Core.CORTEX_M4F.value
    return {(r.model, r.core) for r in rows if r.model not in shapes.SHAPES or r.core == core}


if __name__ == "__main__":
    main()
