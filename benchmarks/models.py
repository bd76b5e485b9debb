"""Measure accuracy, memory and instructions of the reference models, quantized in many ways.

    .venv/bin/python benchmarks/models.py [--data FOLDER] [--models resnet8_cifar10.h5 ...]
        [--ways "4 bits" "2.5 bits on average" ...] [--draws 3] [--board mps2-an386] [--again]

The last bits of floating-point sums decide between nearly equal candidates, and so affect all later
choices: another processor makes another network, equally good, that errs on other inputs. So each
way is tried several times, with calibration inputs (or an input range) that differ by one part in a
hundred thousand. Accuracies, agreements and divergences are means of these draws. All else is from
the first draw, which uses the inputs unchanged.

Accuracy is that of the integer network on the whole test set (by the integer interpreter, which
`microlut verify` shows to be bit-exact with the firmware). Agreement and divergence are with the
float network. Flash and RAM are of the whole image, instructions the mean of a few inferences in
QEMU.

Prints every row as it is measured, then Markdown, and writes benchmarks/results/models.json and the
table of docs/measurements/models.md after each row. Rows that are in the JSON file are not measured
again, but with --again those asked for are.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np
import spread
from documents import MEASUREMENTS, ROOT, replace_table
from numpy.typing import NDArray
from reference_models import CIFAR10, KEYWORDS, LARGE, REFERENCES, Reference

import microlut
from microlut.graph import evaluate as float_ops
from microlut.graph.ir import Graph
from microlut.integer import evaluate as int_ops
from microlut.ops.arrays import FloatArray
from microlut.ops.tensor import quantize_array
from microlut.quantize.quality import integer_quality

RESULTS = ROOT / "benchmarks" / "results"
PAGE = MEASUREMENTS / "models.md"
MODELS = tuple((one.model, one.samples) for one in (*CIFAR10, KEYWORDS))
# The input ranges for conversions without data: pixels, and the range of the official int8 keyword
# spotter.
INPUT_RANGES = {"cifar10": (0, 255), "cifar10jpeg": (0, 255), "kws01": (-123.4, 25.7)}
# Weights at 1.6 bits, entropy-coded, with the output stages and the decoder's code.
RATED = {"cifar10": 17_556, "cifar10jpeg": 17_556, "kws01": 7_455}
EVERYWHERE: dict[str, dict[str, Any]] = {
    "8 bits": {"bits": 8},
    "4 bits": {"bits": 4},
    "4 bits on average": {"budget": microlut.Budget(average_bits=4)},
    "3 bits": {"bits": 3},
    "3 bits on average": {"budget": microlut.Budget(average_bits=3)},
    "2.5 bits on average": {"budget": microlut.Budget(average_bits=2.5)},
    "2 bits": {"bits": 2},
}
SMALL: dict[str, dict[str, Any]] = {
    "6 bits": {"bits": 6},
    "4 bits, tensor": {"bits": 4, "granularity": "tensor"},
    "4 bits, k-means": {"bits": 4, "method": "empirical"},
    "4 bits, no data": {"bits": 4, "method": "fitted"},
    "4 bits, published": {"bits": 4, "method": "published"},
    "2 bits, published": {"bits": 2, "method": "published"},
    "4 bits, 50 % zeros": {"bits": 4, "sparsity": 0.5},
    "4 bits, 70 % zeros": {"bits": 4, "sparsity": 0.7},
    "2.25 bits on average": {"budget": microlut.Budget(average_bits=2.25)},
    "1.6 bits, entropy-coded": {},  # a budget of bytes, which depends on the model
}
WAYS = EVERYWHERE | SMALL
ORDER = (
    "8 bits",
    "6 bits",
    "4 bits",
    "4 bits, tensor",
    "4 bits, k-means",
    "4 bits, no data",
    "4 bits, published",
    "4 bits, 50 % zeros",
    "4 bits, 70 % zeros",
    "4 bits on average",
    "3 bits",
    "3 bits on average",
    "2.5 bits on average",
    "2.25 bits on average",
    "2 bits",
    "2 bits, published",
    "1.6 bits, entropy-coded",
)
RUN_SAMPLES = 5
DRAWS = 3
DRAW_SHARE = 1e-5  # of the inputs' deviation, or of the end of their range
BATCH = 50  # inputs that the float network runs at a time


@dataclass(frozen=True, slots=True)
class Row:
    """One model quantized in one way; accuracies in percent, sizes in bytes.

    `top1`, `agreement` and `divergence` are means of the draws, `drops` are the points that each
    draw loses. The divergence from the float network is in nats. Rows of older
    versions have neither agreement nor divergence.
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
    agreement: float | None = None
    divergence: float | None = None


def measure(case: tuple[Reference, str], data: Path, draws: int, board: microlut.Board) -> Row:
    """Return the row of a reference model converted in one way."""
    reference, way = case
    start = time.perf_counter()
    conversion = converted(data, reference, way, 0)
    seconds = time.perf_counter() - start
    x, y = reference.test(data)
    test = microlut.as_samples(x, conversion.graph.inputs)
    real = float_classes(conversion.graph, test.x) == y
    others = (converted(data, reference, way, draw) for draw in range(1, draws))
    found, qualities = [], []
    for each in chain([conversion], others):  # one at a time, to save memory
        found.append(integer_classes(each, test.x) == y)
        qualities.append(integer_quality(each.graph, each.quantized, test.inputs))
    few = microlut.as_samples(test.x[:RUN_SAMPLES], conversion.graph.inputs)
    with tempfile.TemporaryDirectory() as folder:
        outcome = microlut.deploy(conversion, board, Path(folder) / "out", few)
    assert outcome.run is not None
    assert outcome.run.bit_exact
    assert outcome.run.instructions is not None
    lost = 100 * (real - np.stack(found).astype(np.float64))
    return Row(
        model=reference.model,
        way=way,
        samples=len(test),
        float_top1=100 * float(real.mean()),
        top1=100 * float(np.mean(found)),
        drop_error=float(lost.mean(axis=0).std()) / math.sqrt(len(test)),
        drops=[round(float(drop), 4) for drop in lost.mean(axis=1)],
        agreement=float(np.mean([one.agreement for one in qualities])),
        divergence=float(np.mean([one.divergence for one in qualities])),
        seconds=seconds,
        weight_bytes=conversion.report.weight_bytes,
        parameter_bytes=conversion.report.parameter_bytes,
        arena_bytes=conversion.report.arena_bytes,
        flash_bytes=outcome.image.flash_bytes,
        ram_bytes=outcome.image.ram_bytes,
        instructions=outcome.run.instructions[0],
    )


def converted(data: Path, reference: Reference, way: str, draw: int) -> microlut.Conversion:
    """Return a model converted in one way; draws other than 0 change the inputs slightly."""
    options = dict(WAYS[way])
    if not options:
        options["budget"] = microlut.Budget(flash_bytes=RATED[reference.samples])
    if options.get("method") == "fitted":
        low, high = INPUT_RANGES[reference.samples]
        options["input_range"] = low, high * (1 + DRAW_SHARE * draw)
        return microlut.convert(data / reference.model, None, **options)
    x = reference.calibration(data)
    if draw > 0:
        noise = np.random.default_rng(draw).standard_normal(x.shape, dtype=np.float32)
        x += np.float32(DRAW_SHARE * x.std()) * noise
    return microlut.convert(data / reference.model, x, **options)


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


def markdown(rows: Sequence[Row]) -> str:
    """Return the rows as a Markdown table."""
    lines = [
        "| model | weights | top-1 (float) | drop | draws | of draws | agreement | KL | weights "
        "| flash | RAM | arena | instructions |",
        "|---|---|---|---|---|---|---|---|---|---|---|---|---|",
    ]
    for row in rows:
        error = standard_error(row.top1, row.samples)
        lines.append(
            f"| {row.model} | {row.way} | {row.top1:.2f} ± {error:.1f} ({row.float_top1:.2f}) "
            f"| {row.float_top1 - row.top1:.2f} ± {row.drop_error:.1f} "
            f"| {len(row.drops)} | {min(row.drops):.2f} to {max(row.drops):.2f} "
            f"| {_number(row.agreement, 1)} | {_number(row.divergence, 4)} "
            f"| {row.weight_bytes:,} | {row.flash_bytes:,} | {row.ram_bytes:,} "
            f"| {row.arena_bytes:,} | {row.instructions:,} |"
        )
    return "\n".join(lines)


def _number(value: float | None, digits: int) -> str:
    return "" if value is None else f"{value:.{digits}f}"


def places() -> Iterator[tuple[Reference, str]]:
    """Yield the models and ways of the table, in its order."""
    for reference in REFERENCES:
        for way in ORDER:
            if reference not in LARGE or way in EVERYWHERE:
                yield reference, way


def read() -> dict[tuple[str, str], Row]:
    """Return the rows that are measured, by model and way."""
    path = RESULTS / "models.json"
    rows = json.loads(path.read_text(encoding="utf-8")) if path.exists() else []
    return {(row["model"], row["way"]): Row(**row) for row in rows}


def write(known: dict[tuple[str, str], Row]) -> list[Row]:
    """Write all rows to the JSON file and to the page; return them in the table's order."""
    keys = [(reference.model, way) for reference, way in places()]
    rows = [known[key] for key in keys if key in known]
    values = json.dumps([asdict(row) for row in rows], indent=1)
    (RESULTS / "models.json").write_text(values + "\n", encoding="utf-8")
    replace_table(PAGE, "models.py", markdown(rows))
    return rows


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    default = os.environ.get("MICROLUT_DATA", ROOT.parent / "shared" / "data")
    names = [reference.model for reference in REFERENCES]
    parser.add_argument("--data", type=Path, default=Path(default))
    parser.add_argument("--models", nargs="+", default=names, choices=names)
    parser.add_argument("--ways", nargs="+", default=list(ORDER), choices=ORDER)
    parser.add_argument("--draws", type=int, default=DRAWS)
    parser.add_argument("--board", default="mps2-an386")
    parser.add_argument("--again", action="store_true", help="measure known rows again")
    spread.add_options(parser)
    arguments = parser.parse_args()
    board = microlut.load_board(arguments.board)
    known = read()
    asked = [
        (reference, way)
        for reference, way in places()
        if reference.model in arguments.models
        and way in arguments.ways
        and (arguments.again or (reference.model, way) not in known)
    ]
    data = arguments.data.resolve()
    one = partial(measure, data=data, draws=arguments.draws, board=board)
    for row in spread.each(one, asked, arguments):
        known[row.model, row.way] = row
        print(json.dumps(asdict(row)), flush=True)
        write(known)
    print("\n" + markdown(write(known)))


if __name__ == "__main__":
    np.seterr(all="raise", under="ignore")
    main()
