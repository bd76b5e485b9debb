"""The benchmark of .tflite files, on files that are made here."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

import numpy as np
import pytest

import random_graphs as rg
from microlut.codegen.tflite import to_tflite
from recurrent_streams import network
from svdf_networks import CASES

pytest.importorskip("tflite_micro", reason="needs TensorFlow Lite Micro")
sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "benchmarks"))

import case_records
import tflite_files as bench
from documents import read_table


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder of two files that can be converted and one that is none."""
    made = tmp_path_factory.mktemp("files")
    (case,) = rg.network_cases(1, seed=5)
    (made / "lstm").mkdir()
    (made / "net.tflite").write_bytes(to_tflite(case.quantized()))
    (made / "lstm" / "two.tflite").write_bytes(to_tflite(network("two", "lstm", "lstm")))
    (made / "broken.tflite").write_bytes(b"\x1c\0\0\0TFL3" + bytes(40))
    return made


def test_files_are_equal_or_refused_and_written(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    page = tmp_path / "page.md"
    page.write_text("<!-- made by benchmarks/tflite_files.py -->\n<!-- end -->\n", encoding="utf-8")
    monkeypatch.setitem(bench.PAGES, "tflite_files", page)
    monkeypatch.setattr(case_records, "RESULTS", tmp_path)
    monkeypatch.setattr(case_records, "PAGE", tmp_path / "models.md")
    assert bench.main([str(folder), "--write"]) == 0
    cases = case_records.load("tflite_files")
    assert {name: case.status for name, case in cases.items()} == {
        "broken.tflite": "refused",
        "lstm/two.tflite": "equal",
        "net.tflite": "equal",
    }
    assert "2 of 3 files convert at 8 bits." in page.read_text(encoding="utf-8")
    record = json.loads((tmp_path / "tflite_files.json").read_text("utf-8"))["net.tflite"]
    assert record["arena_bytes"] > 0 < record["flash_bytes"]
    assert len(record["c_sha256"]) == 64


def test_other_bytes_are_noticed(folder: Path, monkeypatch: pytest.MonkeyPatch):
    original = bench.original

    def others(content: bytes, x: list[np.ndarray], *, goes_on: bool) -> list[np.ndarray]:
        return [values + 1 for values in original(content, x, goes_on=goes_on)]

    monkeypatch.setattr(bench, "original", others)
    assert bench.judge(folder / "net.tflite").status == "different"


def test_variables_go_on_from_run_to_run(tmp_path: Path):
    path = tmp_path / "net.tflite"
    path.write_bytes(to_tflite(CASES[0].graph))
    assert bench.judge(path).status == "equal"


def test_file_that_takes_too_long_is_stopped(folder: Path, monkeypatch: pytest.MonkeyPatch):
    def endless(path: Path) -> None:
        while path:
            pass

    monkeypatch.setattr(bench, "judge", endless)
    assert bench.in_process(folder / "net.tflite", 1).status == "stopped"


def test_file_whose_process_dies_failed(folder: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(bench, "judge", lambda path: os._exit(1))
    assert bench.in_process(folder / "net.tflite", 9).status == "failed"


def test_page_is_what_the_records_say():
    for suite, page in bench.PAGES.items():
        assert (
            read_table(page, bench.SCRIPT).rstrip() == bench.text(case_records.load(suite)).rstrip()
        )
    assert case_records.PAGE.read_text(encoding="utf-8") == case_records.page(), (
        "run benchmarks/case_records.py"
    )
