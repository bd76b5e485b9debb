"""Generated pages of the reference: options and schemas are those of the program."""

from __future__ import annotations

import json
import re
import sys
import tomllib
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from digits_example import conversion
from microlut.cli import VERBS

CHECKOUT = Path(__file__).resolve().parents[1]
SCHEMAS = CHECKOUT / "docs" / "reference" / "schemas"
BOARDS = sorted((CHECKOUT / "boards").glob("*.toml"))
sys.path.insert(0, str(CHECKOUT / "scripts"))


def validator(name: str) -> jsonschema.Draft202012Validator:
    schema = json.loads((SCHEMAS / f"{name}.schema.json").read_text(encoding="utf-8"))
    return jsonschema.Draft202012Validator(schema)


def options(page: str) -> dict[str, list[str]]:
    """Return the options of each verb: texts of defaults differ between versions of typer."""
    parts = re.split(r"^## (\w+)$", page, flags=re.M)
    found = {}
    for verb, part in zip(parts[1::2], parts[2::2], strict=True):
        names = " ".join(re.findall(r"^\| `(.*?)` \|", part, re.M))
        found[verb] = re.findall(r"(?<![\w-])--[a-z][\w-]+", names)
    return found


def keys(part: Any, place: str = "") -> set[str]:
    """Return the places of all keys of a schema: other texts differ between pydantic's versions."""
    found = {f"{place}/{name}" for name in part.get("properties", {})}
    for name, each in part.get("$defs", {}).items():
        found |= keys(each, name)
    return found


def test_page_of_options_is_up_to_date():
    from list_options import PAGE, page

    found, wanted = options(PAGE.read_text(encoding="utf-8")), options(page())
    assert list(found) == list(VERBS)
    assert found == wanted, "run scripts/list_options.py"
    assert sum(map(len, found.values())) > 150


def test_schemas_are_up_to_date():
    from list_schemas import FOLDER, schemas

    wanted = schemas()
    assert {path.name for path in FOLDER.iterdir()} == set(wanted)
    for name, text in wanted.items():
        found = keys(json.loads((FOLDER / name).read_text(encoding="utf-8")))
        assert found == keys(json.loads(text)), "run scripts/list_schemas.py"
        assert len(found) > 20


@pytest.mark.parametrize("file", BOARDS, ids=lambda file: file.stem)
def test_board_files_follow_their_schema(file: Path):
    table = tomllib.loads(file.read_text(encoding="utf-8"))
    validator("board").validate(table)
    with pytest.raises(jsonschema.ValidationError):
        validator("board").validate(table | {"colour": "red"})


def test_report_follows_its_schema():
    found = json.loads(json.dumps(conversion().report.as_json()))
    validator("report").validate(found)
    with pytest.raises(jsonschema.ValidationError):
        validator("report").validate(found | {"arena_bytes": "many"})


def test_configuration_of_the_page_follows_its_schema():
    text = (CHECKOUT / "docs/reference/configuration.md").read_text(encoding="utf-8")
    example = re.search(r"^```toml\n(.*?)^```", text, re.M | re.S)
    assert example is not None
    whole = tomllib.loads(example[1])
    assert len(whole) > 5
    validator("configuration").validate(whole)
    with pytest.raises(jsonschema.ValidationError):
        validator("configuration").validate({"defaults": {"bits": 9}})
