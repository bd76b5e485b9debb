"""Measure official int8 .tflite files with weights of fewer bits, as means of draws.

    .venv/bin/python benchmarks/official_files.py [--data FOLDER] [--draws 8] [--bits 4]

The files are those of MLPerf Tiny. At 8 bits all output bytes are those of the file; points
lost and agreement count from there. A draw leaves out another tenth of the calibration inputs.
Without data there is one result.

Prints each row, then writes the table of docs/measurements/models.md.
"""

from __future__ import annotations

import argparse
import math
import os
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from itertools import chain, product
from pathlib import Path

import numpy as np
import spread
from documents import MEASUREMENTS, ROOT, replace_table
from models import integer_classes
from numpy.typing import NDArray
from reference_models import Reference

import microlut
from microlut.ops.arrays import FloatArray

PAGE = MEASUREMENTS / "models.md"
KEYWORDS = Reference("kws_dscnn_int8.tflite", "kws01")
IMAGES = Reference("resnet8_cifar10_int8.tflite", "cifar10")
JPEG_IMAGES = Reference("resnet8_cifar10_int8.tflite", "cifar10jpeg")
# What is measured, by what calibrates it: the JPEG images only test.
SETS = ((KEYWORDS, KEYWORDS), (IMAGES, IMAGES), (JPEG_IMAGES, IMAGES))
DRAWS = 8
_LEFT_OUT = 10  # one of so many calibration inputs


@dataclass(frozen=True, slots=True)
class Row:
    """A file with `bits` per weight on a test set; accuracies and agreements in percent, per draw.

    Attributes:
        test: The reference with its test set, and `samples` their number.
        calibrated: Whether calibration inputs were given.
        file_top1: Accuracy of the file itself.
    """

    test: Reference
    bits: int
    calibrated: bool
    samples: int
    file_top1: float
    top1: tuple[float, ...]
    agreement: tuple[float, ...]


def measure(case: tuple[tuple[Reference, Reference], int], data: Path, draws: int) -> list[Row]:
    """Return the rows without data and with calibration."""
    (test, calibration), bits = case
    x, y = test.test(data)
    given = calibration.calibration(data)
    own = classes(data / test.model, x, None, 8)
    rows = []
    for calibrated in (False, True):
        subsets = subsets_of(given, draws) if calibrated else iter([None])
        found = [classes(data / test.model, x, inputs, bits) for inputs in subsets]
        row = Row(
            test=test,
            bits=bits,
            calibrated=calibrated,
            samples=len(y),
            file_top1=percent(own == y),
            top1=tuple(percent(each == y) for each in found),
            agreement=tuple(percent(each == own) for each in found),
        )
        rows.append(row)
    return rows


def subsets_of(inputs: FloatArray, draws: int) -> Iterator[FloatArray]:
    """Yield the inputs [n, ...], and then without another random tenth of them each."""
    yield inputs
    for draw in range(1, draws):
        order = np.random.default_rng(draw).permutation(len(inputs))
        yield inputs[np.sort(order[len(inputs) // _LEFT_OUT :])]


def classes(
    model: Path, x: FloatArray, calibration: FloatArray | None, bits: int
) -> NDArray[np.intp]:
    """Return the classes [n] that a file has for inputs, with weights of `bits` bits."""
    conversion = microlut.convert(model, calibration, bits=bits)
    test = microlut.as_samples(x, conversion.graph.inputs)
    return integer_classes(conversion, test.x)


def percent(hits: NDArray[np.bool_]) -> float:
    """Return the share of hits."""
    return 100 * float(np.mean(hits))


def markdown_row(row: Row) -> str:
    """Return a row of the table."""
    lost = row.file_top1 - np.array(row.top1)
    error = "" if len(lost) == 1 else f" ± {lost.std(ddof=1) / math.sqrt(len(lost)):.2f}"
    way = "calibration" if row.calibrated else "no data"
    return (
        f"| {row.test.model} | {row.test.samples}, {row.samples:,} | {row.bits}, {way} "
        f"| {len(lost)} | {row.file_top1:.2f} | {np.mean(row.top1):.2f} | {lost.mean():.2f}{error} "
        f"| {lost.min():.2f} to {lost.max():.2f} | {np.mean(row.agreement):.1f} |"
    )


def markdown(rows: list[Row]) -> str:
    """Return the rows as a Markdown table."""
    head = (
        "| file | test inputs | bits | draws | file's top-1 | top-1 | points lost | of draws "
        "| agreement |\n|---|---|---|---|---|---|---|---|---|\n"
    )
    return head + "\n".join(map(markdown_row, rows))


def main() -> None:
    """Measure and write the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    default = os.environ.get("MICROLUT_DATA", ROOT.parent / "shared" / "data")
    parser.add_argument("--data", type=Path, default=Path(default))
    parser.add_argument("--draws", type=int, default=DRAWS)
    parser.add_argument("--bits", type=int, nargs="+", default=[4])
    spread.add_options(parser)
    arguments = parser.parse_args()
    cases = list(product(SETS, arguments.bits))
    one = partial(measure, data=arguments.data.resolve(), draws=arguments.draws)
    rows = []
    for row in chain.from_iterable(spread.each(one, cases, arguments)):
        print(markdown_row(row), flush=True)
        rows.append(row)
    replace_table(PAGE, "official_files.py", markdown(rows))


if __name__ == "__main__":
    np.seterr(all="raise", under="ignore")
    main()
