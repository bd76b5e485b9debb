"""The benchmark of Keras files, on files that are made here."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

pytest.importorskip("keras", reason="needs Keras 3; pip install tensorflow")
pytest.importorskip("tflite_micro", reason="needs TensorFlow Lite Micro")
sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "benchmarks"))

import keras_files as bench
from coverage import Row
from documents import read_table

pytestmark = pytest.mark.keras


def test_files_are_compared_or_refused(tmp_path: Path):
    keras = pytest.importorskip("keras")
    layers = keras.layers
    model = keras.Sequential([keras.Input((6,)), layers.Dense(4, "relu"), layers.Dense(2)])
    model.save(tmp_path / "net.keras")
    model.save_weights(tmp_path / "net.weights.h5")
    row = bench.judge(tmp_path / "net.keras", "net.keras")
    assert row.read == 1 and row.equal and row.error < bench.NEAR and row.only == ""
    refused = bench.judge(tmp_path / "net.weights.h5", "net.weights.h5")
    assert bench.kind_of(refused) == "refused: an HDF5 file with only weights"
    assert "Of 2 files 1 are read. 1 of these are" in bench.text([row, refused])


@pytest.mark.parametrize(
    ("row", "kind"),
    [
        (Row("a", 1, 1, 1e-3), "read, but other than Keras computes"),
        (Row("a", 1, 1, obstacle="it is large"), "not converted: it is large"),
        (Row("a", 1, 1, 0.0, 3.0, True), "converted, far from the float network without a warning"),
        (Row("a", 1, 1, 0.0, 3.0, True, "", "few steps"), "converted, near the float network or"),
        (Row("a", 0, 1, obstacle="layer 'x' (Y): the class is odd; do"), "refused: the class is"),
    ],
)
def test_rows_count_by_what_became_of_them(row: Row, kind: str):
    assert bench.kind_of(row).startswith(kind)


def test_table_is_what_the_rows_say():
    rows = [Row(**values) for values in json.loads(bench.RESULTS.read_text(encoding="utf-8"))]
    assert read_table(bench.PAGE, "keras_files.py").strip() == bench.text(rows).strip()
