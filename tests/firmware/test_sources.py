"""What newer compilers refuse, which the compilers that other tests have do not know."""

from __future__ import annotations

import re

import pytest

from microlut.support.resources import data_folder

SOURCES = sorted(
    path for kind in ("firmware", "templates") for path in data_folder(kind).rglob("*.[chj]*")
)
STRING = re.compile(r'char \w+\[(\d+)\] = "((?:[^"\\]|\\.)*)"')


def without_room(text: str) -> list[str]:
    """Return the arrays of characters that have no room for the end of their string."""
    found = ((match[0], int(match[1]), match[2]) for match in STRING.finditer(text))
    return [whole for whole, size, string in found if len(re.sub(r"\\.", "x", string)) >= size]


def test_arrays_without_room_are_found():
    assert without_room('char a[3] = "abc"; char b[4] = "abc"; char c[2] = "\\n\\0";') == [
        'char a[3] = "abc"',
        'char c[2] = "\\n\\0"',
    ]


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: path.name)
def test_strings_have_room_for_their_end(path):
    # GCC 15 and newer: -Wunterminated-string-initialization, an error by -Werror
    assert without_room(path.read_text(encoding="utf-8")) == []
