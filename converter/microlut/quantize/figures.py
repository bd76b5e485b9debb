"""Figures of how near an integer network is to its float network."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from operator import mul
from typing import Literal

from microlut.support.shown import Shown

Task = Literal["auto", "classes", "labels", "values"]
Kind = Literal["classes", "labels", "values"]  # of an output, once "auto" is decided

LEAST_SNR_DB = 10.0  # of the outputs, over their power and over their variation
MOST_ERROR = 0.1  # squared error over squared values: the same
MOST_DIVERGENCE = 0.2  # nats, about five points of accuracy


@dataclass(frozen=True, slots=True, repr=False)
class LabelQuality(Shown):
    """The loss in one label: an output that answers yes or no.

    Attributes:
        label: Its number along the output's last axis.
        divergence: Mean Kullback-Leibler divergence from the float network's probability, in nats.
        agreement: Share of positions with the float network's answer, in percent.
        expected_drop: Expected loss of accuracy of this label in percentage points: each position
            whose answer changes adds the probability of the old answer minus that of the new one.
        snr_db: Signal-to-noise ratio of its values in dB; None if they are exact or all zero.
        largest_error: Largest difference from the float network's value.
    """

    label: int
    divergence: float
    agreement: float
    expected_drop: float
    snr_db: float | None
    largest_error: float


@dataclass(frozen=True, slots=True, repr=False)
class Quality(Shown):
    """The loss in the outputs of an integer network.

    Attributes:
        divergence: For classes, the mean Kullback-Leibler divergence from the float network's
            probabilities over all positions of all inputs, in nats; for values and labels, squared
            error over squared values.
        agreement: Share of positions with the float network's class, in percent; for classes only.
        expected_drop: Expected loss of accuracy in percentage points, by the float network's
            probabilities: each position whose class changes adds the probability of the old class
            minus that of the new one. For classes only.
        inputs: Number of inputs compared.
        drop_error: Standard error of `expected_drop`, if it is known.
        largest_error: Largest difference from the float network's values, in their own units; for
            values and labels.
        labels: Each label's quality, for labels.
    """

    divergence: float
    agreement: float | None
    expected_drop: float | None
    inputs: int
    drop_error: float | None = None
    largest_error: float | None = None
    labels: tuple[LabelQuality, ...] = ()

    @property
    def drop(self) -> float | None:
        """The expected drop of accuracy: of classes, or of the label that loses most."""
        drops = [label.expected_drop for label in self.labels]
        return max(drops) if drops else self.expected_drop

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
        tensor: The tensor that it is judged by: itself, or what a final softmax or sigmoid reads.
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


def pooled(parts: Sequence[Quality]) -> Quality:
    """Return the quality on the inputs of all parts, which are of one network's outputs."""
    counts = [part.inputs for part in parts]
    shares = [count / sum(counts) for count in counts]

    def mean(values: Iterable[float | None]) -> float | None:
        known = [value for value in values if value is not None]
        return sum(map(mul, shares, known)) if len(known) == len(parts) else None

    errors = [part.drop_error for part in parts if part.drop_error is not None]
    largest = [part.largest_error for part in parts if part.largest_error is not None]
    return Quality(
        divergence=sum(map(mul, shares, (part.divergence for part in parts))),
        agreement=mean(part.agreement for part in parts),
        expected_drop=mean(part.expected_drop for part in parts),
        inputs=sum(counts),
        drop_error=math.hypot(*map(mul, shares, errors)) if len(errors) == len(parts) else None,
        largest_error=max(largest, default=None),
        labels=tuple(
            LabelQuality(
                label=same[0].label,
                divergence=sum(map(mul, shares, (one.divergence for one in same))),
                agreement=sum(map(mul, shares, (one.agreement for one in same))),
                expected_drop=sum(map(mul, shares, (one.expected_drop for one in same))),
                snr_db=mean(one.snr_db for one in same),
                largest_error=max(one.largest_error for one in same),
            )
            for same in zip(*(part.labels for part in parts), strict=True)
        ),
    )


def worst(qualities: Iterable[Quality]) -> Quality:
    """Return the quality that is worst, measured by how much of its limit it has used."""
    return max(qualities, key=lambda quality: quality.divergence / quality.limit)
