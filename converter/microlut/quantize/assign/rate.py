"""Choose entropy-coded indices: levels, scales and indices of least error at a rate of bits.

Levels are multiples of a step, and zero is one of them. An index costs its squared error plus a
multiplier times the bits of its code (entropy-constrained quantization; Chou, Lookabaugh and Gray
1989), under the measure of `reconstruct`: in the error feedback, and in the descent that follows. A
weight that hardly matters takes a short code, mostly that of zero, and the others make up for it.
The step decides on the rate and is searched for; the multiplier follows from it.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from microlut.quantize.assign.feedback import damped, feedback_factor, refit_scales, zero_level
from microlut.quantize.assign.reconstruct import (
    LEVEL_MAX,
    InputMoments,
    Reconstruction,
    ScaleRule,
    float_targets,
    output_error,
)
from microlut.quantize.levels.densities import Array

# Of the squared step, per bit: where one bit more would take a quarter of an even error of
# step^2 / 12 away.
_MULTIPLIER = 2 * np.log(2) / 12
_SEARCHES = 7  # halvings of the step's range
_NARROWEST, _WIDEST = 2.0**-5, 2.0**3  # steps in units of a weight's deviation
_ROUNDS = 6
_LONGEST = 12.0  # bits of an index that no weight has yet
Index = NDArray[np.intp]


@dataclass(frozen=True, slots=True)
class _Layer:
    """What stays the same: target weights [groups, rows, columns] and how they are measured."""

    targets: Array
    covariance: Array
    factor: Array


def assign_at_rate(
    weights: Array, moments: InputMoments, rate: float, bits: int, allowed: ScaleRule
) -> Reconstruction:
    """Return int8 levels, scales and indices whose codes take about `rate` bits per weight.

    Args:
        weights: [groups, rows, columns].
        moments: Moments of the layer's inputs.
        rate: Bits per weight, as the entropy of the indices.
        bits: There are 2^bits levels.
        allowed: Rounds scales to values that can be stored.
    """
    targets = float_targets(weights, moments)
    layer = _Layer(targets, damped(moments.covariance), feedback_factor(moments.covariance))
    half = 1 << bits - 1
    levels = np.arange(-half, half, dtype=np.float64) * (LEVEL_MAX // half)
    spread = np.sqrt(np.mean(targets**2, axis=2))
    spread = np.maximum(spread, 1e-6 * max(float(spread.max()), 1e-30))
    unit = np.sqrt(spread * float(np.sqrt(np.mean(targets**2)) or 1.0)) / levels[half + 1]
    low, high = _NARROWEST, _WIDEST
    lengths = _lengths(np.zeros(0, np.intp), levels)
    for _ in range(_SEARCHES):
        step = float(np.sqrt(low * high))
        state = Reconstruction(levels, step * unit, np.zeros(targets.shape, np.intp))
        indices = _fed_back(layer, state, lengths)
        lengths = _lengths(indices, levels)
        low, high = (step, high) if _mean(indices, lengths) > rate else (low, step)
    state = replace(state, indices=indices, scales=_stored(state.scales, allowed))
    best, least = state, np.inf
    for _ in range(_ROUNDS):
        state = replace(state, indices=_descended(layer, state, lengths))
        lengths = _lengths(state.indices, levels)
        chosen = levels[state.indices]
        wanted = refit_scales(targets, layer.covariance, chosen, state.scales)
        state = replace(state, scales=_stored(wanted, allowed))
        cost = output_error(targets, layer.covariance, state)
        cost += _multiplier(layer, state) * float(lengths[state.indices].sum())
        if cost >= least:
            break
        best, least = state, cost
    return best


def _stored(scales: Array, allowed: ScaleRule) -> Array:
    return allowed(scales.ravel()).reshape(scales.shape)


def _lengths(indices: Index, levels: Array) -> Array:
    """Return the bits of the ideal code of each level."""
    counts = np.bincount(indices.ravel(), minlength=len(levels)).astype(np.float64)
    if not counts.any():  # a guess to begin with: each further step takes a bit and a half
        place = np.abs(np.arange(len(levels)) - zero_level(levels))
        return np.minimum(1.0 + 1.5 * place, _LONGEST)
    share = np.maximum(counts / counts.sum(), 2.0**-_LONGEST)
    return np.asarray(-np.log2(share), dtype=np.float64)


def _mean(indices: Index, lengths: Array) -> float:
    return float(lengths[indices].mean())


def _multiplier(layer: _Layer, state: Reconstruction) -> float:
    """Return what a bit may cost, in units of the output error."""
    step = state.levels[zero_level(state.levels) + 1]
    diagonal = np.diagonal(layer.factor, axis1=1, axis2=2)
    weight = float(np.mean(diagonal**-2.0))
    return float(_MULTIPLIER * weight * np.mean((state.scales * step) ** 2))


def _fed_back(layer: _Layer, state: Reconstruction, lengths: Array) -> Index:
    """Return the indices after one pass of error feedback."""
    factor, levels, scales = layer.factor, state.levels, state.scales
    remaining = layer.targets.copy()
    indices = np.empty(remaining.shape, dtype=np.intp)
    price = _multiplier(layer, state) * lengths
    values = scales[:, :, None] * levels
    for j in range(remaining.shape[2]):
        errors = (remaining[:, :, j, None] - values) / factor[:, j, j, None, None]
        chosen = np.argmin(errors * errors + price, axis=2)
        indices[:, :, j] = chosen
        error = np.take_along_axis(errors, chosen[:, :, None], axis=2)
        remaining[:, :, j + 1 :] -= error * factor[:, None, j, j + 1 :]
    return indices


def _descended(layer: _Layer, state: Reconstruction, lengths: Array) -> Index:
    """Return the indices after each column in turn got its best level."""
    covariance, levels, scales = layer.covariance, state.levels, state.scales
    indices = state.indices.copy()
    gradient = (scales[:, :, None] * levels[indices] - layer.targets) @ covariance
    price = _multiplier(layer, state) * lengths
    for j in range(indices.shape[2]):
        weight = covariance[:, j, j, None] * scales
        old = indices[:, :, j]
        best = levels[old] - gradient[:, :, j] / weight
        off = levels - best[:, :, None]
        new = np.argmin((weight * scales)[:, :, None] * off * off + price, axis=2)
        moved = scales * (levels[new] - levels[old])
        gradient += moved[:, :, None] * covariance[:, None, j, :]
        indices[:, :, j] = new
    return indices
