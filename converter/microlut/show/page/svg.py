"""Draw charts as SVG that takes its colours and its font from the page around it."""

from __future__ import annotations

import io
import re
import warnings
from collections.abc import Callable
from enum import StrEnum
from html import escape
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_PIXELS_PER_INCH = 72  # of matplotlib's SVG
_POINTS = 9
_KEPT_ID = re.compile(r' id="([^"]*)"')
_REFERENCE = re.compile(r'(?:url\(#|xlink:href="#)([^)"]*)')


class Ink(StrEnum):
    """Colours that stand for variables of the page's style, `--` and the name in lower case.

    matplotlib draws with the value; no picture has these colours by chance.
    """

    TEXT = "#010101"
    FAINT = "#010102"
    GRID = "#010103"
    FIRST = "#010104"
    SECOND = "#010105"
    THIRD = "#010106"
    FOURTH = "#010107"
    PAGE = "#010108"


def chart(draw: Callable[[Axes], None], label: str, size: tuple[float, float], prefix: str) -> str:
    """Return one pair of axes as an SVG element, with the same bytes every time.

    Args:
        draw: Draws on the axes, with the colours of `Ink`.
        label: What it shows, for those who do not see it.
        size: Width and height in inches; the page may make it smaller.
        prefix: Begin of the ids in it, which no other chart of the page has.
    """
    # Imported here, because it takes half a second to load.
    from matplotlib import style
    from matplotlib.figure import Figure

    buffer = io.StringIO()
    with style.context(["default", _style()]), warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Glyph")  # the browser's fonts have more than these
        figure = Figure(figsize=size, layout="constrained")
        draw(figure.add_subplot())
        figure.savefig(
            buffer, format="svg", transparent=True, metadata={"Date": None, "Creator": None}
        )
    return _inline(buffer.getvalue(), label, size, prefix)


def _style() -> dict[str, object]:
    return {
        "svg.hashsalt": "microlut",
        "svg.fonttype": "none",  # text stays text
        "font.size": _POINTS,
        "text.color": Ink.TEXT,
        "axes.edgecolor": Ink.FAINT,
        "axes.labelcolor": Ink.TEXT,
        "axes.axisbelow": True,
        "axes.spines.top": False,
        "axes.spines.right": False,
        "axes.grid": True,
        "grid.color": Ink.GRID,
        "grid.linewidth": 0.6,
        "xtick.color": Ink.FAINT,
        "ytick.color": Ink.FAINT,
        "xtick.labelcolor": Ink.TEXT,
        "ytick.labelcolor": Ink.TEXT,
        "legend.frameon": False,
        "legend.fontsize": _POINTS - 1,
    }


def _inline(document: str, label: str, size: tuple[float, float], prefix: str) -> str:
    """Return the SVG element of a document, with the page's colours and ids of its own."""
    svg = document[document.index("<svg") :]
    svg = re.sub(r"<metadata>.*?</metadata>", "", svg, flags=re.DOTALL)
    body = svg[svg.index(">") + 1 :]
    used = set(_REFERENCE.findall(body))
    body = _KEPT_ID.sub(lambda m: f' id="{prefix}{m[1]}"' if m[1] in used else "", body)
    body = _REFERENCE.sub(lambda m: m[0].replace(f"#{m[1]}", f"#{prefix}{m[1]}"), body)
    body = re.sub(r"font: [^;\"]*;?", _font_size, body)
    for ink in Ink:
        body = body.replace(ink.value, f"var(--{ink.name.lower()})")
    width, height = (round(_PIXELS_PER_INCH * inches, 2) for inches in size)
    return (
        f'<svg class="chart" role="img" aria-label="{escape(label)}" viewBox="0 0 {width:g} '
        f'{height:g}" style="max-width: {1.35 * width:g}px" '
        f'xmlns:xlink="http://www.w3.org/1999/xlink">{body}'
    )


def _font_size(found: re.Match[str]) -> str:
    """Return the size of a font, without its family: the page has its own."""
    size = re.search(r"[\d.]+px", found[0])
    return "" if size is None else f"font-size: {size[0]};"
