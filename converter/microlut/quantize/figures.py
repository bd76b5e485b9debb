"""Hold figures of how near an integer network comes to its float network."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Literal

Task = Literal["auto", "classes", "values"]


@dataclass(frozen=True, slots=True)
class Quality:
    """What the outputs of an integer network lose.

    Attributes:
        divergence: Of classes, the Kullback-Leibler divergence from the float network's
            probabilities in nats, the mean over all positions of all inputs; of values, the squared
            error over the squared values.
        agreement: Share of positions with the float network's class, in percent; None for values.
        expected_drop: Points of accuracy that are expected to be lost, by the float network's own
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
    """How near an integer network comes, in all and tensor by tensor; ratios are in dB.

    Attributes:
        quality: Of the outputs.
        snr: Signal-to-noise ratio of every node's output, by name. The noise is what the integer
            network's tensor differs from the float network's, everything before it included; exact
            tensors have an infinite ratio.
        rounding_snr: The same if nothing but this tensor is rounded to its int8 values.
        variation_snr: What the judged tensor varies by from input to input, over the noise; None if
            it does not vary.
        constant: Whether all inputs get the same output bytes, though the float network's outputs
            are different ones.
    """

    quality: Quality
    snr: Mapping[str, float]
    rounding_snr: Mapping[str, float]
    variation_snr: float | None
    constant: bool
