#!/usr/bin/env python3
"""Write docs/reference/schemas: JSON schemas of the files that microlut writes and reads.

    .venv/bin/python scripts/list_schemas.py

They follow from the types of the program, with their docstrings.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter

from microlut.board.board import Board
from microlut.conversion.analysis import Analysis
from microlut.conversion.report import ConvertReport
from microlut.conversion.settings import ConfigurationFile
from microlut.support.toml_file import Table

FOLDER = Path(__file__).parents[1] / "docs" / "reference" / "schemas"
_DIALECT = "https://json-schema.org/draft/2020-12/schema"
_WRITTEN = {"report": ConvertReport, "analysis": Analysis}  # JSON; more keys may follow
_READ: dict[str, type[Table]] = {"configuration": ConfigurationFile, "board": Board}  # TOML


def schemas() -> dict[str, str]:
    """Return the text of each file by its name."""
    found = {}
    for name, kind in (*_WRITTEN.items(), *_READ.items()):
        schema = TypeAdapter(kind).json_schema()
        adapted = _closed(schema, kind) if issubclass(kind, Table) else _nullable(schema)
        text = json.dumps({"$schema": _DIALECT, **adapted}, indent=2, ensure_ascii=False)
        found[f"{name}.schema.json"] = f"{text}\n"
    return found


def _nullable(part: Any) -> Any:  # noqa: ANN401 (any JSON)
    """Return a schema in which numbers may be null: JSON has none that are infinite."""
    if isinstance(part, list):
        return [_nullable(item) for item in part]
    if not isinstance(part, dict):
        return part
    made = {key: _nullable(value) for key, value in part.items()}
    return made | {"type": ["number", "null"]} if part.get("type") == "number" else made


def _closed(schema: dict[str, Any], kind: type[Table]) -> dict[str, Any]:
    """Return the schema of a TOML file: without what the reader fills in, and no other keys."""
    kinds = {kind.__name__: kind} | {table.__name__: table for table in _tables(Table)}
    for name, part in (*schema.get("$defs", {}).items(), (kind.__name__, schema)):
        if name in kinds and "properties" in part:
            for unwritten in kinds[name].not_in_files:
                part["properties"].pop(unwritten, None)
                part["required"] = [n for n in part.get("required", ()) if n != unwritten]
            part["additionalProperties"] = False
    return schema


def _tables(kind: type[Table]) -> list[type[Table]]:
    return [found for sub in kind.__subclasses__() for found in (sub, *_tables(sub))]


if __name__ == "__main__":
    FOLDER.mkdir(exist_ok=True)
    for name, text in schemas().items():
        (FOLDER / name).write_text(text, encoding="utf-8")
