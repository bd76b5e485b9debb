"""A network with an operator that TensorFlow Lite lacks: all but the .tflite file."""

from __future__ import annotations

import sys
from dataclasses import replace

import numpy as np
import pytest

import microlut
from fake_keras import FakeLayer, FakeModel, dense
from microlut import cli
from microlut.errors import InvalidInput
from microlut.integer import QNode
from microlut.machine.tools import HOST_CC, find_tool
from microlut.show.conversion import conversion_text
from microlut.show.runs import verify_text

LACKS = "layer_normalization (norm)"


def norm(name: str, size: int) -> FakeLayer:
    arrays = np.linspace(0.5, 1.5, size, dtype=np.float32), np.zeros(size, np.float32)
    return FakeLayer("LayerNormalization", {"name": name, "axis": -1}, arrays)


INPUTS = np.random.default_rng(0).normal(size=(40, 6)).astype(np.float32)


@pytest.fixture(scope="module")
def conversion() -> microlut.Conversion:
    layers = (dense("first", 6, 8), norm("norm", 8), dense("last", 8, 3, 1))
    return microlut.convert(FakeModel("normal", (6,), layers), INPUTS)


@pytest.fixture
def project(conversion, tmp_path) -> microlut.Project:
    return microlut.write(conversion, tmp_path / "out")


def test_nothing_is_written_and_the_report_says_why(conversion, project):
    assert conversion.tflite is project.tflite is None
    assert not (project.path / "model.tflite").exists()
    assert "model.tflite" not in project.report["files"]
    assert project.report["tflite_lacks"] == conversion.report.tflite_lacks == LACKS
    text = conversion_text(conversion.report)
    assert f"no check against tflite-micro: TensorFlow Lite has no {LACKS}" in text
    assert microlut.read(project.path).tflite is None


def test_an_earlier_file_does_not_stay(conversion, tmp_path):
    plain = microlut.convert(FakeModel("normal", (6,), (dense("first", 6, 3),)), INPUTS)
    assert plain.report.tflite_lacks == ""
    assert "TensorFlow Lite" not in conversion_text(plain.report)
    folder = microlut.write(plain, tmp_path / "out").path
    assert (folder / "model.tflite").is_file()
    microlut.write(conversion, folder)
    assert not (folder / "model.tflite").exists()


def test_verify_leaves_out_the_runtimes_and_says_so(project):
    if find_tool(HOST_CC) is None:
        pytest.skip(f"host firmware not tested: cc is missing ({HOST_CC.apt_command})")
    outcome = microlut.verify(project, INPUTS, ["host"], limit=20)
    assert [form.form for form in outcome.forms] == ["interpreter", "host"]
    assert outcome.bit_exact
    assert outcome.skipped == (("tflite-micro", f"TensorFlow Lite has no {LACKS}"),)
    assert f"tflite-micro: skipped, TensorFlow Lite has no {LACKS}" in verify_text(outcome)


def test_other_formats_are_exported(project, tmp_path):
    with pytest.raises(InvalidInput, match=r"has no \.tflite file, since TensorFlow Lite has no"):
        microlut.export(project, "tflite", tmp_path / "m.tflite")
    assert not (tmp_path / "m.tflite").exists()
    assert microlut.export(project, "zip", tmp_path / "m.zip").bytes > 0


def test_only_some_of_many_layers_are_named(conversion):
    (node,) = (n for n in conversion.quantized.nodes if n.name == "norm")
    nodes = tuple(QNode(f"n{i}", node.op, node.inputs, node.outputs) for i in range(7))
    rest = tuple(n for n in conversion.quantized.nodes if n.name != "norm")
    lacks = replace(conversion.quantized, nodes=(*rest, *nodes)).tflite_lacks()
    assert lacks == "layer_normalization (n0, n1, n2, n3, n4 and 2 more)"


@pytest.mark.keras
def test_command_line_names_the_files_that_it_wrote(keras, tmp_path, monkeypatch, capsys):
    x = keras.Input((6,))
    y = keras.layers.LayerNormalization(name="norm")(keras.layers.Dense(8)(x))
    keras.Model(x, keras.layers.Dense(2)(y)).save(tmp_path / "normal.keras")
    np.savez(tmp_path / "x.npz", x=INPUTS)
    arguments = ("normal.keras", "--calibration", "x.npz", "-o", "out")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "argv", ["microlut", "convert", *arguments])
    with pytest.raises(SystemExit) as stop:
        cli.main()
    out = capsys.readouterr().out
    assert not stop.value.code
    assert "Wrote out: model.h, model.c, weights.h, weights.c, engine/, report.json" in out
    assert (
        f"No .tflite file, and no check against tflite-micro: TensorFlow Lite has no {LACKS}" in out
    )
