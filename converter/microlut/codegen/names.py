"""Make C identifiers and comments from the names of files and layers."""

from __future__ import annotations

import re
from collections.abc import Iterable

from microlut.support.texts import is_plain

_WORDS = """
alignas alignof asm auto bool break case char class const constexpr continue default delete do
double else enum extern false float for goto if inline int long main namespace new nullptr
operator private public register restrict return short signed sizeof static static_assert struct
switch template this thread_local true typedef typeof union unsigned using virtual void volatile
while
"""
_KEYWORDS = frozenset(_WORDS.split())  # of C and of C++
_HEADER_WORDS = """
arduino assert complex ctype errno fenv float inttypes iso646 limits locale main math setjmp signal
stdalign stdarg stdatomic stdbool stddef stdint stdio stdlib stdnoreturn string tgmath threads time
uchar unistd wchar wctype
"""
_HEADERS = frozenset(_HEADER_WORDS.split())  # or of projects: a model's NAME.h would hide it
_LONGEST = 40  # C11 promises 63 significant characters; prefix, layer and suffix share them


def identifier(name: str) -> str:
    """Return a lower-case C identifier that resembles `name`.

    Example:
        >>> identifier("My-Net v2"), identifier("2nd"), identifier("int"), identifier("mlut_x")
        ('my_net_v2', 'm_2nd', 'int_model', 'm_mlut_x')
        >>> identifier("math")
        'math_model'
    """
    cleaned = re.sub(r"[^a-z0-9]+", "_", name.lower()).strip("_")[:_LONGEST].strip("_")
    if not cleaned:
        return "model"
    if cleaned[0].isdigit() or cleaned.startswith("mlut"):
        cleaned = f"m_{cleaned}"
    return f"{cleaned}_model" if cleaned in _KEYWORDS | _HEADERS else cleaned


def unique_identifiers(names: Iterable[str]) -> dict[str, str]:
    """Return a distinct identifier for each distinct name, in the order given."""
    taken: set[str] = set()
    result = {}
    for name in names:
        base = candidate = identifier(name)
        number = 1
        while candidate in taken:
            number += 1
            candidate = f"{base}_{number}"
        taken.add(candidate)
        result[name] = candidate
    return result


def comment(text: str) -> str:
    """Return text that can neither end its C comment nor continue a line."""
    printable = "".join(c if is_plain(c) and c != "\\" else " " for c in text)
    ascii_only = printable.encode("ascii", "replace").decode()
    return ascii_only.replace("*/", "* /").replace("/*", "/ *").replace("??/", "? ? /")
