"""Read and validate TOML files; an error is one line that names the first fault.

Board files and configuration files are read only by this module.
"""

from __future__ import annotations

import difflib
import json
import re
import reprlib
import tomllib
from pathlib import Path
from typing import Any, ClassVar

from pydantic import BaseModel, ConfigDict, ValidationError, model_validator
from pydantic_core import PydanticCustomError

from microlut.errors import MicrolutError


class Table(BaseModel):
    """A table of a TOML file: frozen; an unknown key is an error."""

    # Only the validator of the outermost table is ever used: the others are not built.
    model_config = ConfigDict(frozen=True, strict=True, defer_build=True)
    not_in_files: ClassVar[frozenset[str]] = frozenset()  # fields that the reader fills in

    @model_validator(mode="before")
    @classmethod
    def _keys_are_known(cls, table: object) -> object:
        # pydantic's error for such a key does not list the known keys
        fields = cls.model_fields
        unknown = [key for key in table if key not in fields] if isinstance(table, dict) else []
        if unknown:
            known = [key for key in fields if key not in cls.not_in_files]
            close = difflib.get_close_matches(unknown[0], known, n=1)
            advice = f"did you mean {close[0]}? Allowed" if close else "allowed"
            context = {"key": unknown[0], "advice": f"{advice} are {', '.join(known)}"}
            raise PydanticCustomError("unknown_key", "{advice}", context)
        return table


def read_toml(path: Path, kind: type[MicrolutError]) -> dict[str, Any]:
    """Return a file's top table; `kind` is raised if it cannot be read or is not TOML."""
    try:
        return tomllib.loads(path.read_text(encoding="utf-8-sig"))
    except OSError as error:
        raise kind(f"{path}: cannot be read: {error.strerror}; check the path") from error
    except UnicodeDecodeError as error:
        raise kind(f"{path}: is not UTF-8 text ({error}); save it as UTF-8") from error
    except (ValueError, RecursionError) as error:  # also for huge numbers and deep nesting
        raise kind(
            f"{path}: is not TOML ({error}); correct the file (a name with other characters than "
            "letters, digits, _ and - stands in quotes)"
        ) from error


def describe(error: ValidationError, *inside: str) -> str:
    """Describe the first fault in one line: key, what was found, what is allowed."""
    fault = error.errors(include_url=False)[0]
    key = dotted(*inside, *fault["loc"])
    found = " ".join(reprlib.repr(fault["input"]).split())
    match fault["type"]:
        case "unknown_key":
            key = dotted(*inside, *fault["loc"], fault["ctx"]["key"])
            return f"{key}: is not a known key; {fault['msg']}"
        case "value_error":
            return f"{key}: {fault['ctx']['error']}" if key else str(fault["ctx"]["error"])
        case "missing":
            return f"{key}: is missing; add it"
        case "model_type" | "dict_type":
            return f"{key}: found {found}; a table is needed, with a line [{key}] above its keys"
        case _:
            allowed = fault["msg"].lower().replace("input should", "it has to")
            return f"{key}: found {found}; {allowed}"


def dotted(*keys: int | str) -> str:
    """Return a key as TOML writes it."""
    bare, texts = re.compile("[A-Za-z0-9_-]+"), map(str, keys)
    return ".".join(k if bare.fullmatch(k) else json.dumps(k, ensure_ascii=False) for k in texts)
