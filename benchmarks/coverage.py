"""Measure how many Keras networks convert: those of tutorials, and those of keras.applications.

    .venv/bin/python benchmarks/coverage.py [--only NAME ...]

Every network of tests/keras_tutorials.py is built with Keras 3 and with Keras 2, saved in each of
their formats and read again. The first one that is read is converted at 8 bits with random
calibration inputs, and judged on others: the least signal-to-noise ratio of its outputs, and
whether tflite-micro gives the integer interpreter's bytes. Networks of keras.applications have
inputs of 96 x 96 pixels where they allow it, and random weights. Replaces the tables in
docs/measurements/coverage.md. Takes about an hour on two cores, most of it for the applications.
"""

from __future__ import annotations

import argparse
import importlib
import os
import sys
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import numpy as np
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
FORMATS = {"keras": (".keras", ".h5"), "tf_keras": (".keras", ".h5", "")}
NAMES = {
    "keras": "Keras 3",
    "tf_keras": "Keras 2",
    ".keras": ".keras",
    ".h5": ".h5",
    "": "SavedModel",
}
APPLICATIONS = (
    *("MobileNet", "MobileNetV2", "MobileNetV3Small", "MobileNetV3SmallMinimalistic"),
    *("EfficientNetB0", "EfficientNetV2B0", "ResNet50", "ResNet50V2", "DenseNet121"),
    *("InceptionV3", "NASNetMobile", "Xception", "VGG16"),
)
CONVERTED = ("MobileNet", "EfficientNetB0", "DenseNet121")  # and all whose names begin so
ENOUGH = 20.0  # dB


Build = Callable[[Any], Any]


@dataclass(frozen=True)
class Row:
    """What became of one network; `said` is an obstacle or a warning."""

    name: str
    read: int
    files: int
    snr: float | None = None
    equal: bool | None = None
    said: str = ""

    @property
    def is_good(self) -> bool:
        """Whether every file is read and the integer network is near the float one."""
        sound = self.snr is None and not self.said
        return self.read == self.files and (sound or (self.snr or 0.0) > ENOUGH)

    @property
    def text(self) -> str:
        """A line of the table."""
        snr = "" if self.snr is None else f"{self.snr:.1f}"
        equal = {None: "", True: "yes", False: "**no**"}[self.equal]
        said = self.said.replace("|", "\\|").replace("\n", " ")
        return f"| {self.name} | {self.read} of {self.files} | {snr} | {equal} | {said} |"


def saved(name: str, build: Build, folder: Path) -> Iterator[tuple[str, Path]]:
    """Yield what each Keras saves in each format, or why it does not."""
    for keras_name, endings in FORMATS.items():
        keras = importlib.import_module(keras_name)
        keras.utils.set_random_seed(1)
        keras.backend.clear_session()
        try:
            model = build(keras)
        except (AttributeError, TypeError):  # a layer that this Keras lacks
            continue
        for ending in endings:
            path = folder / f"{name}_{keras_name}_{ending.lstrip('.') or 'tf'}{ending}"
            try:
                model.save(path, **({} if ending else {"save_format": "tf"}))
            except (NotImplementedError, TypeError, ValueError):  # what Keras itself cannot save
                continue
            yield f"{NAMES[keras_name]} {NAMES[ending]}", path


def random_inputs(graph: Graph, count: int, seed: int) -> Batch:
    """Return normal inputs [count, ...] by name."""
    rng = np.random.default_rng(seed)
    return Batch(
        {t.name: rng.normal(0.0, 1.0, (count, *t.shape)).astype(np.float32) for t in graph.inputs}
    )


def judged(row: Row, path: Path) -> Row:
    """Return a row with what became of a conversion at 8 bits."""
    graph = import_model(path)
    try:
        made = microlut.convert(path, random_inputs(graph, 64, 1).arrays, bits=8)
    except MicrolutError as error:
        return replace(row, said=str(error).removeprefix(f"{path}: "))
    x = random_inputs(graph, 32, 2)
    integers = quantized_inputs(made.quantized, x)
    found = integer_outputs(made.quantized, integers)
    real = real_values(made.quantized.output_tensors(), found)
    ratios = []
    for name, y in float_outputs(made.graph, x).arrays.items():
        noise = real.arrays[name] - y
        ratios.append(10 * np.log10((y**2).mean() / max((noise**2).mean(), 1e-30)))
    row = replace(row, snr=min(ratios), said=" ".join(made.report.warnings)[:90])
    if made.tflite is None:
        return row
    try:
        return replace(
            row, equal=np.array_equal(run_tflite_micro(made.tflite, integers), to_bytes(found))
        )
    except RunFailed as error:
        return replace(row, said=str(error))


def measured(name: str, build: Build, folder: Path, *, convert: bool) -> Row:
    """Return the row of a network."""
    files = dict(saved(name, build, folder))
    failures: dict[str, str] = {}
    for form, path in files.items():
        try:
            import_model(path)
        except MicrolutError as error:
            failures[form] = str(error).removeprefix(f"{path}: ")
    row = Row(name, len(files) - len(failures), len(files))
    if failures:
        form, why = next(iter(failures.items()))
        row = replace(row, said=f"{form}: {why[:160]}")
    sound = next((path for form, path in files.items() if form not in failures), None)
    return judged(row, sound) if sound is not None and convert else row


def application(name: str) -> Build:
    """Return a function that builds a network of keras.applications without its weights."""

    def build(keras: Any) -> Any:  # noqa: ANN401
        options: dict[str, Any] = {"weights": None, "input_shape": (96, 96, 3)}
        if name.startswith("MobileNetV3"):
            options["minimalistic"] = name.endswith("Minimalistic")
        make = getattr(keras.applications, name.removesuffix("Minimalistic"))
        return make(**options)

    return build


def main() -> None:
    """Measure, print and write both tables."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--only", nargs="+", default=[], metavar="NAME")
    only = parser.parse_args().only
    networks = [(name, build, True) for name, build in MODELS.items()]
    networks += [(n, application(n), n.startswith(CONVERTED)) for n in APPLICATIONS]
    lines = []
    good = 0
    with tempfile.TemporaryDirectory() as folder:
        for name, build, convert in networks:
            if only and name not in only:
                continue
            row = measured(name, build, Path(folder), convert=convert)
            good += row.is_good
            lines.append(row.text)
            print(row.text, flush=True)
    heading = "| network | files read | SNR, dB | = tflite-micro | said |\n|---|---|---|---|---|"
    summary = f"{good} of {len(lines)} networks are read from every file and convert."
    print(summary)
    if not only:
        replace_table(PAGE, "coverage.py", "\n".join([summary, "", heading, *lines]))


if __name__ == "__main__":
    main()
