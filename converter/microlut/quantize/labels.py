"""Figures of labels: outputs that each answer yes or no, as a final sigmoid gives them.

The last axis has the labels of one position. The divergence is computed from what the sigmoid
reads, since a rounded probability of 0 would make it infinite.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from microlut.ops.arrays import FloatArray
from microlut.quantize.figures import LabelQuality

Rows = NDArray[np.float64]  # [positions, labels]


def label_qualities(
    scores: tuple[FloatArray, FloatArray], answers: tuple[FloatArray, FloatArray], threshold: float
) -> tuple[LabelQuality, ...]:
    """Return the quality of each label.

    Args:
        scores: [n, ..., labels] what the sigmoid reads, in the float network and the other form.
        answers: [n, ..., labels] the outputs themselves, likewise.
        threshold: The answer is yes above it.
    """
    real, found = (_rows(values) for values in scores)
    p = np.exp(-np.logaddexp(0.0, -real))
    # log p = -log(1 + exp(-x)), log(1 - p) = -log(1 + exp(x))
    yes = np.logaddexp(0.0, -found) - np.logaddexp(0.0, -real)
    no = np.logaddexp(0.0, found) - np.logaddexp(0.0, real)
    divergences = np.mean(p * yes + (1.0 - p) * no, axis=0)
    y, z = (_rows(values) for values in answers)
    same = (y > threshold) == (z > threshold)
    lost = np.where(same, 0.0, np.abs(2.0 * p - 1.0))
    error, power = np.sum((y - z) ** 2, axis=0), np.sum(y**2, axis=0)
    return tuple(
        LabelQuality(
            label=i,
            divergence=float(divergences[i]),
            agreement=100.0 * float(same[:, i].mean()),
            expected_drop=100.0 * float(lost[:, i].mean()),
            snr_db=_decibels(float(power[i]), float(error[i])),
            largest_error=float(np.abs(y[:, i] - z[:, i]).max()),
        )
        for i in range(y.shape[1])
    )


def _rows(values: FloatArray) -> Rows:
    return values.reshape(-1, values.shape[-1] if values.ndim > 1 else 1).astype(np.float64)


def _decibels(power: float, error: float) -> float | None:
    return 10.0 * math.log10(power / error) if power and error else None
