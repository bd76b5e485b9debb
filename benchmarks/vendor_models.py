"""Measure public networks whose vendor publishes accuracy and bytes, beside the vendor's figures.

    .venv/bin/python benchmarks/vendor_models.py ZOO [--data FOLDER] [--models cifar10/ ...]
        [--ways "8 bits" ...] [--board mps2-an386] [--again]

ZOO is a copy of a model zoo of ST. Its files have licences of their own and are no part of this
project. The published figures are read from the tables of its README.md files: each row that has a
total of flash and links a file that is there. Those of accuracy are from other tables of the page.

An integer .tflite is converted as it is, and the float .h5 beside it with 8 and with 4 bits per
weight: by the calibration inputs of DATA where they are of the same data set, else without
data, for which inputs are taken to be from 0 to 1. Accuracy is measured only with data.

Prints each row as it is measured, then Markdown, and writes benchmarks/results/vendor_models.json
and the table of docs/measurements/vendor-models.md. Rows in the JSON file are not measured again,
unless --again asks for it.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path

import numpy as np
import spread
from documents import MEASUREMENTS, ROOT, replace_table
from models import float_classes, integer_classes, standard_error
from reference_models import Reference

import microlut
from microlut.errors import MicrolutError
from microlut.ops.arrays import FloatArray

RESULTS = ROOT / "benchmarks" / "results" / "vendor_models.json"
PAGE = MEASUREMENTS / "vendor-models.md"
UNITS = {"kib": 1024, "kb": 1024, "mib": 1 << 20}  # the zoo writes kB for KiB
INTEGERS, EIGHT, FOUR = WAYS = "its integers", "8 bits", "4 bits"


def _of_one(x: FloatArray) -> FloatArray:
    return x / np.float32(255)


# Data at hand, by the name of the folder of the data set.
DATA = {
    "cifar10": Reference("", "cifar10", _of_one),
    "cifar100": Reference("", "cifar100", _of_one),
}


@dataclass(frozen=True, slots=True)
class Published:
    """What a vendor publishes of a file; bytes, and accuracies in percent where there are any."""

    path: str
    title: str
    weight_bytes: int
    flash_bytes: int
    ram_bytes: int
    top1: float | None = None
    float_top1: float | None = None

    @property
    def float_path(self) -> str:
        """Path of the float network that the file was made of."""
        return re.sub(r"(_int8)?\.tflite$", ".h5", self.path)

    @property
    def data_set(self) -> str:
        """Name of the folder that is the file's data set."""
        return Path(self.path).parts[-3]


@dataclass(frozen=True, slots=True)
class Row:
    """A network in one form, as published and as measured here.

    `refused` is what microlut says of it instead of the figures. Accuracies are None without data.
    """

    published: Published
    way: str
    weight_bytes: int = 0
    flash_bytes: int = 0
    ram_bytes: int = 0
    seconds: float = 0.0
    samples: int = 0
    top1: float | None = None
    float_top1: float | None = None
    refused: str | None = None


def published(zoo: Path) -> Iterator[Published]:
    """Yield what the pages of a zoo say about files that are there."""
    for page in sorted(zoo.rglob("README.md")):
        tables = list(_tables(page))
        accuracies = dict(_accuracies(page, tables))
        known: set[Path] = set()
        for row in tables:
            if (flash := _bytes(row, "total flash")) is None:
                continue
            path = _linked(page, row)
            if path is None or path in known:
                continue
            known.add(path)
            made = Published(
                path=path.relative_to(zoo.resolve()).as_posix(),
                title=path.parent.name,
                weight_bytes=_bytes(row, "weights flash") or 0,
                flash_bytes=flash,
                ram_bytes=_bytes(row, "total ram") or 0,
            )
            real = accuracies.get(zoo.resolve() / made.float_path)
            own = accuracies.get(path)
            figures = asdict(made) | {"top1": own, "float_top1": real}
            yield Published(**figures)


def _tables(page: Path) -> Iterator[dict[str, str]]:
    """Yield the rows of all tables of a page, by the lower-case names of the columns."""
    names: list[str] = []
    for line in page.read_text(encoding="utf-8").splitlines():
        if not line.startswith("|"):
            names = []
            continue
        cells = [cell.strip() for cell in line.strip().strip("|").split("|")]
        if not names:
            names = [cell.lower() for cell in cells]
        elif len(cells) == len(names) and not set(line) <= set("|:- "):
            yield dict(zip(names, cells, strict=True))


def _accuracies(page: Path, rows: Sequence[Mapping[str, str]]) -> Iterator[tuple[Path, float]]:
    for row in rows:
        name = next((name for name in row if "accuracy" in name), None)
        path = _linked(page, row)
        found = None if name is None else re.match(r"\**([\d.]+)", row[name])
        if path is not None and found is not None:
            yield path, float(found[1])


def _linked(page: Path, row: Mapping[str, str]) -> Path | None:
    """Return the file that the first cell links, if it is there."""
    found = re.match(r"\[[^\]]*\]\(([^)]*)\)", next(iter(row.values())))
    path = None if found is None else (page.parent / found[1]).resolve()
    return path if path is not None and path.is_file() else None


def _bytes(row: Mapping[str, str], column: str) -> int | None:
    """Return the bytes in a column, whose unit is in the cell or in the column's name."""
    for name, cell in row.items():
        found = re.match(r"([\d.]+)\s*(\w*)", cell)
        if name.startswith(column) and found is not None:
            unit = found[2] or (re.search(r"\((\w+)\)", name) or ["", ""])[1]
            return round(float(found[1]) * UNITS[unit.lower()])
    return None


def ways_of(model: Published, zoo: Path) -> Iterator[str]:
    """Yield the forms that a file can be measured in."""
    if model.path.endswith(".tflite"):
        yield INTEGERS
    if (zoo / model.float_path).is_file():
        yield from (EIGHT, FOUR)


def measure(case: tuple[Published, str], zoo: Path, data: Path, board: microlut.Board) -> Row:
    """Return the row of a file in one form."""
    model, way = case
    reference, start = DATA.get(model.data_set), time.perf_counter()
    try:
        conversion = _converted(zoo, data, model, way)
        image = microlut.build(conversion, board)
    except MicrolutError as error:
        return Row(model, way, refused=str(error).replace(f"{zoo}/", "").split("; ")[0])
    seconds = time.perf_counter() - start
    samples, found, real = 0, None, None
    if reference is not None:
        x, y = reference.test(data)
        x = microlut.as_samples(x, conversion.graph.inputs).x
        samples, found = len(y), 100 * float(np.mean(integer_classes(conversion, x) == y))
        if way != INTEGERS:
            real = 100 * float(np.mean(float_classes(conversion.graph, x) == y))
    return Row(
        published=model,
        way=way,
        weight_bytes=conversion.report.weight_bytes,
        flash_bytes=image.flash_bytes,
        ram_bytes=image.ram_bytes,
        seconds=seconds,
        samples=samples,
        top1=found,
        float_top1=real,
    )


def _converted(zoo: Path, data: Path, model: Published, way: str) -> microlut.Conversion:
    if way == INTEGERS:
        return microlut.convert(zoo / model.path, bits=8)  # which keeps them
    bits, path = int(way.split()[0]), zoo / model.float_path
    if model.data_set in DATA:
        return microlut.convert(path, DATA[model.data_set].calibration(data), bits=bits)
    return microlut.convert(path, bits=bits, method="fitted", input_range=(0, 1))


def markdown(rows: Sequence[Row]) -> str:
    """Return the rows as a Markdown table."""
    lines = [
        "| network | theirs: weights | flash | RAM | top-1 (float) | ours | weights | flash | RAM "
        "| top-1 (float) |",
        "|---|---|---|---|---|---|---|---|---|---|",
    ]
    last = None
    for row in rows:
        theirs = row.published
        kind = "" if theirs.path.endswith(".tflite") else ", float"
        name = f"{theirs.title}, {theirs.data_set}{kind}"
        figures = f"{theirs.weight_bytes:,} | {theirs.flash_bytes:,} | {theirs.ram_bytes:,}"
        first = f"| {name} | {figures} | {_accuracy(theirs.top1, theirs.float_top1)} "
        first = "| | | | | " if theirs == last else first
        ours = f"| {row.way} | {row.weight_bytes:,} | {row.flash_bytes:,} | {row.ram_bytes:,} "
        if row.refused is not None:
            ours = f"| {row.way} | refused: {row.refused} | | "
        error = "" if row.top1 is None else f" ± {standard_error(row.top1, row.samples):.1f}"
        lines.append(f"{first}{ours}| {_accuracy(row.top1, row.float_top1, error)} |")
        last = theirs
    return "\n".join(lines)


def _accuracy(own: float | None, real: float | None, error: str = "") -> str:
    """Print an accuracy with that of the float network; that of a float file is in brackets."""
    text = "" if own is None else f"{own:.1f}{error}"
    return text if real is None or (real == own and not error) else f"{text} ({real:.1f})"


def read() -> list[Row]:
    """Return the rows that are measured."""
    if not RESULTS.exists():
        return []
    rows = json.loads(RESULTS.read_text(encoding="utf-8"))
    return [Row(**row | {"published": Published(**row["published"])}) for row in rows]


def write(rows: Sequence[Row]) -> list[Row]:
    """Write the rows, those of one file together, to the JSON file and to the page."""
    ordered = sorted(rows, key=lambda row: (row.published.path, WAYS.index(row.way)))
    text = json.dumps([asdict(row) for row in ordered], indent=1)
    RESULTS.write_text(text + "\n", encoding="utf-8")
    replace_table(PAGE, "vendor_models.py", markdown(ordered))
    return ordered


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    default = os.environ.get("MICROLUT_DATA", ROOT.parent / "shared" / "data")
    parser.add_argument("zoo", type=Path)
    parser.add_argument("--data", type=Path, default=Path(default))
    parser.add_argument("--models", nargs="+", default=[""], help="parts of the files' paths")
    parser.add_argument("--ways", nargs="+", default=WAYS, choices=WAYS)
    parser.add_argument("--board", default="mps2-an386")
    parser.add_argument("--again", action="store_true", help="measure known rows again")
    spread.add_options(parser)
    arguments = parser.parse_args()
    zoo, board = arguments.zoo.resolve(), microlut.load_board(arguments.board)
    known = {(row.published.path, row.way): row for row in read()}
    asked = [
        (model, way)
        for model in published(zoo)
        for way in ways_of(model, zoo)
        if way in arguments.ways
        and any(part in model.path for part in arguments.models)
        and (arguments.again or (model.path, way) not in known)
    ]
    one = partial(measure, zoo=zoo, data=arguments.data.resolve(), board=board)
    for row in spread.each(one, asked, arguments):
        known[row.published.path, row.way] = row
        print(json.dumps(asdict(row)), flush=True)
        write(list(known.values()))
    print("\n" + markdown(write(list(known.values()))))


if __name__ == "__main__":
    np.seterr(all="raise", under="ignore")
    main()
