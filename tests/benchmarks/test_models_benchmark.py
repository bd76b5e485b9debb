"""The table of accuracies: its models, their inputs, and its rows."""

from __future__ import annotations

import io
import sys
import zipfile
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("tensorflow", reason="benchmarks need TensorFlow; pip install tensorflow")
sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "benchmarks"))

import documents
import models
from reference_models import LARGE, REFERENCES, Reference

ROW = models.Row(
    model=REFERENCES[2].model,
    way="2 bits",
    samples=400,
    float_top1=93.25,
    top1=92.25,
    drop_error=0.79,
    drops=[1.5, 0.5, 1.0],
    seconds=95.0,
    weight_bytes=5904,
    parameter_bytes=2352,
    arena_bytes=17728,
    flash_bytes=25008,
    ram_bytes=20576,
    instructions=3432189,
    agreement=95.58,
    divergence=0.0634,
)


def test_inputs_are_read_and_prepared_as_for_training(tmp_path):
    x = np.arange(24, dtype=np.uint8).reshape(2, 2, 2, 3)
    np.savez(tmp_path / "a_calibration.npz", x=x)
    np.savez(tmp_path / "a_test.npz", x=x, y=np.array([3, 1]))
    reference = Reference("model", "a", lambda x: x / np.float32(255))
    assert reference.calibration(tmp_path) == pytest.approx(x / 255)
    found, y = reference.test(tmp_path, 1)
    assert found == pytest.approx(x[:1] / 255)
    assert y.tolist() == [3]


def test_pictures_are_read_with_the_numbers_of_their_files(tmp_path):
    image = pytest.importorskip("PIL.Image", reason="needs Pillow")
    with zipfile.ZipFile(tmp_path / "b_test.zip", "w") as archive:
        for number in (12, 7):
            stored = io.BytesIO()
            image.fromarray(np.full((4, 5, 3), number, np.uint8)).save(stored, "png")
            archive.writestr(f"{number:03}.png", stored.getvalue())
    x, y = Reference("model", "b").test(tmp_path)
    assert y.tolist() == [7, 12]
    assert x[:, 0, 0, 0].tolist() == [7.0, 12.0]


def test_large_networks_are_measured_in_fewer_ways():
    ways = {reference.model: [] for reference in REFERENCES}
    for reference, way in models.places():
        ways[reference.model].append(way)
    assert all(set(ways[one.model]) == set(models.EVERYWHERE) for one in LARGE)
    assert set(ways[REFERENCES[0].model]) == set(models.WAYS)


def test_rows_are_kept_between_runs_and_written_in_the_tables_order(tmp_path, monkeypatch):
    page = tmp_path / "page.md"
    page.write_text(f"<!-- made by benchmarks/models.py -->\n{documents.END}", encoding="utf-8")
    monkeypatch.setattr(models, "PAGE", page)
    monkeypatch.setattr(models, "RESULTS", tmp_path)
    assert models.read() == {}
    older = replace(ROW, way="4 bits", agreement=None, divergence=None)
    models.write({(row.model, row.way): row for row in (ROW, older)})
    known = models.read()
    assert [row.way for row in known.values()] == ["4 bits", "2 bits"]
    assert known[ROW.model, ROW.way] == ROW
    text = page.read_text(encoding="utf-8")
    assert "| 1.00 ± 0.8 | 3 | 0.50 to 1.50 | 95.6 | 0.0634 | 5,904 |" in text
    assert "| 0.50 to 1.50 |  |  | 5,904 |" in text
