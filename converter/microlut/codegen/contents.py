"""List the constants of generated C: arrays, structures and pointers, with their CRC-32.

What is written is read again, so that the checksum cannot differ from it.
"""

from __future__ import annotations

import re
import zlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from microlut.codegen.structures import NUMBERS, POINTER, Structures, engine_structures, integer

_CONSTANT = re.compile(
    r"^(?:static )?const (\w+) (\w+)(\[\w*\])?(?: \w+)* = (?:\{(.*?)\}|\"(\w*)\");$",
    re.DOTALL | re.MULTILINE,
)
_COMMENT = re.compile(r"/\*.*?\*/")
_TOKEN = re.compile(r"\.\w+ =|[{},]|[^{},\s](?:[^{},]*[^{},\s])?")
_PLACE = re.compile(r"^    (\w+) = (\d+), /\*", re.MULTILINE)
_LEAST = "(-2147483647 - 1)"  # which C has no literal for
_PAIR = re.compile(r"MLUT_PAIR\((-?\d+), (-?\d+)\)")
_WORD = 0xFFFFFFFF
_PIECE = 1 << 20  # characters of an array that are read at a time

Value = str | dict[str | int, "Value"]


@dataclass(frozen=True, slots=True)
class CheckedArray:
    """An array of numbers, or of characters."""

    name: str


@dataclass(frozen=True, slots=True)
class CheckedStructure:
    """One structure, or an array of structures.

    Attributes:
        name: Its name in C.
        type: The type of its elements.
        count: Number of elements; 0 if it is no array.
    """

    name: str
    type: str
    count: int


@dataclass(frozen=True, slots=True)
class Contents:
    """All constants of a model.

    Attributes:
        arrays: What has numbers only.
        structures: What may have pointers.
        pointers: These, as they are in C, in the order of the structures and of their fields.
        fields: The runs of each type of structure: where the first number is in C, and the bytes
            of all; or where a pointer is, and 0.
        crc: CRC-32 of the arrays and of the numbers in structures.
        crc_halves: The same where MLUT_PAIR_HALVES is 1.
    """

    arrays: tuple[CheckedArray, ...]
    structures: tuple[CheckedStructure, ...]
    pointers: tuple[str, ...]
    fields: Mapping[str, tuple[tuple[str, int], ...]]
    crc: int
    crc_halves: int


def contents_of(sources: Sequence[str], known: Mapping[str, int]) -> Contents:
    """Return the constants of C sources; `known` are numbers that macros stand for."""
    found = _contents([_PAIR.sub(_as_number, source) for source in sources], known)
    if not any(_PAIR.search(source) for source in sources):
        return found
    other = _contents([_PAIR.sub(_as_halves, source) for source in sources], known)
    return replace(found, crc_halves=other.crc)


def _as_number(pair: re.Match[str]) -> str:
    """Return MLUT_PAIR as one number, as firmware/include/microlut/pair.h defines it."""
    return str(-(int(pair[2]) + (int(pair[1]) << 16)) & _WORD)


def _as_halves(pair: re.Match[str]) -> str:
    """Return MLUT_PAIR as the halves of a word."""
    return str((int(pair[1]) & 0xFFFF | int(pair[2]) << 16) & _WORD)


def _contents(sources: Sequence[str], known: Mapping[str, int]) -> Contents:
    """Return the constants of C sources without MLUT_PAIR."""
    types = engine_structures()
    names = {**types.macros, **known}
    arrays, structures, pointers, crc = [], [], list[str](), 0
    rest: list[tuple[CheckedStructure, str]] = []
    for source in sources:
        names.update({name: int(value) for name, value in _PLACE.findall(source)})
        for found in _CONSTANT.finditer(source):
            kind, name, length, text = (found[i] for i in (1, 2, 3, 5))  # not a long body
            if kind in types.fields:
                body = _COMMENT.sub("", found[4])
                rest.append((CheckedStructure(name, kind, 1 if length else 0), body))
                continue
            arrays.append(CheckedArray(name))
            if kind == "char":
                crc = zlib.crc32(f"{text}\0".encode(), crc)
            else:
                for some in _numbers(source, *found.span(4), NUMBERS[kind]):
                    crc = zlib.crc32(some, crc)
    for structure, body in rest:
        value = _parsed(body)
        elements = list(value.values()) if structure.count else [value]
        count = len(elements) if structure.count else 0
        structures.append(CheckedStructure(structure.name, structure.type, count))
        for element in elements:
            for _, number, text in _leaves(types, structure.type, "", element):
                if number == POINTER:
                    pointers.append("0" if text in ("NULL", None) else text)
                else:
                    crc = zlib.crc32(_number(text, number, names), crc)
    fields = {s.type: tuple(_runs(types, s.type)) for s in structures}
    return Contents(tuple(arrays), tuple(structures), tuple(pointers), fields, crc, crc)


def runs_of(kind: str) -> tuple[tuple[str, int], ...]:
    """Return the runs of a type of structure, as in `Contents.fields`."""
    return tuple(_runs(engine_structures(), kind))


def _numbers(source: str, start: int, end: int, kind: str) -> Iterator[bytes]:
    """Yield the bytes of an array of numbers, whose text is a part of the source."""
    while start < end:
        line_end = source.find("\n", start + _PIECE, end)
        stop = end if line_end < 0 else line_end
        text = _COMMENT.sub("", source[start:stop]).replace(_LEAST, str(-(2**31)))
        text = text.strip().rstrip(",")
        if text:
            yield np.fromstring(text, dtype=np.int64, sep=",").astype(kind).tobytes()
        start = stop


def _parsed(body: str) -> dict[str | int, Value]:
    """Return the values of an initializer without its outer braces, by field or index."""
    stack: list[dict[str | int, Value]] = [{}]
    keys: list[str | int] = []
    key: str | int | None = None
    for token in _TOKEN.findall(body):
        top = stack[-1]
        if token.startswith("."):
            key = token[1:-2]
        elif token == "{":
            keys.append(len(top) if key is None else key)
            stack.append({})
            key = None
        elif token == "}":
            value = stack.pop()
            stack[-1][keys.pop()] = value
        elif token != ",":
            top[len(top) if key is None else key] = token
            key = None
    return stack[0]


def _leaves(
    types: Structures, kind: str, path: str, value: Value | None
) -> Iterator[tuple[str, str, str | None]]:
    """Yield the path, type and text of all numbers and pointers of a structure."""
    if kind not in types.fields:
        assert not isinstance(value, dict)
        yield path, kind, value
        return
    given: Mapping[str | int, Value] = value if isinstance(value, dict) else {}
    unused = set(given)
    for field in types.fields[kind]:
        here = f"{path}.{field.names[0]}" if path else field.names[0]
        part = next((given[name] for name in field.names if name in given), None)
        unused.difference_update(field.names)
        if not field.length:
            yield from _leaves(types, field.type, here, part)
            continue
        elements: Mapping[str | int, Value] = part if isinstance(part, dict) else {}
        for i in range(field.length):
            yield from _leaves(types, field.type, f"{here}[{i}]", elements.get(i))
    assert not unused, (kind, unused)


def _number(text: str | None, kind: str, names: Mapping[str, int]) -> bytes:
    """Return the bytes of a number as it is in C."""
    if text is None:
        return bytes(np.dtype(NUMBERS[kind]).itemsize)
    if kind == "float":
        return np.array(text.removesuffix("f"), NUMBERS[kind]).tobytes()
    literal = re.sub(r"U?INT64_C\((-?\d+)\)", r"\1", text)
    value = integer(literal)
    size = np.dtype(NUMBERS[kind]).itemsize
    whole = names[literal] if value is None else value
    return whole.to_bytes(size, "little", signed=whole < 0)


def _runs(types: Structures, kind: str) -> Iterator[tuple[str, int]]:
    """Yield where runs of numbers without gaps begin, and their bytes; and where pointers are.

    A number that is no larger than the one before it in the same structure follows it at once.
    """
    start, size, last, inside = "", 0, 0, ""
    for path, number, _ in _leaves(types, kind, "", None):
        bytes_ = 0 if number == POINTER else np.dtype(NUMBERS[number]).itemsize
        parent = path.rpartition(".")[0]
        if size and (not bytes_ or bytes_ > last or parent != inside):
            yield start, size
            size = 0
        if not bytes_:
            yield path, 0
        elif not size:
            start = path
        size += bytes_
        last, inside = bytes_, parent
    if size:
        yield start, size
