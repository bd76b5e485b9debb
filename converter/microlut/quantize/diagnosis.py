"""Tell features that are too small for the steps that they share with others."""

from __future__ import annotations

import numpy as np

from microlut.ops.arrays import FloatArray
from microlut.ops.tensor import Quantization

FEWEST_STEPS = 4.0  # of the input's 255, spanned by a feature
_MANY_FEATURES = 0.1  # share of the features


def unlike_features(samples: FloatArray, quantization: Quantization) -> list[int]:
    """Return the features, along the last axis, that span few of the input's steps.

    All features share one step. None are returned if they are too few to matter, or if all are
    small: then their scales do not differ.
    """
    span = np.ptp(samples.reshape(-1, samples.shape[-1]), axis=0)
    faint = span < FEWEST_STEPS * np.abs(quantization.scales)
    lost = np.flatnonzero((span > 0) & faint)
    return lost.tolist() if len(lost) > _MANY_FEATURES * len(span) and not faint.all() else []
