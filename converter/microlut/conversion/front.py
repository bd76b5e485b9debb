"""The results of a search: accuracy against bytes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Literal

from microlut.conversion.findings import Finding, findings_json
from microlut.quantize.figures import Quality
from microlut.support.shown import Record, Shown
from microlut.version import VERSION

PointKind = Literal["uniform", "allocated"]

_PLAIN_INT8 = 8  # bits
ADVISED_DROP = 1.0  # points of accuracy
ADVISED_SNR = 20.0  # dB, of values


@dataclass(frozen=True, slots=True, repr=False)
class Point(Shown):
    """One quantization of a model, with its size and its loss.

    Attributes:
        kind: Whether all layers have the same bits, or bits were chosen for each of them.
        asked: The bits of all layers, or the limit of the mean bits per weight. Layers whose bits
            are pinned keep theirs.
        average_bits: The resulting mean bits per weight.
        flash_bytes: Bytes of weights, codebooks and output stages.
        bits: Bits by layer.
        quality: Quality on held-out inputs, if there are any.
        on_front: Whether every other point is larger or less near to the float network.
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
        """The name of the point in tables."""
        if self.kind == "allocated":
            return f"{self.asked:g} bits on average"
        return "int8" if self.asked == _PLAIN_INT8 else f"{self.asked:g} bits"

    @property
    def option(self) -> str:
        """The option of `microlut convert` that makes it, if no layer's bits are pinned."""
        return f"{'--average-bits' if self.kind == 'allocated' else '--bits'} {self.asked:g}"

    def records(self) -> list[Record]:
        """Return the point with its quality, without the bits of the layers."""
        return [
            {
                "label": self.label,
                "kind": self.kind,
                "asked": self.asked,
                "average_bits": self.average_bits,
                "flash_bytes": self.flash_bytes,
                **self.quality.as_json(),
                "on_front": self.on_front,
            }
        ]

    def as_json(self) -> dict[str, object]:
        """Return the point as JSON values."""
        return {"label": self.label, **asdict(self), "quality": self.quality.as_json()}


@dataclass(frozen=True, slots=True, repr=False)
class SearchResult(Shown):
    """The result of a search.

    Attributes:
        model: Name of the model.
        synthetic: Whether there were no calibration inputs, and inputs are synthetic.
        pinned: Whether the bits of some layers are pinned.
        points: At least one, from small to large.
        max_drop: Most that the advised point may be expected to lose, in percentage points; for
            classes and labels.
        min_snr: Least signal-to-noise ratio of the advised point in dB; for values.
        findings: What looks wrong with the model and the calibration inputs.
    """

    model: str
    synthetic: bool
    pinned: bool
    points: tuple[Point, ...]
    max_drop: float = ADVISED_DROP
    min_snr: float = ADVISED_SNR
    findings: tuple[Finding, ...] = ()

    @property
    def advised(self) -> Point | None:
        """The smallest point that keeps to `max_drop` or, of values, to `min_snr`; if any does."""
        return next(filter(self._is_kept, self.points), None)

    def _is_kept(self, point: Point) -> bool:
        drop, ratio = point.quality.drop, point.quality.snr_db
        if drop is not None:
            return drop <= self.max_drop
        return ratio is not None and ratio >= self.min_snr

    def records(self) -> list[Record]:
        """Return a record per point."""
        return [record for point in self.points for record in point.records()]

    def as_json(self) -> dict[str, object]:
        """Return the result as JSON values."""
        advised = self.advised
        return {
            "microlut": VERSION,
            "model": self.model,
            "synthetic_inputs": self.synthetic,
            "points": [point.as_json() for point in self.points],
            "max_drop": self.max_drop,
            "min_snr": self.min_snr,
            "advised": None if advised is None else advised.label,
            **findings_json(self.findings),
        }
