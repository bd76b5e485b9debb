"""Mel filters as three libraries define them, in floating point: tables are made of them."""

from __future__ import annotations

from typing import Literal

import numpy as np
from numpy.typing import NDArray

Filters = Literal["tensorflow", "torchaudio", "librosa"]
Floats = NDArray[np.float64]

_BREAK_HERTZ, _BREAK_MEL = 1000.0, 15.0  # from where on the scale of librosa is logarithmic
_LINEAR = 200.0 / 3  # Hertz per mel below
_LOG_STEP = np.log(6.4) / 27  # of a mel above


def mel_filters(
    filters: Filters, bins: int, bands: int, rate: int, low: float, high: float
) -> Floats:
    """Return the weights [bins, bands] of the bins of a spectrum, from 0 to half the sample rate.

    - tensorflow: `tf.signal.linear_to_mel_weight_matrix`: the scale of HTK, triangles over mels.
    - torchaudio: `torchaudio.functional.melscale_fbanks`: the same scale, triangles over Hertz.
    - librosa: `librosa.filters.mel`: the scale of Slaney, triangles over Hertz of equal areas.
    """
    hertz = np.linspace(0.0, rate / 2, bins)
    to_mel, to_hertz = (_slaney, _slaney_hertz) if filters == "librosa" else (_htk, _htk_hertz)
    ends = to_mel(np.array([low, high]))
    edges = np.linspace(ends[0], ends[1], bands + 2)
    places = to_mel(hertz) if filters == "tensorflow" else hertz
    edges = edges if filters == "tensorflow" else to_hertz(edges)
    rising = (places[:, None] - edges[:-2]) / (edges[1:-1] - edges[:-2])
    falling = (edges[2:] - places[:, None]) / (edges[2:] - edges[1:-1])
    weights = np.maximum(0.0, np.minimum(rising, falling))
    if filters == "tensorflow":
        weights[0] = 0.0  # which has no pitch
    if filters == "librosa":
        weights *= 2.0 / (edges[2:] - edges[:-2])
    return weights


def _htk(hertz: Floats) -> Floats:
    return 1127.0 * np.log1p(hertz / 700.0)


def _htk_hertz(mel: Floats) -> Floats:
    return 700.0 * np.expm1(mel / 1127.0)


def _slaney(hertz: Floats) -> Floats:
    above = _BREAK_MEL + np.log(np.maximum(hertz, 1.0) / _BREAK_HERTZ) / _LOG_STEP
    return np.where(hertz < _BREAK_HERTZ, hertz / _LINEAR, above)


def _slaney_hertz(mel: Floats) -> Floats:
    above = _BREAK_HERTZ * np.exp(_LOG_STEP * (mel - _BREAK_MEL))
    return np.where(mel < _BREAK_MEL, mel * _LINEAR, above)
