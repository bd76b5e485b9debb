"""Write a report as Markdown, which has everything but the charts."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence

from microlut.show.page.contents import Contents
from microlut.support.texts import visible
from microlut.workflow.overview import Overview

_SPECIAL = re.compile(r"([\\`*_{}\[\]<>#|])")


def markdown_page(found: Overview) -> str:
    """Return the report of an overview as Markdown."""
    return "\n".join(_lines(Contents(found))) + "\n"


def _lines(page: Contents) -> Iterator[str]:
    yield f"# {_text(page.title)}"
    yield ""
    yield from _table(("", "", ""), ((f.label, f.value, f.note) for f in page.headline))
    if page.findings:
        yield from ("", "## What looks wrong", "")
        yield from (f"- {_text(line)}" for line in page.findings)
    if page.advice:
        yield from ("", "## What would help most", "")
        rows = ((one.goal, one.what, one.effect) for one in page.advice)
        yield from _table(("for", "what", "expected"), rows)
    yield from ("", "## The network", "")
    yield from _network(page)
    if page.buffers:
        yield from ("", "## Memory over time", "", _text(page.peak[1]))
    if page.curve:
        yield from ("", "## RAM against time", "")
        points = ((f"{p.arena_bytes:,}", f"{p.instructions:,.0f}") for p in page.curve)
        yield from _table(("arena, bytes", "instructions, estimated"), points, ">>")
    if page.found.parts:
        yield from ("", "## Flash by part", "")
        parts = ((name, f"{size:,}") for name, size in page.found.parts)
        yield from _table((f"part, on {page.board}", "bytes"), parts, "<>")
    if page.found.answers or page.quality:
        yield from ("", "## Answers", "")
        yield from map(_text, page.quality)
        for form, pairs in page.confused:
            if pairs:
                yield f"- {_text(form)}, most frequent wrong answers: {_text('; '.join(pairs))}"
    yield from ("", "## How it was made", "")
    yield from _table(("", "", ""), ((f.label, f.value, f.note) for f in page.making))
    for note in page.found.notes:
        yield from ("", f"{_text(note)}.")


def _network(page: Contents) -> Iterator[str]:
    headers = ["layer", "kind", "output", "bits", "bytes", "instructions", "SNR"]
    rows = [
        [row.name, row.kind, row.shape, row.bits, f"{row.bytes:,}", f"{row.cost:,}", row.snr]
        for row in page.layers
    ]
    if page.found.figures:
        headers.append("added noise")
        for cells, row in zip(rows, page.layers, strict=True):
            cells.append(row.noise)
    return _table(headers, rows, "<<<>>>>>")


def _table(headers: Sequence[str], rows: Iterable[Sequence[str]], sides: str = "") -> Iterator[str]:
    sides = sides.ljust(len(headers), "<")
    yield f"| {' | '.join(map(_text, headers))} |"
    yield f"|{'|'.join('--:' if side == '>' else '---' for side in sides[: len(headers)])}|"
    for row in rows:
        yield f"| {' | '.join(map(_text, row))} |"


def _text(text: str) -> str:
    """Return text whose characters have no meaning in Markdown."""
    return _SPECIAL.sub(r"\\\1", visible(text))
