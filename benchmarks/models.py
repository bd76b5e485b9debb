"""Measure accuracy, memory and instructions of the reference models, quantized in many ways.

    .venv/bin/python benchmarks/models.py [--data FOLDER] [--models resnet8_cifar10.h5 ...]
        [--ways "4 bits" "2.5 bits on average" ...] [--draws 5] [--board mps2-an386]

The last bits of floating-point sums decide between nearly equal candidates, and so affect all later
choices: another processor makes another network, equally good, that errs on other inputs. So each
way is tried several times, with calibration inputs (or an input range) that differ by one part in a
hundred thousand. Accuracies are means of these draws. All else is from the first draw, which uses
the inputs unchanged.

Accuracy is that of the integer network on the whole test set (by the integer interpreter, which
`microlut verify` shows to be bit-exact with the firmware). Flash and RAM are of the whole image,
instructions the mean of a few inferences in QEMU. Prints Markdown and, if all models and ways were
measured, writes benchmarks/results/models.json and the table of docs/measurements/models.md.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import tempfile
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np
from documents import MEASUREMENTS, ROOT, replace_table
from numpy.typing import NDArray

import microlut
from microlut.graph import evaluate as float_ops
from microlut.graph.ir import Graph
from microlut.integer import evaluate as int_ops
from microlut.ops.arrays import FloatArray
from microlut.ops.tensor import quantize_array

RESULTS = ROOT / "benchmarks" / "results"
PAGE = MEASUREMENTS / "models.md"
MODELS = (
    ("resnet8_cifar10.h5", "cifar10"),
    ("resnet8_cifar10jpeg.keras", "cifar10jpeg"),
    ("kws_dscnn_savedmodel", "kws01"),
)
# The input ranges for conversions without data: pixels, and the range of the official int8 keyword
# spotter.
INPUT_RANGES = {"cifar10": (0, 255), "cifar10jpeg": (0, 255), "kws01": (-123.4, 25.7)}
WAYS: dict[str, dict[str, Any]] = {
    "8 bits": {"bits": 8},
    "6 bits": {"bits": 6},
    "4 bits": {"bits": 4},
    "4 bits, tensor": {"bits": 4, "granularity": "tensor"},
    "4 bits, k-means": {"bits": 4, "method": "empirical"},
    "4 bits, no data": {"bits": 4, "method": "fitted"},
    "4 bits on average": {"budget": microlut.Budget(average_bits=4)},
    "3 bits": {"bits": 3},
    "3 bits on average": {"budget": microlut.Budget(average_bits=3)},
    "2.5 bits on average": {"budget": microlut.Budget(average_bits=2.5)},
    "2.25 bits on average": {"budget": microlut.Budget(average_bits=2.25)},
    "2 bits": {"bits": 2},
}
RUN_SAMPLES = 5
DRAWS = 5
DRAW_SHARE = 1e-5  # of the inputs' deviation, or of the end of their range
BATCH = 50  # inputs that the float network runs at a time


@dataclass(frozen=True, slots=True)
class Row:
    """One model quantized in one way; accuracies in percent, sizes in bytes.

    `top1` is the mean of the draws, `drops` are the points that each draw loses.
    """

    model: str
    way: str
    samples: int
    float_top1: float
    top1: float
    drop_error: float
    drops: Sequence[float]
    seconds: float
    weight_bytes: int
    parameter_bytes: int
    arena_bytes: int
    flash_bytes: int
    ram_bytes: int
    instructions: int


def measure(data: Path, names: tuple[str, str], way: str, draws: int, board: microlut.Board) -> Row:
    """Return one row of the table."""
    model, samples_name = names
    start = time.perf_counter()
    conversion = converted(data, names, way, 0)
    seconds = time.perf_counter() - start
    test = microlut.load_samples(data / f"{samples_name}_test.npz", conversion.graph.inputs)
    assert test.y is not None
    real = float_classes(conversion.graph, test.x) == test.y
    others = (converted(data, names, way, draw) for draw in range(1, draws))
    every = chain([conversion], others)  # one at a time, to save memory
    found = np.stack([integer_classes(each, test.x) == test.y for each in every])
    few = microlut.as_samples(test.x[:RUN_SAMPLES], conversion.graph.inputs)
    with tempfile.TemporaryDirectory() as folder:
        outcome = microlut.deploy(conversion, board, Path(folder) / "out", few)
    assert outcome.run is not None
    assert outcome.run.bit_exact
    assert outcome.run.instructions is not None
    lost = 100 * (real - found.astype(np.float64))
    return Row(
        model=model,
        way=way,
        samples=len(test),
        float_top1=100 * float(real.mean()),
        top1=100 * float(found.mean()),
        drop_error=float(lost.mean(axis=0).std()) / math.sqrt(len(test)),
        drops=[round(float(drop), 4) for drop in lost.mean(axis=1)],
        seconds=seconds,
        weight_bytes=conversion.report.weight_bytes,
        parameter_bytes=conversion.report.parameter_bytes,
        arena_bytes=conversion.report.arena_bytes,
        flash_bytes=outcome.image.flash_bytes,
        ram_bytes=outcome.image.ram_bytes,
        instructions=outcome.run.instructions[0],
    )


def converted(data: Path, names: tuple[str, str], way: str, draw: int) -> microlut.Conversion:
    """Return a model converted in one way; draws other than 0 change the inputs slightly."""
    model, samples_name = names
    options = dict(WAYS[way])
    if options.get("method") == "fitted":
        low, high = INPUT_RANGES[samples_name]
        options["input_range"] = low, high * (1 + DRAW_SHARE * draw)
        return microlut.convert(data / model, None, **options)
    with np.load(data / f"{samples_name}_calibration.npz") as file:
        x = file["x"].astype(np.float32)
    if draw > 0:
        noise = np.random.default_rng(draw).standard_normal(x.shape, dtype=np.float32)
        x += np.float32(DRAW_SHARE * x.std()) * noise
    return microlut.convert(data / model, x, **options)


def integer_classes(conversion: microlut.Conversion, x: FloatArray) -> NDArray[np.intp]:
    """Return the integer network's classes of inputs [n, ...]."""
    inputs = quantize_array(x, conversion.quantized.inputs[0].quantized)
    return int_ops.evaluate(conversion.quantized, inputs).argmax(axis=1)


def float_classes(graph: Graph, x: FloatArray) -> NDArray[np.intp]:
    """Return the float network's classes of inputs [n, ...]."""
    batches = [float_ops.evaluate(graph, x[i : i + BATCH]) for i in range(0, len(x), BATCH)]
    return np.concatenate(batches).argmax(axis=1)


def standard_error(percent: float, samples: int) -> float:
    """Return the standard error of an accuracy, in points."""
    share = percent / 100
    return 100 * math.sqrt(share * (1 - share) / samples)


def markdown(rows: list[Row]) -> str:
    """Return the rows as a Markdown table."""
    lines = [
        "| model | weights | top-1 (float) | drop | of draws | weights | flash | RAM | arena "
        "| instructions |",
        "|---|---|---|---|---|---|---|---|---|---|",
    ]
    for row in rows:
        error = standard_error(row.top1, row.samples)
        lines.append(
            f"| {row.model} | {row.way} | {row.top1:.2f} ± {error:.1f} ({row.float_top1:.2f}) "
            f"| {row.float_top1 - row.top1:.2f} ± {row.drop_error:.1f} "
            f"| {min(row.drops):.2f} to {max(row.drops):.2f} "
            f"| {row.weight_bytes:,} | {row.flash_bytes:,} | {row.ram_bytes:,} "
            f"| {row.arena_bytes:,} | {row.instructions:,} |"
        )
    return "\n".join(lines)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    default = os.environ.get("MICROLUT_DATA", ROOT.parent / "shared" / "data")
    names = [model for model, _ in MODELS]
    parser.add_argument("--data", type=Path, default=Path(default))
    parser.add_argument("--models", nargs="+", default=names, choices=names)
    parser.add_argument("--ways", nargs="+", default=list(WAYS), choices=list(WAYS))
    parser.add_argument("--draws", type=int, default=DRAWS)
    parser.add_argument("--board", default="mps2-an386")
    arguments = parser.parse_args()
    board = microlut.load_board(arguments.board)
    rows = []
    for model in MODELS:
        for way in arguments.ways if model[0] in arguments.models else ():
            rows.append(measure(arguments.data, model, way, arguments.draws, board))
            print(json.dumps(asdict(rows[-1])), flush=True)
    table = markdown(rows)
    if len(rows) == len(MODELS) * len(WAYS) and arguments.draws == DRAWS:
        RESULTS.mkdir(exist_ok=True)
        values = [asdict(row) for row in rows]
        (RESULTS / "models.json").write_text(json.dumps(values, indent=1) + "\n", encoding="utf-8")
        replace_table(PAGE, "models.py", table)
    print("\n" + table)


if __name__ == "__main__":
    np.seterr(all="raise", under="ignore")
    main()
