"""What equalization did to a layer; apart from it, so that reading a report loads no quantizer."""

from __future__ import annotations

from dataclasses import dataclass

from microlut.support.shown import Shown


@dataclass(frozen=True, slots=True, repr=False)
class Divided(Shown):
    """A layer whose output channels were divided by 2^exponents [channels]."""

    layer: str
    exponents: tuple[int, ...]
