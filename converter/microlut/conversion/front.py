"""What accuracy costs in bytes: the points that a search measured, as JSON and as text."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Literal

from microlut.quantize.quality import Quality
from microlut.show.runs import percent_text, size_text, table
from microlut.version import VERSION

PointKind = Literal["uniform", "allocated"]

_PLAIN_INT8 = 8  # bits
_ADVISED_DROP = 1.0  # points of accuracy


@dataclass(frozen=True, slots=True)
class Point:
    """One quantization of a model, and what it costs and loses.

    Attributes:
        kind: Whether all layers have the same bits, or bits were chosen for each of them.
        asked: The bits of all layers, or the most bits a weight on average. Layers whose bits are
            pinned keep theirs.
        average_bits: Bits a weight that came of it.
        flash_bytes: Of weights, codebooks and output stages.
        bits: By layer.
        quality: On inputs that it was not quantized by, if there are any.
        on_front: Whether no other point is as small and as near to the float network.
    """

    kind: PointKind
    asked: float
    average_bits: float
    flash_bytes: int
    bits: Mapping[str, int]
    quality: Quality
    on_front: bool

    @property
    def label(self) -> str:
        """What tables call it."""
        if self.kind == "allocated":
            return f"{self.asked:g} bits on average"
        return "int8" if self.asked == _PLAIN_INT8 else f"{self.asked:g} bits"

    @property
    def option(self) -> str:
        """The option of `microlut convert` that makes it, where no layer's bits are pinned."""
        return f"{'--average-bits' if self.kind == 'allocated' else '--bits'} {self.asked:g}"

    def as_json(self) -> dict[str, object]:
        """Return the point as JSON values."""
        return {"label": self.label, **asdict(self), "quality": self.quality.as_json()}


@dataclass(frozen=True, slots=True)
class SearchResult:
    """What was found.

    Attributes:
        model: Its name.
        synthetic: Whether the qualities are of synthetic inputs, for want of calibration inputs.
        pinned: Whether the bits of some layers are.
        points: From small to large; there is at least one.
    """

    model: str
    synthetic: bool
    pinned: bool
    points: tuple[Point, ...]

    @property
    def advised(self) -> Point | None:
        """The smallest point that is expected to lose one point of accuracy at most, if any."""
        drops = ((point, point.quality.expected_drop) for point in self.points)
        fit = (point for point, drop in drops if drop is not None and drop <= _ADVISED_DROP)
        return next(fit, None)

    def as_json(self) -> dict[str, object]:
        """Return the result as JSON values."""
        advised = self.advised
        return {
            "microlut": VERSION,
            "model": self.model,
            "synthetic_inputs": self.synthetic,
            "points": [point.as_json() for point in self.points],
            "advised": None if advised is None else advised.label,
        }


def search_text(result: SearchResult) -> str:
    """Return a table of the points, what they were measured on, and what to run next."""
    rows = [
        (
            point.label,
            f"{point.average_bits:.2f}",
            size_text(point.flash_bytes),
            *_figures(point.quality),
            "*" if point.on_front else "",
        )
        for point in result.points
    ]
    headers = ("weights", "bits", "flash", *_figure_names(result), "front")
    inputs = "synthetic inputs" if result.synthetic else "calibration inputs, held out"
    judged = f"Against the float model on {result.points[0].quality.inputs} {inputs}"
    legend = f"{judged}; * nothing as small diverges less"
    return "\n".join([table(headers, rows, "<" + ">" * len(headers[2:])), legend, *_advice(result)])


def _figure_names(result: SearchResult) -> tuple[str, ...]:
    if result.points[0].quality.snr_db is not None:
        return ("SNR", "divergence")
    return ("same class", "expected drop", "divergence")


def _figures(found: Quality) -> tuple[str, ...]:
    """Return what is told of a point, in the order of `_figure_names`."""
    divergence = f"{found.divergence:.2g}"
    if found.snr_db is not None:
        return ("exact" if math.isinf(found.snr_db) else f"{found.snr_db:.1f} dB", divergence)
    return (percent_text(found.agreement or 0.0), f"{found.expected_drop:.2f}", divergence)


def _advice(result: SearchResult) -> list[str]:
    point = result.advised
    if point is None:
        if result.points[0].quality.expected_drop is None:
            return []
        return [f"None is expected to lose {_ADVISED_DROP:g} point or less"]
    how = f"microlut convert ... {point.option}"
    if result.pinned and point.kind == "uniform":  # --bits would override what rules pin
        how = f"bits = {point.asked:g} under [defaults] of the configuration file, and no budget"
    return [f"Smallest that is expected to lose {_ADVISED_DROP:g} point at most: {how}"]
