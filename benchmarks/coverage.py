"""Measure how many Keras networks convert: those of tutorials, and those of keras.applications.

    .venv/bin/python benchmarks/coverage.py [--only NAME ...] [--keras keras] [--import-only]

Every network of tests/keras_tutorials.py and applications.py is built with Keras 3 and with Keras
2, saved in each of their formats, read again and compared with Keras. The first file that is read
is converted at 8 bits with random calibration inputs, and judged on others: the least
signal-to-noise ratio of its outputs, and whether tflite-micro gives the integer interpreter's
bytes. Adds the rows to benchmarks/results/coverage.json and writes the tables of
docs/measurements/coverage.md. Takes about an hour on an idle core; the options do a part, and the
tables say which.
"""

from __future__ import annotations

import argparse
import importlib
import json
import os
import sys
import tempfile
import textwrap
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import applications
import numpy as np
import spread
from documents import MEASUREMENTS, ROOT, replace_table

import microlut
from microlut.errors import MicrolutError, RunFailed
from microlut.graph.batch import Batch
from microlut.graph.evaluate import outputs as float_outputs
from microlut.graph.ir import Graph
from microlut.importers import import_model
from microlut.integer import to_bytes
from microlut.integer.evaluate import outputs as integer_outputs
from microlut.integer.values import quantized_inputs, real_values
from microlut.verification.runtimes import run_tflite_micro

sys.path.insert(0, str(ROOT / "tests"))
from keras_tutorials import MODELS  # type: ignore[import-not-found]

PAGE = MEASUREMENTS / "coverage.md"
RESULTS = ROOT / "benchmarks" / "results" / "coverage.json"
FORMATS = {"keras": (".keras", ".h5"), "tf_keras": (".keras", ".h5", "")}
NAMES = {
    "keras": "Keras 3",
    "tf_keras": "Keras 2",
    ".keras": ".keras",
    ".h5": ".h5",
    "": "SavedModel",
}
GROUPS = {"tutorials": tuple(MODELS), "keras.applications": applications.NAMES}
PIXELS = (  # tutorials whose first layer scales pixels; the others read normal inputs
    *("mnist_rescaled", "flowers", "rescaled_to_minus_one", "normalized_per_channel"),
    *("xception_small", "transfer_learning"),
)
ENOUGH = 20.0  # dB
NEAR = 1e-5  # of the largest output
FEWEST_BYTES = 3  # different ones; outputs with fewer say nothing
CALIBRATION = {"tutorials": 256, "keras.applications": 64}  # inputs
JUDGES, COMPARED = 32, 4  # inputs
_SAID = 160  # characters of a message in the table

Inputs = Callable[[Graph, int, int], Batch]


@dataclass(frozen=True)
class Row:
    """What became of one network.

    Attributes:
        name: Of the network.
        read: Files that are read, of `files`.
        files: What Keras can save.
        error: Largest difference of an output from Keras's, over the largest of the output.
        snr: In dB, of the output that differs most; None if it is not converted.
        equal: Whether tflite-micro gives the same bytes.
        obstacle: Why a file is not read or converted.
        warning: Of the conversion.
        only: The Keras whose files were read, if not those of both.
    """

    name: str
    read: int
    files: int
    error: float = 0.0
    snr: float | None = None
    equal: bool | None = None
    obstacle: str = ""
    warning: str = ""
    only: str = ""

    @property
    def is_read(self) -> bool:
        """Whether every file is read, and computes what Keras computes."""
        return self.read == self.files > 0 and self.error < NEAR

    @property
    def is_near(self) -> bool:
        """Whether the integer network is right, and near the float one or says why not."""
        near = (self.snr or 0.0) > ENOUGH or bool(self.warning)
        return bool(self.equal) and near and not self.obstacle

    @property
    def text(self) -> str:
        """A line of the table."""
        snr = "" if self.snr is None else f"{self.snr:.1f}"
        equal = {None: "", True: "yes", False: "**no**"}[self.equal]
        said = textwrap.shorten(self.obstacle or self.warning, _SAID, placeholder=" ...")
        said = said.replace("|", "\\|")
        read = f"{self.read} of {self.files}" + (f" ({self.only})" if self.only else "")
        cells = (self.name, read, f"{self.error:.0e}", snr, equal, said)
        return f"| {' | '.join(cells)} |"


def saved(
    name: str, build: Callable[[Any], Any], kerases: Sequence[str], folder: Path
) -> Iterator[tuple[str, Path, Any]]:
    """Yield what each Keras can save in each format, with the model that it saved."""
    for keras_name in kerases:
        keras = importlib.import_module(keras_name)
        keras.utils.set_random_seed(1)
        keras.backend.clear_session()
        try:
            model = build(keras)
        except (AttributeError, TypeError):  # a layer that this Keras lacks
            continue
        for ending in FORMATS[keras_name]:
            path = folder / f"{name}_{keras_name}_{ending.lstrip('.') or 'tf'}{ending}"
            try:
                model.save(path, **({} if ending else {"save_format": "tf"}))
            except (NotImplementedError, TypeError, ValueError):  # what Keras itself cannot save
                continue
            yield f"{NAMES[keras_name]} {NAMES[ending]}", path, model


def random_inputs(graph: Graph, count: int, seed: int) -> Batch:
    """Return normal inputs [count, ...] by name."""
    rng = np.random.default_rng(seed)
    return Batch(
        {t.name: rng.normal(0.0, 1.0, (count, *t.shape)).astype(np.float32) for t in graph.inputs}
    )


def pixel_inputs(graph: Graph, count: int, seed: int) -> Batch:
    """Return uniformly distributed pixels [count, ...] of 0 to 255 by name."""
    rng = np.random.default_rng(seed)
    return Batch(
        {t.name: rng.integers(0, 256, (count, *t.shape)).astype(np.float32) for t in graph.inputs}
    )


def picture_inputs(name: str) -> Inputs:
    """Return a function that makes inputs of a network of keras.applications."""

    def inputs(graph: Graph, count: int, seed: int) -> Batch:
        return Batch({t.name: applications.pictures(name, count, seed) for t in graph.inputs})

    return inputs


def difference(graph: Graph, model: Any, x: Batch) -> float:  # noqa: ANN401
    """Return how far the graph's outputs are from those of the Keras model it was read from."""
    given = list(x.arrays.values())
    made = model(given if len(given) > 1 else given[0], training=False)
    if isinstance(made, Mapping):
        real = [np.asarray(y) for _, y in sorted(made.items())]
        found = [y for _, y in sorted(float_outputs(graph, x).arrays.items())]
    else:
        real = [np.asarray(y) for y in (made if isinstance(made, list | tuple) else [made])]
        found = list(float_outputs(graph, x).arrays.values())
    pairs = zip(real, found, strict=True)
    return max(float(np.abs(r - f).max() / max(np.abs(r).max(), 1e-30)) for r, f in pairs)


def judged(row: Row, path: Path, inputs: Inputs, calibration: int) -> Row:
    """Return a row with what became of a conversion at 8 bits."""
    graph = import_model(path)
    try:
        made = microlut.convert(path, inputs(graph, calibration, 1).arrays, bits=8)
    except MicrolutError as error:
        return replace(row, obstacle=str(error).removeprefix(f"{path}: "))
    x = inputs(graph, JUDGES, 2)
    integers = quantized_inputs(made.quantized, x)
    found = integer_outputs(made.quantized, integers)
    real = real_values(made.quantized.output_tensors(), found)
    ratios = []
    for name, y in float_outputs(made.graph, x).arrays.items():
        noise = real.arrays[name] - y
        ratios.append(float(10 * np.log10((y**2).mean() / max((noise**2).mean(), 1e-30))))
    row = replace(row, snr=min(ratios), warning=" ".join(made.report.warnings))
    if min(len(np.unique(y)) for y in found.arrays.values()) < FEWEST_BYTES:
        row = replace(row, obstacle="its outputs have too few different bytes to tell anything")
    if made.tflite is None:
        return replace(row, obstacle=f"TensorFlow Lite has no {made.report.tflite_lacks}")
    try:
        same = run_tflite_micro(made.tflite, integers)
    except RunFailed as error:
        return replace(row, obstacle=str(error))
    return replace(row, equal=np.array_equal(same, to_bytes(found)))


def measured(name: str, kerases: Sequence[str], *, convert: bool) -> Row:
    """Return the row of a network."""
    with tempfile.TemporaryDirectory() as folder:
        return _measured(name, kerases, Path(folder), convert=convert)


def _measured(name: str, kerases: Sequence[str], folder: Path, *, convert: bool) -> Row:
    group = next(group for group, names in GROUPS.items() if name in names)
    if group == "tutorials":
        build, inputs = MODELS[name], pixel_inputs if name in PIXELS else random_inputs
    else:
        build, inputs = applications.builder(name), picture_inputs(name)
    row = Row(name, 0, 0, only=NAMES[kerases[0]] if len(kerases) < len(FORMATS) else "")
    sound = None
    for form, path, model in saved(name, build, kerases, folder):
        row = replace(row, files=row.files + 1)
        try:
            graph = import_model(path)
        except MicrolutError as error:
            row = replace(row, obstacle=f"{form}: {str(error).removeprefix(f'{path}: ')}")
            continue
        error = difference(graph, model, inputs(graph, COMPARED, 3))
        row = replace(row, read=row.read + 1, error=max(row.error, error))
        sound = sound or path
    if sound is None or not convert:
        return row
    return judged(row, sound, inputs, CALIBRATION[group])


def markdown(rows: list[Row]) -> str:
    """Return the tables, with a line for every network."""
    known = {row.name: row for row in rows}
    parts = []
    for group, names in GROUPS.items():
        run = [known[name] for name in names if name in known]
        tried = [row for row in run if row.equal is not None or row.obstacle]
        parts += [
            f"## {group}",
            "",
            f"{sum(row.is_read for row in run)} of {len(names)} are read from every file, "
            f"{sum(row.is_read and bool(row.only) for row in run)} of them from those of one Keras "
            "alone since no others were tried. Of "
            f"{len(tried)} whose conversion was tried, {sum(row.is_near for row in tried)} equal "
            "tflite-micro and are near the float network or say why not.",
            "",
            "| network | files read | error | SNR, dB | = tflite-micro | said |",
            "|---|---|---|---|---|---|",
        ]
        parts += [known[n].text if n in known else f"| {n} | not run | | | | |" for n in names]
        parts.append("")
    return "\n".join(parts)


def recorded() -> list[Row]:
    """Return the rows that were measured before."""
    if not RESULTS.is_file():
        return []
    return [Row(**row) for row in json.loads(RESULTS.read_text(encoding="utf-8"))]


def main() -> None:
    """Measure, print, and write the results and both tables."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--only", nargs="+", default=[], metavar="NAME")
    parser.add_argument("--keras", nargs="+", default=list(FORMATS), choices=list(FORMATS))
    parser.add_argument("--import-only", action="store_true", help="convert nothing")
    spread.add_options(parser)
    arguments = parser.parse_args()
    everything = [name for names in GROUPS.values() for name in names]
    measure = partial(measured, kerases=arguments.keras, convert=not arguments.import_only)
    for row in spread.each(measure, arguments.only or everything, arguments):
        print(row.text, flush=True)
        rows = [other for other in recorded() if other.name != row.name] + [row]
        rows.sort(key=lambda row: everything.index(row.name))
        values = json.dumps([asdict(row) for row in rows], indent=1)
        RESULTS.write_text(values + "\n", encoding="utf-8")
        replace_table(PAGE, "coverage.py", markdown(rows))


if __name__ == "__main__":
    main()
