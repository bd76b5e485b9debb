#!/usr/bin/env python3
"""Write the table of docs/reference/tflite-operators.md from the importer's.

.venv/bin/python scripts/list_tflite_operators.py
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from microlut.importers.tflite.operators import OPERATORS
from microlut.importers.tflite.use import limits_of

PAGE = Path(__file__).parents[1] / "docs" / "reference" / "tflite-operators.md"
_HEAD = """| operator | supported are |
|---|---|
"""


def page() -> str:
    """Return the page, with the table at its end made anew."""
    before = PAGE.read_text(encoding="utf-8").partition(_HEAD)[0]
    return before + _HEAD + "".join(_rows())


def _rows() -> Iterator[str]:
    for name, handler in sorted(OPERATORS.items()):
        yield f"| {name} | {limits_of(handler)} |\n"


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
