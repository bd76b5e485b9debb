"""Draw the front of a search: loss against bytes."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import numpy as np

from microlut.conversion.front import Point, PointKind, SearchResult
from microlut.quantize.levels.densities import Array
from microlut.show.pictures.figure import write_figure

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.text import Annotation
    from matplotlib.transforms import Bbox

_MARKS: dict[PointKind, tuple[str, str, str]] = {  # marker, colour, text of the legend
    "uniform": ("s", "#1f4e79", "the same bits for all layers"),
    "allocated": ("o", "#c0392b", "bits chosen layer by layer, average"),
}
_FRONT = "#7a8794"
_LINEAR_DROP = 1.0  # points; below it the axis is linear, since the loss may be zero or negative
_SAME_DROP = 0.005  # points; smaller differences are not shown either
_BELOW = 0.06  # space drawn below the smallest drop
_DROPS = (-1, -0.6, -0.4, -0.2, 0, 0.2, 0.4, 0.6, 0.8, 1, 2, 5, 10, 20, 50, 100)
_MARK_SIZE = 5.0  # points of 1/72 inch
_REACHES = (4.5, 8.0, 12.0)  # distance of a label from the middle of its mark, in the same unit
_SIDES = ((0, 1), (1, 0), (0, -1), (-1, 0), (1, 1), (-1, -1), (-1, 1), (1, -1))  # right, up
_HORIZONTAL: dict[int, Literal["left", "center", "right"]] = {-1: "right", 0: "center", 1: "left"}
_VERTICAL: dict[int, Literal["top", "center", "bottom"]] = {-1: "top", 0: "center", 1: "bottom"}
_STEPS = 200  # of a line between two points


def draw_front(result: SearchResult, title: str, path: Path) -> None:
    """Write a picture of a search; equal arguments give equal bytes.

    Args:
        result: The result of `search`.
        title: Title above the picture.
        path: A .png or .svg file, written completely or not at all; its folder is made if missing.

    Raises:
        InvalidInput: The file has another extension, or cannot be written.
    """
    write_figure(lambda axes: draw_search(axes, result), title, path)


def draw_search(axes: Axes, result: SearchResult) -> None:
    """Draw a search on axes."""
    points = result.points
    drops = _telling_drops(points)
    losses = [p.quality.divergence for p in points] if drops is None else drops
    places = np.array([(p.flash_bytes, loss) for p, loss in zip(points, losses, strict=True)])
    joined = places[[point.on_front for point in points]]
    axes.plot(*joined.T, "-", color=_FRONT, linewidth=1.2, zorder=1, label="front")
    for kind, (mark, color, label) in _MARKS.items():
        for on_front, face in ((True, color), (False, "white")):
            own = [p.kind == kind and p.on_front == on_front for p in points]
            axes.plot(*places[own].T, mark, color=color, mfc=face, markersize=_MARK_SIZE)
        axes.plot([], [], mark, color=color, markersize=_MARK_SIZE, label=label)
    label = "hollow: something as small diverges less"
    axes.plot([], [], "o", color=_FRONT, mfc="white", markersize=_MARK_SIZE, label=label)
    _draw_axes(axes, result, losses, by_drop=drops is not None)
    _label(axes, points, places, joined)


def _telling_drops(points: Sequence[Point]) -> list[float] | None:
    """Return the expected drops; None where some are unknown, or all are the same."""
    drops = [p.quality.expected_drop for p in points if p.quality.expected_drop is not None]
    same = max(drops, default=0.0) - min(drops, default=0.0) < _SAME_DROP
    return None if len(drops) < len(points) or same else drops


def _draw_axes(axes: Axes, result: SearchResult, losses: Sequence[float], *, by_drop: bool) -> None:
    from matplotlib.ticker import FixedLocator, FuncFormatter, NullLocator

    inputs = "synthetic inputs" if result.synthetic else "calibration inputs, held out"
    judged = f"on {result.points[0].quality.inputs} {inputs}"
    if by_drop:
        axes.set_yscale("symlog", linthresh=_LINEAR_DROP, linscale=0.8)
        axes.yaxis.set_major_locator(FixedLocator(_DROPS))
        axes.yaxis.set_minor_locator(NullLocator())
        axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
        axes.set_ylim(min(0.0, *losses) - _BELOW, 1.3 * max(1.0, *losses))
        axes.set_ylabel("expected drop of accuracy, points")
    else:
        axes.set_yscale("log" if max(losses) > 0 else "linear")
        of_classes = result.points[0].quality.agreement is not None
        unit = "nats" if of_classes else "squared error over squared outputs"
        axes.set_ylabel(f"divergence, {unit}")
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,.0f}"))
    axes.set_xlabel("bytes of flash: weights, codebooks and output stages")
    axes.set_title(judged, fontsize=9)
    axes.margins(x=0.06)
    axes.grid(color="#e4e8ec", linewidth=0.6)
    axes.set_axisbelow(True)
    axes.legend(loc="upper right", fontsize=8, framealpha=0.9)


def _label(axes: Axes, points: Sequence[Point], places: Array, joined: Array) -> None:
    """Label each point beside its mark, if there is a free place."""
    from matplotlib.transforms import Bbox

    figure, legend = axes.get_figure(root=True), axes.get_legend()
    assert figure is not None
    assert legend is not None
    figure.draw_without_rendering()  # lays the axes out
    half = _MARK_SIZE * figure.dpi / 72 / 2
    marks = axes.transData.transform(places)
    line = _dense(axes.transData.transform(joined))
    taken = [legend.get_window_extent()]
    taken += [Bbox.from_extents(x - half, y - half, x + half, y + half) for x, y in marks]
    for point, place in zip(points, places, strict=True):
        name = point.label if point.label == "int8" else f"{point.asked:g}"
        color = _MARKS[point.kind][1]
        text = axes.annotate(
            name, place, (0, 0), textcoords="offset points", color=color, fontsize=8
        )
        text.set_in_layout(False)
        for box in _boxes(text):
            inside = axes.bbox.count_contains(box.corners()) == 4
            if inside and not box.count_overlaps(taken) and not box.count_contains(line):
                taken.append(box)
                break
        else:
            text.remove()


def _boxes(text: Annotation) -> Iterator[Bbox]:
    """Move a label from place to place, the nearest first; yield its pixels at each."""
    for reach in _REACHES:
        for x, y in _SIDES:
            text.set_position((x * reach, y * reach))
            text.set_horizontalalignment(_HORIZONTAL[x])
            text.set_verticalalignment(_VERTICAL[y])
            yield text.get_window_extent()


def _dense(corners: Array) -> Array:
    """Return points on the line through corners [n, 2] in pixels, close enough to hit any label."""
    steps = np.linspace(0, 1, _STEPS)[:, None]
    return np.concatenate([corners, *(a + steps * (b - a) for a, b in pairwise(corners))])
