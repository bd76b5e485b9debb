"""Write a report as one HTML page that needs nothing else."""

from __future__ import annotations

from collections.abc import Iterator

from markupsafe import Markup

from microlut.codegen.environment import environment
from microlut.show.page.charts import curve_chart, memory_chart, weights_chart
from microlut.show.page.contents import Contents, LayerRow
from microlut.show.page.wires import Wires
from microlut.support.resources import data_folder
from microlut.support.texts import visible_lines
from microlut.verification.answers import Answers
from microlut.workflow.overview import Overview

_MOST_CHARTS = 40  # of weights: more take minutes; the largest layers are drawn
_LANE, _ROW = 12, 40  # pixels
_MIDDLE = _ROW // 2


def html_page(found: Overview) -> str:
    """Return the page of an overview; equal overviews give equal pages."""
    page = Contents(found)
    template = environment().overlay(autoescape=True).get_template("report.html.j2")
    style = (data_folder("templates") / "report.css").read_text(encoding="utf-8")
    memory, curve = _memory(page), _curve(page)
    weights = [
        (each, _drawing(weights_chart(each, number))) for number, each in enumerate(found.weights)
    ]
    text = template.render(
        page=page,
        facts=page.facts,
        style=_drawing(style),
        sections=list(_sections(page, bool(memory), bool(curve))),
        drawn=[_drawn(row, page.lanes[1]) for row in page.layers],
        memory=memory,
        curve=curve,
        matrices=[(each.form, _shares(each)) for each in found.answers] if page.confusion else [],
        weights=weights,
        overlaps=any(each.overlap for each in found.weights),
    )
    return visible_lines(text)


def _sections(page: Contents, memory: bool, curve: bool) -> Iterator[tuple[str, str]]:
    """Yield the id and the name of each section that the page has."""
    there = (
        ("findings", "What looks wrong", bool(page.findings)),
        ("advice", "What would help", bool(page.advice)),
        ("network", "Network", True),
        ("memory", "Memory over time", memory),
        ("curve", "RAM against time", curve),
        ("flash", "Flash by part", bool(page.found.parts)),
        ("answers", "Answers", bool(page.found.answers or page.quality)),
        ("weights", "Weights", bool(page.found.weights)),
        ("making", "How it was made", True),
    )
    return ((id_, name) for id_, name, shown in there if shown)


def _drawing(made: str) -> Markup:
    """Mark a style or drawing of our own as HTML; names in it are escaped already."""
    return Markup(made)  # nosec B704


def _memory(page: Contents) -> Markup | None:
    if not page.buffers:
        return None
    names = [layer["name"] for layer in page.facts["layers"]]
    return _drawing(memory_chart(page.buffers, names, page.facts["arena_bytes"], page.peak[0]))


def _curve(page: Contents) -> Markup | None:
    if page.now is None or len(page.curve) < 2:
        return None
    return _drawing(curve_chart(page.curve, page.now))


def _shares(found: Answers) -> list[list[tuple[int, float]]]:
    """Return the matrix's rows with each value's share of its row."""
    rows = found.matrix().tolist()
    return [[(value, value / max(1, sum(row))) for value in row] for row in rows]


def _drawn(row: LayerRow, lanes: int) -> Markup:
    """Return the lines beside a layer as an SVG element."""
    width = _LANE * (lanes + 1)
    parts = list(_lines(row.wires))
    kind = "" if row.bytes else ' class="no-weights"'
    parts.append(f'<circle{kind} cx="{_LANE}" cy="{_MIDDLE}" r="4.5"/>')
    return _drawing(
        f'<svg aria-hidden="true" width="{width}" height="{_ROW}" viewBox="0 0 {width} {_ROW}">'
        f"{''.join(parts)}</svg>"
    )


def _lines(found: Wires) -> Iterator[str]:
    if found.from_above:
        yield _line(0, 0, _MIDDLE)
    if found.to_below:
        yield _line(0, _MIDDLE, _ROW)
    for lane in found.passes:
        yield _line(lane, 0, _ROW)
    for lane in found.enters:
        x = _at(lane)
        yield f'<path d="M{x} 0C{x} {_MIDDLE} {x} {_MIDDLE} {_LANE} {_MIDDLE}"/>'
        if lane not in found.ends:
            yield _line(lane, 0, _ROW)
    if found.leaves is not None:
        x = _at(found.leaves)
        yield f'<path d="M{_LANE} {_MIDDLE}C{x} {_MIDDLE} {x} {_MIDDLE} {x} {_ROW}"/>'


def _line(lane: int, top: int, bottom: int) -> str:
    x = _at(lane)
    return f'<line x1="{x}" y1="{top}" x2="{x}" y2="{bottom}"/>'


def _at(lane: int) -> int:
    return _LANE * (lane + 1)
