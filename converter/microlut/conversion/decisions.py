"""What was chosen by measuring, as typed values."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from microlut.support.shown import Shown

LAYER_BY_LAYER = "layer by layer"  # the choice of bits that differ between layers


@dataclass(frozen=True, slots=True, repr=False)
class Decision(Shown):
    """A choice between forms of a network.

    Attributes:
        what: What was chosen: ranges, bits, or whether the trained network is kept.
        chosen: The name of the choice.
        figure: What was measured: "error" (squared error over the squared values of the outputs or
            of what a final softmax reads), "divergence", "drop" or "snr_db".
        held_out: Whether it was measured on inputs that did not make what was measured.
        options: The figure of each choice that was tried, by name.
    """

    what: Literal["ranges", "bits", "distillation"]
    chosen: str
    figure: Literal["error", "divergence", "drop", "snr_db"]
    held_out: bool
    options: Mapping[str, float]
