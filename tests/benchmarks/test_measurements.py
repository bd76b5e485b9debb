"""Tables of docs/measurements: they equal what the benchmarks make of the recorded figures."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("tensorflow", reason="benchmarks need TensorFlow; pip install tensorflow")
sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "benchmarks"))

import cost
import coverage
import engine
import engine_tables
import models
import quantizers
from documents import MEASUREMENTS, ROOT, read_table, replace_table


def recorded(name: str) -> list[dict[str, Any]]:
    text = (ROOT / "benchmarks" / "results" / f"{name}.json").read_text(encoding="utf-8")
    rows: list[dict[str, Any]] = json.loads(text)
    assert len(rows) >= 2
    return rows


def test_models():
    rows = [models.Row(**row) for row in recorded("models")]
    assert read_table(models.PAGE, "models.py") == models.markdown(rows) + "\n"


def test_conversion_cost():
    assert read_table(cost.PAGE, "cost.py") == cost.markdown(recorded("cost")) + "\n"


def test_coverage():
    rows = [coverage.Row(**row) for row in recorded("coverage")]
    assert read_table(coverage.PAGE, "coverage.py") == coverage.markdown(rows).rstrip() + "\n"


def test_engine():
    rows = []
    for row in recorded("engine"):
        layers = [engine_tables.Layer(**layer) for layer in row.pop("layers")]
        rows.append(engine_tables.Row(**row, layers=tuple(layers)))
    page = MEASUREMENTS / "engine-tables.md"
    assert page.read_text(encoding="utf-8") == engine_tables.page(rows, engine.detailed_on(rows))


def test_quantizers():
    rows = [quantizers.Row(**row) for row in recorded("quantizers")]
    # the file has them as they were measured, the page by model
    places = list(quantizers.DATA), list(quantizers.GRANULARITIES)
    rows.sort(key=lambda row: (places[0].index(row.model), places[1].index(row.granularity)))
    assert quantizers.PAGE.read_text(encoding="utf-8") == quantizers.page(rows) + "\n"


def test_only_the_marked_part_of_a_page_is_replaced(tmp_path):
    page = tmp_path / "page.md"
    marks = "<!-- made by benchmarks/{}.py -->\n{}<!-- end -->\n"
    page.write_text("before\n" + marks.format("a", "old\n") + "between\n" + marks.format("b", ""))
    replace_table(page, "a.py", "new")
    assert read_table(page, "a.py") == "new\n"
    assert page.read_text() == (
        "before\n" + marks.format("a", "new\n") + "between\n" + marks.format("b", "")
    )


def test_page_without_marks_is_refused(tmp_path):
    page = tmp_path / "page.md"
    page.write_text("text\n")
    with pytest.raises(ValueError, match=r"found no <!-- made by benchmarks/a\.py -->"):
        replace_table(page, "a.py", "new")
