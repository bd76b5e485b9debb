"""The charts of a report: memory over time, RAM against time, and weights."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from microlut.plan import Point
from microlut.plan.buffers import PlacedBuffer
from microlut.quantize.levels.densities import DENSITIES, DensityName
from microlut.show.page.svg import Ink, chart
from microlut.verification.histograms import WeightHistogram

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_NAMED_LAYERS = 48  # more have no room for their names
_LONGEST_NAME = 22
_NAME_CHARACTERS, _NAME_HEIGHT = 110, 0.05  # that the axes are wide, and share of their height
_CURVE_POINTS = 301


def memory_chart(
    buffers: Sequence[PlacedBuffer], layers: Sequence[str], arena: int, peak: int
) -> str:
    """Return the arena over the layers: what lies where, and when.

    Args:
        buffers: What the arena holds.
        layers: Names of the layers.
        arena: Its bytes.
        peak: Number of the layer that needs most.
    """

    def draw(axes: Axes) -> None:
        kinds = ((False, Ink.FIRST, "tensors"), (True, Ink.SECOND, "scratch of a layer"))
        for scratch, ink, label in kinds:
            own = [buffer for buffer in buffers if buffer.scratch == scratch]
            axes.bar(
                [buffer.first for buffer in own],
                [buffer.bytes for buffer in own],
                [min(buffer.last, len(layers) - 1) + 1 - buffer.first for buffer in own],
                [buffer.offset for buffer in own],
                align="edge",
                color=ink,
                edgecolor=Ink.PAGE,
                linewidth=0.8,
                label=label,
            )
        for buffer in buffers:
            _name_buffer(axes, buffer, len(layers), arena)
        axes.plot(peak + 0.5, 1.03 * arena, "v", color=Ink.THIRD, markersize=8, label="the peak")
        axes.set_xlim(0, len(layers))
        axes.set_ylim(0, 1.06 * arena)
        _name_layers(axes, layers)
        axes.yaxis.set_major_formatter(lambda value, _: f"{value:,.0f}")
        axes.set_ylabel("place in the arena, bytes")
        axes.grid(axis="x", visible=False)
        axes.legend(loc="lower center", bbox_to_anchor=(0.5, 1.0), ncols=3)

    width = min(10.5, max(6.0, 0.2 * len(layers)))
    label = f"Memory over time: the arena of {arena:,} bytes by layer"
    return chart(draw, label, (width, 3.9), "memory-")


def _name_buffer(axes: Axes, buffer: PlacedBuffer, layers: int, arena: int) -> None:
    """Write a buffer's name into its bar, if there is room."""
    until = min(buffer.last, layers - 1) + 1
    room = (until - buffer.first) / layers * _NAME_CHARACTERS
    if len(buffer.name) <= room and buffer.bytes >= _NAME_HEIGHT * arena:
        axes.text(
            (buffer.first + until) / 2,
            buffer.offset + buffer.bytes / 2,
            buffer.name,
            ha="center",
            va="center",
            fontsize=7,
            color=Ink.PAGE,
            parse_math=False,
        )


def _name_layers(axes: Axes, layers: Sequence[str]) -> None:
    if len(layers) > _NAMED_LAYERS:
        axes.set_xlabel("layer, by number")
        return
    shown = [name if len(name) <= _LONGEST_NAME else f"...{name[-19:]}" for name in layers]
    axes.set_xticks(
        np.arange(len(layers)) + 0.5,
        shown,
        rotation=50,
        ha="right",
        rotation_mode="anchor",
        fontsize=8,
        parse_math=False,
    )


def curve_chart(points: Sequence[Point], now: Point) -> str:
    """Return the instructions of an inference against the bytes of the arena."""

    def draw(axes: Axes) -> None:
        line = sorted({*points, now}, key=lambda point: point.arena_bytes)
        x, y = [p.arena_bytes for p in line], [p.instructions / 1e6 for p in line]
        axes.plot(x, y, "-o", color=Ink.FIRST, markersize=4, linewidth=1.4, label="other arenas")
        here = (now.arena_bytes, now.instructions / 1e6)
        axes.plot(*here, "D", color=Ink.SECOND, markersize=8, label="this one")
        axes.xaxis.set_major_formatter(lambda value, _: f"{value:,.0f}")
        axes.set_ylim(bottom=0)
        axes.margins(x=0.06)
        axes.set_xlabel("arena, bytes")
        axes.set_ylabel("instructions per inference, millions")
        axes.legend(loc="lower left")

    label = f"Instructions against RAM: {len(points)} other arenas"
    return chart(draw, label, (6.4, 3.1), "curve-")


def weights_chart(found: WeightHistogram, number: int) -> str:
    """Return the histogram of a layer's weights with density, thresholds and levels."""

    def draw(axes: Axes) -> None:
        what = "weights of the float model" if found.original else "weights as stored"
        axes.stairs(
            found.densities, found.edges, fill=True, color=Ink.FIRST, alpha=0.55, label=what
        )
        highest = max(found.densities)
        known = [name for name in DensityName if name == found.density]  # not "pruned"
        if known and found.deviation > 0 and found.original:
            x = np.linspace(found.edges[0], found.edges[-1], _CURVE_POINTS)
            density = DENSITIES[known[0]]
            y = density.pdf(np.abs(x) / found.deviation) / found.deviation
            axes.plot(x, y, color=Ink.FOURTH, linewidth=1.4, label=f"{found.density} density")
            highest = max(highest, min(float(y.max()), 1.5 * highest))
        span = axes.get_xaxis_transform()
        if found.thresholds:
            axes.vlines(
                found.thresholds,
                0,
                1,
                transform=span,
                color=Ink.FAINT,
                linestyle=":",
                linewidth=max(0.3, 1 - 0.01 * len(found.thresholds)),
                label=f"{len(found.thresholds)} thresholds",
            )
        if found.levels:
            axes.vlines(
                found.levels,
                0,
                0.07,
                transform=span,
                color=Ink.SECOND,
                linewidth=1.6,
                label=f"{len(found.levels)} levels",
            )
        axes.set_xlim(found.edges[0], found.edges[-1])
        axes.set_ylim(0, 1.05 * highest)
        axes.set_xlabel("weight, in units of its channel's scale: levels are bytes")
        axes.set_ylabel("density")
        axes.legend(loc="upper left")

    label = f"Weights of {found.layer}: {found.weights:,}, {len(found.levels)} levels"
    return chart(draw, label, (6.4, 2.9), f"weights{number}-")
