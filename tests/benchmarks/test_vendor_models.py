"""The comparison with a vendor's model zoo: what is read from its pages, rows and tables."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

pytest.importorskip("tensorflow", reason="benchmarks need TensorFlow; pip install tensorflow")
sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "benchmarks"))

import vendor_models
from documents import read_table
from vendor_models import EIGHT, FOUR, INTEGERS, Published, Row

import microlut

PAGE = """
| Model | Format | Total RAM (kB) | Weights Flash | Total Flash |
|-------|:------:|----------------|---------------|-------------|
| [A](./pets/a/a_int8.tflite) | Int8 | 1.5 | 2 KiB | 3.25 KiB |
| [A again](pets/a/a_int8.tflite) | Int8 | 9 | 9 KiB | 9 KiB |
| [B](./pets/b/b.h5) | Float | 1 | 1 MiB | 2 MiB |
| [Missing](./pets/c/c.h5) | Float | 1 | 1 KiB | 2 KiB |
| no link | Float | 1 | 1 KiB | 2 KiB |

| Model | Format | Clip-level Accuracy |
|---|---|---|
| [A](./pets/a/a.h5) | Float | **91.5 %** |
| [A](./pets/a/a_int8.tflite) | Int8 | 90.25 % |
"""


@pytest.fixture
def zoo(tmp_path):
    for name in ("a/a_int8.tflite", "a/a.h5", "b/b.h5"):
        path = tmp_path / "nets" / "pets" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"no model")
    (tmp_path / "nets" / "README.md").write_text(PAGE)
    return tmp_path


def test_figures_are_read_from_the_pages(zoo):
    assert list(vendor_models.published(zoo)) == [
        Published("nets/pets/a/a_int8.tflite", "a", 2048, 3328, 1536, 90.25, 91.5),
        Published("nets/pets/b/b.h5", "b", 1 << 20, 2 << 20, 1024),
    ]


def test_forms_are_those_whose_files_are_there(zoo):
    both, real = vendor_models.published(zoo)
    assert list(vendor_models.ways_of(both, zoo)) == [INTEGERS, EIGHT, FOUR]
    assert list(vendor_models.ways_of(real, zoo)) == [EIGHT, FOUR]
    (zoo / both.float_path).unlink()
    assert list(vendor_models.ways_of(both, zoo)) == [INTEGERS]
    assert both.data_set == "pets"


def test_refusals_are_rows_without_the_folder(zoo):
    model = next(vendor_models.published(zoo))
    row = vendor_models.measure((model, INTEGERS), zoo, zoo, microlut.load_board("mps2-an386"))
    assert row.refused is not None
    assert row.refused.startswith("nets/pets/a/a_int8.tflite")
    assert f"refused: {row.refused}" in vendor_models.markdown([row])


def test_rows_of_one_file_name_it_once():
    theirs = Published("x/cifar10/n/n_int8.tflite", "n", 10, 2000, 300, 85.59, 87.01)
    real = Published("x/cifar10/m/m.h5", "m", 10, 2000, 300, 86.0, 86.0)
    table = vendor_models.markdown(
        [
            Row(theirs, INTEGERS, 9, 1900, 200, top1=80.0, samples=400),
            Row(theirs, FOUR, 5, 1500, 200, top1=81.0, float_top1=82.0, samples=400),
            Row(real, FOUR, 5, 1500, 200),
        ]
    )
    assert table.splitlines()[2:] == [
        "| n, cifar10 | 10 | 2,000 | 300 | 85.6 (87.0) | its integers | 9 | 1,900 | 200 "
        "| 80.0 ± 2.0 |",
        "| | | | | | 4 bits | 5 | 1,500 | 200 | 81.0 ± 2.0 (82.0) |",
        "| m, cifar10, float | 10 | 2,000 | 300 | 86.0 | 4 bits | 5 | 1,500 | 200 |  |",
    ]


def test_table_is_made_of_the_recorded_figures():
    rows = vendor_models.read()
    assert len(rows) >= 2
    assert json.loads(vendor_models.RESULTS.read_text(encoding="utf-8"))
    table = read_table(vendor_models.PAGE, "vendor_models.py")
    assert table == vendor_models.markdown(rows) + "\n"
