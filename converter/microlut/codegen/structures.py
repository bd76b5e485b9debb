"""Read the structures of the engine's headers: the fields of each type, in the order of memory."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from microlut.support.resources import data_folder

NUMBERS: Mapping[str, str] = {  # types of C as those of NumPy, little-endian
    **{f"{u}int{n}_t": f"<{u or 'i'}{n // 8}" for u in ("", "u") for n in (8, 16, 32, 64)},
    "float": "<f4",
}
POINTER = "*"

_COMMENT = re.compile(r"/\*.*?\*/", re.DOTALL)
_STRUCTURE = re.compile(
    r"^(typedef )?struct (\w+ )?\{\n(.*?)^\}(?: (\w+))?;", re.DOTALL | re.MULTILINE
)
_ALIAS = re.compile(r"^typedef struct (\w+) (\w+);", re.MULTILINE)
_UNION = re.compile(r"\bunion \{(.*?)\};", re.DOTALL)
_FIELD = re.compile(r"([^;]+);")
_FUNCTION = re.compile(r"\(\*(\w+)\)\(")
_MACRO = re.compile(r"^#define (\w+) \(?(-?\w+)\)?$", re.MULTILINE)
_INTEGER = re.compile(r"-?(?:0[xX][0-9a-fA-F]+|\d+)[uU]?")


@dataclass(frozen=True, slots=True)
class Field:
    """A field of a structure.

    Attributes:
        names: Its name; all names of a union of pointers.
        type: A type of numbers, a structure, or `POINTER`.
        length: Number of elements; 0 if it is no array.
    """

    names: tuple[str, ...]
    type: str
    length: int = 0


@dataclass(frozen=True, slots=True)
class Structures:
    """All structures, by their types' names, and what macros stand for integers."""

    fields: Mapping[str, tuple[Field, ...]]
    macros: Mapping[str, int]


def integer(text: str) -> int | None:
    """Return the value of an integer literal of C; None for anything else."""
    if not _INTEGER.fullmatch(text):
        return None
    return int(text.rstrip("uU"), 0)


def macros(header: str) -> dict[str, int]:
    """Return the macros that stand for integers, such as `#define ROWS 3u`."""
    found = {name: integer(text) for name, text in _MACRO.findall(_COMMENT.sub("", header))}
    return {name: value for name, value in found.items() if value is not None}


def engine_structures() -> Structures:
    """Return the structures of the engine's headers."""
    return _structures(data_folder("firmware") / "include" / "microlut")


@cache
def _structures(folder: Path) -> Structures:
    text = "\n".join(file.read_text(encoding="utf-8") for file in sorted(folder.glob("*.h")))
    text = re.sub(r"[ \t]+$", "", _COMMENT.sub("", text), flags=re.MULTILINE)
    known, aliases = macros(text), dict(_ALIAS.findall(text))
    fields = {}
    for is_type, tag, body, name in _STRUCTURE.findall(text):
        fields[name if is_type else aliases.get(tag.strip(), tag)] = tuple(_fields(body, known))
    return Structures(fields, known)


def _fields(body: str, known: Mapping[str, int]) -> Iterator[Field]:
    """Yield the fields of a structure's body."""
    body = _UNION.sub(lambda union: union[1].replace(";", "|").rstrip(" \n|") + ";", body)
    for text in _FIELD.findall(body):
        declarations = [" ".join(one.split()) for one in text.split("|")]
        if "*" in text:
            yield Field(tuple(map(_pointer_name, declarations)), POINTER)
            continue
        kind, name = declarations[0].rsplit(" ", 1)
        name, _, length = name.rstrip("]").partition("[")
        size = integer(length) if length else 0
        yield Field((name,), kind, known[length] if size is None else size)


def _pointer_name(declaration: str) -> str:
    function = _FUNCTION.search(declaration)
    return function[1] if function else declaration.rpartition("*")[2]
