"""Hold what a search measured: what accuracy costs in bytes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Literal

from microlut.quantize.figures import Quality
from microlut.version import VERSION

PointKind = Literal["uniform", "allocated"]

_PLAIN_INT8 = 8  # bits
ADVISED_DROP = 1.0  # points of accuracy


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
        fit = (point for point, drop in drops if drop is not None and drop <= ADVISED_DROP)
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
