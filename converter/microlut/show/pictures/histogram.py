"""Draw a fit: the histogram of the weights, both densities and the levels."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from microlut.ops.weights import Granularity
from microlut.quantize.levels.codebook import Codebook, DensityFit
from microlut.quantize.levels.densities import DENSITIES, Array
from microlut.show.pictures.figure import write_figure

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_REACH = 8.0  # deviations from the centre, at most: an outlier must not fill the axis
_FEWEST_BINS, _MOST_BINS = 10, 120
_CURVE_POINTS = 401
_HIGHEST_CURVE = 1.5  # times the highest bin: a density that does not fit must not flatten the rest
_WEIGHTS, _LEVELS, _CLIPPED = "#b8c4d0", "#c0392b", "#fbeee6"
_CURVES = {"gaussian": "#1f4e79", "laplace": "#2e7d32"}


def draw_fit(
    book: Codebook,
    weights: NDArray[np.floating],
    title: str,
    path: Path,
    granularity: Granularity = "tensor",
) -> None:
    """Write a picture of fitted weights; equal arguments give equal bytes.

    Args:
        book: The result of `fit_codebook` for `weights`.
        weights: The fitted weights, of any shape.
        title: Title above the picture.
        path: A .png or .svg file, written completely or not at all; its folder is made if missing.
        granularity: "channel" if each channel was divided by its root mean square.

    Raises:
        InvalidInput: The file has another extension, or cannot be written.
    """
    write_figure(lambda axes: draw_histogram(axes, book, weights, granularity), title, path)


def draw_histogram(
    axes: Axes, book: Codebook, fitted: NDArray[np.floating], granularity: Granularity
) -> None:
    """Draw fitted weights on axes; the arguments are those of `draw_fit`."""
    weights = np.asarray(fitted, dtype=np.float64).ravel()
    unit = ", in multiples of its channel's root mean square" if granularity == "channel" else ""
    low, high = _view(book, weights)
    shown = weights[(weights >= low) & (weights <= high)]
    bins = int(np.clip(2 * np.sqrt(shown.size), _FEWEST_BINS, _MOST_BINS))
    counts, edges = np.histogram(shown, bins, (low, high))
    heights = counts / (weights.size * np.diff(edges))
    axes.stairs(heights, edges, fill=True, color=_WEIGHTS, label=f"{weights.size:,} weights")
    x = np.linspace(low, high, _CURVE_POINTS)
    peak = float(heights.max())
    for fit in (book.gaussian, book.laplace):
        top = _draw_density(axes, fit, x, chosen=fit.density is book.density)
        peak = max(peak, min(top, _HIGHEST_CURVE * float(heights.max())))
    _draw_codebook(axes, book, (low, high))
    axes.set_xlim(low, high)
    axes.set_ylim(0, 1.05 * peak)
    axes.set_xlabel(f"weight{unit}")
    axes.set_ylabel("density, share of weights per unit")
    beyond = weights.size - shown.size
    note = f"; {beyond:,} weights are outside the picture" if beyond else ""
    axes.set_title(
        f"mean squared error {book.mse:.4g}, predicted {book.predicted_mse:.4g}{note}", fontsize=9
    )
    axes.legend(loc="upper left", fontsize=8, framealpha=0.9)


def _view(book: Codebook, weights: Array) -> tuple[float, float]:
    """Return the range of weights to draw: all except far outliers."""
    fit, (clip_low, clip_high) = book.fit, book.clipping
    low = max(float(weights.min()), fit.center - _REACH * fit.deviation)
    high = min(float(weights.max()), fit.center + _REACH * fit.deviation)
    low, high = min(low, clip_low), max(high, clip_high)
    margin = 0.04 * (high - low) or 0.1 * abs(high) or 1.0
    return low - margin, high + margin


def _draw_density(axes: Axes, fit: DensityFit, x: Array, *, chosen: bool) -> float:
    """Draw a density and return its highest value."""
    label = f"{fit.density.title()}, KS {fit.ks:.4f}{' (chosen)' if chosen else ''}"
    y = np.zeros_like(x)
    if fit.deviation > 0:
        y = DENSITIES[fit.density].pdf(np.abs(x - fit.center) / fit.deviation) / fit.deviation
    width, line = (1.8, "-") if chosen else (1.2, "--")
    axes.plot(x, y, line, color=_CURVES[fit.density], linewidth=width, label=label)
    return float(y.max())


def _draw_codebook(axes: Axes, book: Codebook, view: tuple[float, float]) -> None:
    """Mark the levels on the axis, the thresholds as lines, and the clipped ranges."""
    low, high = book.clipping
    axes.axvspan(view[0], low, color=_CLIPPED, zorder=0)
    clipped = f"clipped: below {low:.3g}, above {high:.3g}"
    axes.axvspan(high, view[1], color=_CLIPPED, zorder=0, label=clipped)
    span = axes.get_xaxis_transform()
    axes.vlines(
        book.thresholds,
        0,
        1,
        transform=span,
        color="black",
        linestyle=":",
        linewidth=max(0.2, 1.2 - 0.01 * book.thresholds.size),
        label=f"{book.thresholds.size} thresholds",
    )
    label = f"{book.levels.size} levels"
    axes.vlines(book.levels, 0, 0.06, transform=span, color=_LEVELS, linewidth=1.6, label=label)
