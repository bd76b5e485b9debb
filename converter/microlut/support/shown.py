"""Let results show themselves: a few lines in a terminal, a table in a notebook, plain records.

`pandas.DataFrame(result.records())` makes a data frame of them; pandas is not needed for anything.
"""

from __future__ import annotations

import os
import reprlib
import textwrap
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from enum import Enum
from html import escape
from itertools import chain
from typing import Any, Protocol, TypeVar

Record = dict[str, Any]

_LINES, _COLUMNS = 5, 100
_LONGEST_TEXT = 60
_FEW = 4  # values of a tuple that are shown themselves
_PLAIN = str | bool | int | float | None


class Shown:
    """A dataclass or table that shows itself; as records it has its plain fields, if no others."""

    __slots__ = ()

    def records(self) -> list[Record]:
        """Return the rows of the table that this is, as dicts of plain values."""
        return [{name: plain(value) for name, value in _fields(self) if _is_plain(value)}]

    def __repr__(self) -> str:
        """Return the fields in a few lines, without what is in arrays and long texts."""
        fields = ", ".join(f"{name}={_short(value)}" for name, value in _fields(self))
        return _in_few_lines(f"{type(self).__name__}({fields})")

    def __str__(self) -> str:
        """Return the same; pydantic would print all."""
        return repr(self)

    def _repr_html_(self) -> str:
        """Return the records as a table, for notebooks, and the picture of what has one."""
        return html_table(self.records()) + _Pictures.of(self)


class _Pictures:
    """What makes a picture of a result; later stages know how."""

    of: Callable[[object], str] = staticmethod(lambda result: "")


def show_pictures(picture: Callable[[object], str]) -> None:
    """Let notebooks show below a table what a function returns as HTML; "" is no picture."""
    _Pictures.of = staticmethod(picture)


class _HasRecords(Protocol):
    def records(self) -> list[Record]: ...


_Item = TypeVar("_Item", bound=_HasRecords)


class Listing(tuple[_Item, ...]):
    """Several results in a tuple that shows itself as one table."""

    __slots__ = ()

    def records(self) -> list[Record]:
        """Return the records of all."""
        return [record for item in self for record in item.records()]

    def __repr__(self) -> str:
        """Return what the first are, in a few lines."""
        return _in_few_lines(f"({', '.join(map(_short, self))})")

    def _repr_html_(self) -> str:
        """Return the records as a table, for notebooks."""
        return html_table(self.records())


def plain(value: object) -> object:
    """Return a field as a record has it: words of enums and paths become texts."""
    if isinstance(value, Enum):
        return value.value
    return os.fspath(value) if isinstance(value, os.PathLike) else value


def html_table(records: Sequence[Record]) -> str:
    """Return records as an HTML table; one alone becomes a column of names and one of values."""
    if len(records) == 1:
        rows = "".join(
            f"<tr><th>{_words(name)}</th>{_cell(value)}</tr>" for name, value in records[0].items()
        )
        return f"<table>{rows}</table>"
    names = list(dict.fromkeys(chain.from_iterable(records)))
    head = "".join(f"<th>{_words(name)}</th>" for name in names)
    rows = "".join(
        f"<tr>{''.join(_cell(record.get(name)) for name in names)}</tr>" for record in records
    )
    return f"<table><thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table>"


def _fields(value: object) -> Iterator[tuple[str, object]]:
    kind = type(value)
    names = getattr(kind, "__dataclass_fields__", None) or getattr(kind, "model_fields", {})
    return ((name, getattr(value, name)) for name in names if not name.startswith("_"))


def _is_plain(value: object) -> bool:
    if isinstance(value, tuple):
        return all(isinstance(each, bool | int | float) for each in value)
    return isinstance(value, _PLAIN | Enum | os.PathLike)


def _short(value: object) -> str:
    """Return a value in a few words: arrays and long texts by their size, objects by their name."""
    value = plain(value)
    if isinstance(value, str) and len(value) > _LONGEST_TEXT:
        start, end = value[: _LONGEST_TEXT // 2], value[-_LONGEST_TEXT // 2 :]
        value = f"{start}...{end}" if "\n" not in value else f"{value.splitlines()[0][:20]}..."
    if isinstance(value, _PLAIN):
        return repr(value)
    if isinstance(value, tuple | list) and len(value) <= _FEW and all(map(_is_plain, value)):
        return reprlib.repr(value)
    return f"<{_what(value)}>"


def _what(value: object) -> str:
    """Return what an object is: its type and its name, or how many values it has."""
    kind, shape = type(value).__name__, getattr(value, "shape", None)
    if shape is not None and hasattr(value, "dtype"):
        return f"{value.dtype} {list(shape)}"
    if isinstance(value, bytes):
        return f"{len(value):,} bytes"
    name = getattr(value, "name", None) or getattr(value, "id", None)
    if isinstance(name, str):
        return f"{kind} {name}"
    if isinstance(value, Mapping | Collection) and not isinstance(value, Shown):
        return f"{len(value)} in a {kind}"
    return kind


def _in_few_lines(text: str) -> str:
    lines = textwrap.wrap(
        text,
        _COLUMNS,
        max_lines=_LINES,
        placeholder=" ...",
        subsequent_indent="    ",
        break_on_hyphens=False,
    )
    return "\n".join(lines)


def _words(name: str) -> str:
    return escape(name.replace("_", " "))


def _cell(value: object) -> str:
    if isinstance(value, bool | None):
        text = {True: "yes", False: "no", None: ""}[value]
    elif isinstance(value, int):
        text = f"{value:,}"
    elif isinstance(value, float):
        text = f"{value:.4g}"
    elif isinstance(value, tuple | list):
        text = "x".join(map(str, value))
    else:
        text = str(value)
    side = "right" if isinstance(value, int | float) else "left"
    return f'<td style="text-align: {side}">{escape(text)}</td>'
