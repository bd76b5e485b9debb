"""Figures of how near an integer network is to its float network."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Literal

from microlut.support.shown import Shown

Task = Literal["auto", "classes", "values"]


@dataclass(frozen=True, slots=True, repr=False)
class Quality(Shown):
    """The loss in the outputs of an integer network.

    Attributes:
        divergence: For classes, the mean Kullback-Leibler divergence from the float network's
            probabilities over all positions of all inputs, in nats; for values, squared error over
            squared values.
        agreement: Share of positions with the float network's class, in percent; None for values.
        expected_drop: Expected loss of accuracy in percentage points, by the float network's
            probabilities: each position whose class changes adds the probability of the old class
            minus that of the new one. None for values.
        inputs: Number of inputs compared.
    """

    divergence: float
    agreement: float | None
    expected_drop: float | None
    inputs: int

    @property
    def snr_db(self) -> float | None:
        """Return the signal-to-noise ratio of values in dB; infinite if exact, None for classes."""
        if self.agreement is not None:
            return None
        return -10.0 * math.log10(self.divergence) if self.divergence else math.inf

    def as_json(self) -> dict[str, object]:
        """Return the quality as JSON values; the ratio of exact values is null."""
        ratio = self.snr_db
        finite = ratio is not None and math.isfinite(ratio)
        return asdict(self) | {"snr_db": ratio if finite else None}


@dataclass(frozen=True, slots=True)
class Comparison:
    """How near an integer network is, in its outputs and tensor by tensor; ratios are in dB.

    Attributes:
        quality: Quality of the outputs.
        snr: Signal-to-noise ratio of every node's output, by name. The noise is the difference
            between the integer and the float network's tensor, with everything before it
            quantized; exact tensors have an infinite ratio.
        rounding_snr: The same if only this tensor is rounded to its int8 values.
        variation_snr: Variation of the judged tensor from input to input, over the noise; None if
            it does not vary.
        constant: Whether all inputs give the same output bytes, although the float network's
            outputs differ.
    """

    quality: Quality
    snr: Mapping[str, float]
    rounding_snr: Mapping[str, float]
    variation_snr: float | None
    constant: bool
