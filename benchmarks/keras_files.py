"""Read a folder of Keras files, compare each with Keras, and convert it at 8 bits.

    .venv/bin/python benchmarks/keras_files.py FOLDER [--write] [--only TEXT ...] [--seconds 120]
        [--jobs N] [--cluster tcp://HOST:PORT]

Every .h5, .hdf5 and .keras file is judged as benchmarks/coverage.py judges networks, in a process
of its own, which may have so many seconds of a processor. Inputs are random: pixels for pictures of
one or three channels, normal ones otherwise. The files are others' and not part of the project:
whoever runs this gives a folder of them. --write saves a row per file to
results/keras_files.json and writes the table of docs/measurements/coverage.md.
"""

from __future__ import annotations

import argparse
import contextlib
import importlib
import json
import sys
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, replace
from functools import partial
from pathlib import Path
from typing import Any

import coverage
import spread
from coverage import NEAR, PAGE, Row
from documents import ROOT, replace_table
from limited_process import Ended, within

from microlut.errors import MicrolutError
from microlut.graph.batch import Batch
from microlut.graph.ir import Graph
from microlut.importers import import_model

RESULTS = ROOT / "benchmarks" / "results" / "keras_files.json"
KERASES = ("tf_keras", "keras")
ENDINGS = (".h5", ".hdf5", ".keras")
_CALIBRATION = 64
_FAR = 15.0  # dB
_STOPPED = "stopped: took too long"


def inputs(graph: Graph, count: int, seed: int) -> Batch:
    """Return random inputs [count, ...] by name."""
    pictures = any(len(t.shape) == 3 and t.shape[-1] in (1, 3) for t in graph.inputs)
    make = coverage.pixel_inputs if pictures else coverage.random_inputs
    return make(graph, count, seed)


def judge(path: Path, name: str) -> Row:
    """Return what became of a file."""
    try:
        graph = import_model(path)
    except MicrolutError as error:
        return Row(name, 0, 1, obstacle=str(error).removeprefix(f"{path}: "))
    row = Row(name, 1, 1)
    model = _loaded(path)
    if model is None:
        row = replace(row, only="no Keras here loads it")
    else:
        error = coverage.difference(graph, model, inputs(graph, coverage.COMPARED, 3))
        row = replace(row, error=error)
    return coverage.judged(row, path, inputs, _CALIBRATION)


def _loaded(path: Path) -> Any:  # noqa: ANN401
    """Return the model that a Keras reads; None if neither does."""
    for name in KERASES:
        try:
            return importlib.import_module(name).models.load_model(str(path), compile=False)
        except Exception:  # noqa: BLE001 - whatever another's file makes it raise
            continue
    return None


def in_process(file: tuple[str, Path], seconds: int) -> Row:
    """Return what becomes of a file, by its name, in a process that may compute for so long."""
    name, path = file
    for keras in KERASES:  # once, for all processes
        with contextlib.suppress(ImportError):
            importlib.import_module(keras)
    try:
        return within(lambda: judge(path, name), seconds, silent=(1, 2))
    except Ended:
        return Row(name, 0, 1, obstacle=_STOPPED)


def kind_of(row: Row) -> str:
    """Return the line of the table that counts a row."""
    if not row.read:
        return f"refused: {_reason(row.obstacle)}"
    if row.error >= NEAR:
        return "read, but other than Keras computes"
    if row.snr is None or row.obstacle:
        made = "not converted:" if row.snr is None else "converted, but"
        return f"{made} {row.obstacle}"
    if row.snr < _FAR and not row.warning:
        return "converted, far from the float network without a warning"
    return "converted, near the float network or warned"


def _reason(obstacle: str) -> str:
    """Return an obstacle without the names of layers."""
    _, found, rest = obstacle.partition("): ")
    return (rest if found else obstacle).partition(";")[0]


def text(rows: Sequence[Row]) -> str:
    """Return the table of the page."""
    counts = Counter(kind_of(row) for row in rows)
    compared = sum(bool(row.read) and not row.only for row in rows)
    equal = sum(bool(row.equal) for row in rows)
    lines = [
        f"Of {len(rows)} files {sum(row.read for row in rows)} are read. {compared} of these are "
        f"loaded by a Keras here and compared with it; {equal} conversions equal tflite-micro.",
        "",
        "| what becomes of a file | files |",
        "|---|---|",
    ]
    lines += [f"| {kind} | {count} |" for kind, count in sorted(counts.items())]
    return "\n".join(lines)


def main(arguments: Sequence[str] | None = None) -> int:
    """Judge the files of a folder."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("folder", type=Path)
    parser.add_argument("--only", nargs="*", default=[], help="parts of names")
    parser.add_argument("--seconds", type=int, default=120, help="of a processor per file")
    parser.add_argument("--write", action="store_true")
    spread.add_options(parser)
    options = parser.parse_args(arguments)
    paths = (p for p in options.folder.rglob("*") if p.suffix in ENDINGS)
    files = spread.named(paths, options).items()
    rows = []
    for row in spread.each(partial(in_process, seconds=options.seconds), files, options):
        rows.append(row)
        print(f"{row.name}: {kind_of(row)}", flush=True)
        if options.write:
            values = json.dumps([asdict(row) for row in rows], indent=1)
            RESULTS.write_text(values + "\n", encoding="utf-8")
            replace_table(PAGE, "keras_files.py", text(rows))
    return 0


if __name__ == "__main__":
    sys.exit(main())
