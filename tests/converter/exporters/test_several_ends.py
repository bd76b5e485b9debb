"""Exports of models with several inputs and outputs, of unlike sizes and with odd names."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest
from building import RIGHT, WARNINGS, need, run
from sketch import build_sketch

import microlut
from microlut.exporters.formats import LAYOUTS, ExportFormat
from microlut.machine.tools import HOST_CC
from microlut.project import Project

pytestmark = pytest.mark.keras


@pytest.fixture(scope="module")
def pair(keras, project, tmp_path_factory) -> list[Project]:
    """A model that reads three tensors and gives three, beside one that has one of each."""
    layers = keras.layers
    shapes = {"init": (5,), "in put": (3,), "in-put": (2,)}
    inputs = [keras.Input(shape, name=name) for name, shape in shapes.items()]
    joined = layers.Concatenate(name="run")(inputs)
    values = layers.Dense(40, name="output", activation="sigmoid")(joined)
    classes = layers.Dense(3, name="input", activation="softmax")(joined)
    rng = np.random.default_rng(0)
    x = {name: rng.normal(size=(50, *shape)) for name, shape in shapes.items()}
    made = microlut.convert(keras.Model(inputs, [classes, values, joined]), x, name="input")
    return [microlut.write(made, tmp_path_factory.mktemp("ends") / "out"), project]


@pytest.fixture
def example_lines() -> list[str]:
    """What an example shows before it tells whether all is right."""
    ends = (("input", 3), ("output", 32), ("run", 10))
    shown = [f"input {name} {i}: " for name, count in ends for i in range(count)]
    return [*shown, *(f"digits {i}: " for i in range(10))]


def test_example_gives_the_bytes_that_microlut_computed(pair, example_lines, tmp_path):
    need(HOST_CC)
    microlut.export(pair, "cmake", tmp_path / "ends", "ends")
    sources = sorted((tmp_path / "ends").rglob("*.c"))
    include = f"-I{tmp_path / 'ends' / LAYOUTS[ExportFormat.CMAKE].headers}"
    run("cc", "-std=c11", *WARNINGS, include, *sources, "-o", tmp_path / "example")
    *lines, last = run(tmp_path / "example").decode().splitlines()
    assert last == RIGHT
    assert [re.sub(r"-?\d+/1000$", "", line) for line in lines] == example_lines


@pytest.fixture(scope="module")
def wide(keras, tmp_path_factory) -> list[Project]:
    """Models of int16: one with two inputs and two outputs, and one with one of each."""
    rng = np.random.default_rng(0)
    ends = [keras.Input((3,), name="left"), keras.Input((2,), name="right")]
    joined = keras.layers.Concatenate()(ends)
    outputs = [keras.layers.Dense(2)(joined), keras.layers.Activation("tanh")(joined)]
    x = {"left": rng.normal(size=(50, 3)), "right": rng.normal(size=(50, 2))}
    one = keras.Sequential([keras.Input((3,)), keras.layers.Dense(4)])
    made = [
        microlut.convert(keras.Model(ends, outputs), x, name="several", activations=16),
        microlut.convert(one, x["left"], name="one", activations=16),
    ]
    return [microlut.write(each, tmp_path_factory.mktemp("wide") / "out") for each in made]


def test_example_of_int16_gives_the_values_that_microlut_computed(wide, tmp_path):
    need(HOST_CC)
    microlut.export(wide, "cmake", tmp_path / "wide", "wide")
    sources = sorted((tmp_path / "wide").rglob("*.c"))
    include = f"-I{tmp_path / 'wide' / LAYOUTS[ExportFormat.CMAKE].headers}"
    run("cc", "-std=c11", *WARNINGS, include, *sources, "-o", tmp_path / "example")
    *lines, last = run(tmp_path / "example").decode().splitlines()
    assert last == RIGHT
    assert len(lines) == 2 + 5 + 4
    readme = (tmp_path / "wide" / "README.md").read_text()
    assert "int16_t *input_left = several_input_left(several_arena);" in readme
    assert "\nint8_t" not in readme


@pytest.mark.sweep  # as the example
def test_sketch_of_int16_gives_the_values_that_microlut_computed(wide, tmp_path):
    microlut.export(wide, "arduino", tmp_path / "wide", "wide")
    (tmp_path / "work").mkdir()
    sketch = tmp_path / "wide/examples/wide/wide.ino"
    assert build_sketch(tmp_path / "wide", sketch, tmp_path / "work")[-1] == RIGHT


@pytest.mark.sweep  # as the example
def test_sketch_gives_the_bytes_that_microlut_computed(pair, example_lines, tmp_path):
    microlut.export(pair, "arduino", tmp_path / "ends", "ends")
    (tmp_path / "work").mkdir()
    sketch = tmp_path / "ends/examples/ends/ends.ino"
    *lines, last = build_sketch(tmp_path / "ends", sketch, tmp_path / "work")
    assert last == RIGHT
    assert [re.sub(r"-?\d+/1000$", "", line) for line in lines] == example_lines


def test_readme_and_keywords_name_what_the_headers_have(pair, tmp_path):
    microlut.export(pair, "arduino", tmp_path / "ends", "ends")
    headers = "".join(file.read_text() for file in (tmp_path / "ends/src").glob("*.h"))
    readme = (tmp_path / "ends" / "README.md").read_text()
    keywords = re.findall(r"^\w+", (tmp_path / "ends" / "keywords.txt").read_text(), re.M)
    for name in ("input_init", "input_in_put", "input_in_put_2", "output_run"):
        assert f"input_{name}(input_arena)" in readme
        assert f"input_{name}" in keywords
    words = {*keywords, *re.findall(r"\binput_\w+(?=\()|\bINPUT_\w+", readme)}
    assert [word for word in words if not re.search(rf"\b{word}\b", headers)] == []
    assert "| `init`: int8, 5; `in_put`: int8, 3; `in_put_2`: int8, 2 |" in readme


def test_sources_of_both_are_in_the_package(pair, tmp_path: Path):
    files = microlut.export(pair, "zip", tmp_path / "ends.zip", "ends").files
    assert {"input.h", "digits.h"} <= {Path(file).name for file in files}
