"""Figures of how near an integer network is to its float network."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from typing import Literal

from microlut.support.shown import Shown

Task = Literal["auto", "classes", "values"]

LEAST_SNR_DB = 10.0  # of the outputs, over their power and over their variation
MOST_ERROR = 0.1  # squared error over squared values: the same
MOST_DIVERGENCE = 0.2  # nats, about five points of accuracy


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
    def limit(self) -> float:
        """The divergence from which on outputs do not carry the signal."""
        return MOST_ERROR if self.agreement is None else MOST_DIVERGENCE

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
class OutputComparison:
    """How near one output is.

    Attributes:
        quality: Its quality.
        tensor: The tensor that it is judged by: itself, or what a final softmax reads.
        variation_snr: Variation of that tensor from input to input over the noise, in dB; None if
            it does not vary.
        constant: Whether all inputs give the same bytes, although the float network's outputs
            differ.
    """

    quality: Quality
    tensor: str
    variation_snr: float | None
    constant: bool


@dataclass(frozen=True, slots=True)
class Comparison:
    """How near an integer network is, in its outputs and tensor by tensor; ratios are in dB.

    Attributes:
        outputs: Comparison of each output, by name.
        snr: Signal-to-noise ratio of every node's output, by name. The noise is the difference
            between the integer and the float network's tensor, with everything before it
            quantized; exact tensors have an infinite ratio.
        rounding_snr: The same if only this tensor is rounded to its int8 values.
        variation_snr: The same, with the variation from input to input as the signal.
        constant: Names of tensors that are the same for all inputs, although those of the float
            network differ by steps.
    """

    outputs: Mapping[str, OutputComparison]
    snr: Mapping[str, float]
    rounding_snr: Mapping[str, float]
    variation_snr: Mapping[str, float]
    constant: frozenset[str] = frozenset()

    @property
    def quality(self) -> Quality:
        """The quality of the output that loses the most."""
        return worst(output.quality for output in self.outputs.values())


def worst(qualities: Iterable[Quality]) -> Quality:
    """Return the quality that is worst, measured by how much of its limit it has used."""
    return max(qualities, key=lambda quality: quality.divergence / quality.limit)
