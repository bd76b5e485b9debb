"""The benchmark of .onnx files, on files that are made here."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest

from onnx_models import model_of, node, save

pytest.importorskip("onnxruntime", reason="needs the package onnxruntime")
sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "benchmarks"))

import case_records
import onnx_files as bench
import onnx_judge

WEIGHTS = np.random.default_rng(0).normal(size=(6, 4)).astype(np.float32)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Return a folder of files of all kinds."""
    made = tmp_path / "files" / "someone" / "models"
    made.mkdir(parents=True)
    scale, zero = np.float32(0.05), np.uint8(128)
    product = node("MatMul", ["x", WEIGHTS], "s")
    files = {
        "real": [product, node("Relu", ["s"], "y")],
        "place": [product, node("ArgMax", ["s"], "y", axis=1)],
        "refused": [product, node("TopK", ["s", np.array([2])], ["y", "i"])],
        "whole": [
            node("QuantizeLinear", ["x", scale, zero], "q"),
            node("DequantizeLinear", ["q", scale, zero], "d"),
            node("MatMul", ["d", WEIGHTS], "y"),
        ],
    }
    for name, nodes in files.items():
        save(model_of(nodes, {"x": [1, 6]}), made, f"{name}.onnx")
    return made.parents[1]


def test_files_are_equal_or_refused_and_written(folder, tmp_path, monkeypatch):
    page = tmp_path / "page.md"
    page.write_text("<!-- made by benchmarks/onnx_files.py -->\n<!-- end -->\n", encoding="utf-8")
    monkeypatch.setattr(bench, "PAGE", page)
    monkeypatch.setattr(case_records, "RESULTS", tmp_path)
    monkeypatch.setattr(case_records, "PAGE", tmp_path / "models.md")
    assert bench.main([str(folder), "--write"]) == 0
    cases = case_records.load("onnx_files")
    found = {Path(name).stem: case for name, case in cases.items()}
    assert {name: case.status for name, case in found.items()} == {
        "place": "equal",
        "real": "equal",
        "refused": "refused",
        "whole": "equal",
    }
    assert found["whole"].integers and not found["real"].integers
    assert found["real"].flash_bytes
    assert found["refused"].reason.startswith("TopK:")
    text = page.read_text(encoding="utf-8")
    assert "3 of 4 files are read, and 3 of these" in text
    assert "| someone/models | 3 | 1 |" in text


def test_other_numbers_are_noticed(folder, monkeypatch):
    original = onnx_judge.original

    def wrong(model, runs):
        return [{name: y + 0.5 for name, y in ends.items()} for ends in original(model, runs)]

    monkeypatch.setattr(onnx_judge, "original", wrong)
    assert bench.main([str(folder), "--only", "real"]) == 1


def test_a_file_that_takes_too_long_is_stopped(folder, monkeypatch):
    def forever(path):
        while True:
            pass

    monkeypatch.setattr(bench, "judge", forever)
    (path,) = folder.rglob("real.onnx")
    assert bench.in_process(path, 1).status == "stopped"
