"""Show results as pictures below their tables, in notebooks."""

from __future__ import annotations

import base64
from importlib.util import find_spec
from typing import TYPE_CHECKING

from microlut.conversion.conversion import Conversion
from microlut.conversion.fits import LayerFit
from microlut.conversion.front import SearchResult
from microlut.project import Project
from microlut.show.page.charts import memory_chart
from microlut.show.page.occupied import buffers_in, peak_of
from microlut.show.page.svg import Ink, chart
from microlut.show.pictures.draw import drawn
from microlut.support.resources import data_folder
from microlut.workflow.outcomes import RunOutcome

if TYPE_CHECKING:
    from collections.abc import Sequence

    from matplotlib.axes import Axes

    from microlut.plan.buffers import PlacedBuffer

_BAR = 0.22  # inches


def picture(result: object) -> str:
    """Return a picture of a result as HTML; "" if it has none, or matplotlib is missing."""
    if find_spec("matplotlib") is None:
        return ""
    if isinstance(result, SearchResult | LayerFit):
        return _image(drawn(result, "svg").decode(), "What was measured")
    if isinstance(result, Conversion):
        report = result.report
        return _memory([each["name"] for each in report.records()], report.buffers)
    if isinstance(result, Project):
        layers = [each["name"] for each in result.report["layers"]]
        return _memory(layers, buffers_in(result.report))
    return _costs(result) if isinstance(result, RunOutcome) else ""


def _memory(layers: Sequence[str], buffers: Sequence[PlacedBuffer]) -> str:
    """Return what lies where in the arena, and when."""
    if not buffers:
        return ""
    arena = max(buffer.offset + buffer.bytes for buffer in buffers)
    chart_of = memory_chart(buffers, layers, arena, peak_of(buffers, len(layers)))
    return _styled(chart_of, "Memory over time")


def _costs(outcome: RunOutcome) -> str:
    """Return what each layer costs, if the run was profiled; else the memory of the image."""
    image, profile = outcome.image, outcome.profile
    if profile is not None:
        bars = [(layer.name, layer.cost) for layer in profile.layers]
        unit = f"{profile.unit} per inference"
    else:
        taken = (
            ("flash", image.flash_bytes),
            ("RAM", image.ram_bytes),
            ("stack used", outcome.stack_bytes),
        )
        bars = [(name, size) for name, size in taken if size is not None]
        unit = "bytes"
    if not bars:  # on this computer, nothing is counted
        return ""

    def draw(axes: Axes) -> None:
        names, costs = zip(*reversed(bars), strict=True)
        axes.barh(range(len(bars)), costs, color=Ink.FIRST)
        axes.set_yticks(range(len(bars)), names, parse_math=False)
        axes.xaxis.set_major_formatter(lambda value, _: f"{value:,.0f}")
        axes.set_xlabel(unit)

    size = (6.4, 0.8 + _BAR * len(bars))
    return _styled(chart(draw, unit, size, "run-"), unit)


def _styled(svg: str, label: str) -> str:
    """Return a chart of the report with the report's colours."""
    style = (data_folder("templates") / "report.css").read_text(encoding="utf-8")
    colours = style[: style.index("* {")] + "svg { background: var(--page); }"
    head, _, body = svg.partition(">")
    spaces = 'xmlns="http://www.w3.org/2000/svg"'
    return _image(f"{head} {spaces}><style>{colours}</style>{body}", label)


def _image(svg: str, label: str) -> str:
    """Return an SVG document as an image, so that no two of a notebook share names."""
    data = base64.b64encode(svg.encode()).decode()
    return f'<p><img alt="{label}" src="data:image/svg+xml;base64,{data}"></p>'
