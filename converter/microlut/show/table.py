"""Lay out tables and numbers.

Columns are separated by two spaces and never wrapped, so that people can read them in a terminal
and other programs can split them.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence


def table(headers: Sequence[str], rows: Iterable[Sequence[str]], numbers: str = "") -> str:
    """Return an aligned table; columns whose place in `numbers` is ">" are aligned right.

    >>> print(table(("form", "inputs"), [("host", "5"), ("interpreter", "20")], "<>"))
    form         inputs
    host              5
    interpreter      20
    """
    cells = [list(headers), *map(list, rows)]
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    sides = numbers.ljust(len(widths), "<")
    lines = [
        "  ".join(
            f"{cell:{side}{width}}" for cell, side, width in zip(row, sides, widths, strict=True)
        )
        for row in cells
    ]
    return "\n".join(line.rstrip() for line in lines)


def size_text(size: int) -> str:
    """Return a number of bytes with its unit."""
    return f"{size:,} bytes"


def count_text(value: int) -> str:
    """Return a number with separators; nothing for zero."""
    return f"{value:,}" if value else ""


def percent_text(value: float) -> str:
    """Return a percentage with two decimals."""
    return f"{value:.2f} %"
