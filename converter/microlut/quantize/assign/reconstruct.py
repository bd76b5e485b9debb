"""Choose levels, scales and indices that reconstruct a layer's float outputs.

Let x be the inputs of a layer in the float network and x' those in the quantized one, with the
covariances H of x' and C of x' with x. Means are ignored, because biases absorb them. The squared
distance between the outputs v x' of quantized weights v and the float outputs w x is then
(v - t) H (v - t) plus a constant, with the targets t = H^-1 C w, which compensate the errors of
earlier layers. Under this measure, two steps alternate: choose indices for the levels and scales,
and choose levels and scales for the indices. Independent indices start from error feedback
(`feedback`) and are improved one by one; overlapping ones are found together, row by row
(`trellis`).
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from microlut.quantize.assign.feedback import (
    assign_with_feedback,
    damped,
    feedback_factor,
    refit_scales,
    zero_level,
)
from microlut.quantize.assign.trellis import assign_on_trellis
from microlut.quantize.levels.codebook import nearest_index
from microlut.quantize.levels.densities import Array

LEVEL_MAX = 127
# Rounds of a layer with n weights: _ROUNDS_BY_ROOT / sqrt(n) within these limits. More of them fit
# the inputs that are given, but not those of the same kind that were not.
ROUNDS = 16
_FEWEST_ROUNDS = 8
_ROUNDS_BY_ROOT = 3_072
_SWEEPS = 8
REFITTED_LEVELS = 16  # more levels than that are so close together that moving them gains nothing
_ONE_HOT_VALUES = 1 << 20
_LEVEL_PRODUCTS = 1 << 28  # multiplications per refit of levels, some hundredths of a second

ScaleRule = Callable[[Array], Array]  # rounds scales [channels] up to values that can be stored


@dataclass(frozen=True, slots=True)
class InputMoments:
    """Second moments [groups, columns, columns] of the inputs to a layer's weights.

    Attributes:
        covariance: Covariance of the quantized network's inputs.
        cross: Covariance of these (rows) with the float network's inputs (columns).
    """

    covariance: Array
    cross: Array


@dataclass(frozen=True, slots=True)
class Reconstruction:
    """Levels [n], scales [groups, rows] and indices [groups, rows, columns] of a layer."""

    levels: Array
    scales: Array
    indices: NDArray[np.intp]


def reconstruct(  # noqa: PLR0913 (a layer, where to begin, and what may change)
    weights: Array,
    moments: InputMoments,
    levels: Array,
    scales: Array,
    bits: int,
    allowed: ScaleRule | None,
    zeros: NDArray[np.bool_] | None = None,
    most_rounds: int = ROUNDS,
) -> Reconstruction:
    """Return levels, scales and indices that give outputs near the float network's.

    Args:
        weights: [groups, rows, columns]; a depthwise layer has one group per channel, others one.
        moments: Moments of the layer's inputs.
        levels: [n] initial int8 levels: 2^bits ascending ones or, for overlapping indices, more
            in the order of `trellis_order`; then there is one group.
        scales: [groups, rows] initial scales.
        bits: Bits per weight.
        allowed: Rounds scales to values that can be stored; None keeps levels and scales.
        zeros: Pruned weights, which get the level nearest to zero, and that level stays; None for
            none. Such indices do not overlap.
        most_rounds: Most rounds of both steps; large layers have fewer.
    """
    covariance = damped(moments.covariance)
    targets = float_targets(weights, moments)
    factor = feedback_factor(moments.covariance)
    overlapping = len(levels) > 1 << bits

    def assigned(state: Reconstruction) -> Reconstruction:
        if overlapping:
            rows = (targets[0], factor[0], state.levels, state.scales[0])
            return replace(state, indices=assign_on_trellis(*rows, bits)[None])
        return replace(state, indices=_descend(targets, covariance, state, zeros))

    def refitted(state: Reconstruction) -> Reconstruction:
        if allowed is None:
            return state
        if overlapping or len(levels) <= REFITTED_LEVELS:
            fixed = None if zeros is None else zero_level(state.levels)
            real = _refit_levels(targets, covariance, state, fixed)
            state = _with_levels(state, real, not overlapping)
        chosen = state.levels[state.indices]
        wanted = refit_scales(targets, covariance, chosen, state.scales)
        return replace(state, scales=allowed(wanted.ravel()).reshape(scales.shape))

    state = Reconstruction(levels, scales, np.zeros(weights.shape, dtype=np.intp))
    if overlapping:
        state = assigned(state)
    else:
        first = assign_with_feedback(targets, factor, levels, scales, zeros)
        state = replace(state, indices=first)
    state = refitted(state)
    best, least = state, output_error(targets, covariance, state)
    rounds = max(_FEWEST_ROUNDS, int(_ROUNDS_BY_ROOT / math.sqrt(weights.size)))
    for _ in range(min(rounds, most_rounds) - 1):
        after = assigned(state)
        if np.array_equal(after.indices, state.indices):
            break
        state = refitted(after)
        error = output_error(targets, covariance, state)
        if error < least:  # rounded levels and scales, and other paths, may also be worse
            best, least = state, error
    return best


def output_error(targets: Array, covariance: Array, state: Reconstruction) -> float:
    """Return the squared error of the layer's outputs, without its constant part."""
    lost = state.scales[:, :, None] * state.levels[state.indices] - targets
    return float(np.sum((lost @ covariance) * lost))


def float_targets(weights: Array, moments: InputMoments) -> Array:
    """Return t = H^-1 C w, with the same damping of H and C, which moves t towards w."""
    covariance = damped(moments.covariance)
    added = covariance - moments.covariance
    transfer = np.linalg.solve(covariance, moments.cross + added)
    targets: Array = weights @ np.swapaxes(transfer, 1, 2)
    return targets


def _descend(
    targets: Array, covariance: Array, state: Reconstruction, zeros: NDArray[np.bool_] | None
) -> NDArray[np.intp]:
    """Return the indices after coordinate descent: each column in turn gets its best level."""
    levels, scales, indices = state.levels, state.scales, state.indices.copy()
    gradient = (scales[:, :, None] * levels[indices] - targets) @ covariance
    for _ in range(_SWEEPS):
        changed = False
        for j in range(targets.shape[2]):
            old = indices[:, :, j]
            best = levels[old] - gradient[:, :, j] / (covariance[:, j, j, None] * scales)
            new = nearest_index(best, levels)
            if zeros is not None:
                new[zeros[:, :, j]] = zero_level(levels)
            if np.array_equal(new, old):
                continue
            step = scales * (levels[new] - levels[old])
            gradient += step[:, :, None] * covariance[:, None, j, :]
            indices[:, :, j] = new
            changed = True
        if not changed:
            break
    return indices


def _refit_levels(
    targets: Array, covariance: Array, state: Reconstruction, zero: int | None
) -> Array:
    """Return the real levels that minimize the output error for the chosen indices and scales.

    With the scaled one-hot indices Z of a row, they solve (sum Z'HZ) levels = sum Z'H t. In a
    large layer, some of the rows determine the few levels well enough. Level `zero` stays 0.
    """
    count, columns = len(state.levels), targets.shape[2]
    step = max(1, targets.shape[0] * targets.shape[1] * columns**2 * count // _LEVEL_PRODUCTS)
    targets, state = (
        targets[:, ::step],
        replace(state, scales=state.scales[:, ::step], indices=state.indices[:, ::step]),
    )
    normal, right = np.zeros((count, count)), np.zeros(count)
    identity = np.eye(count)
    rows = max(1, _ONE_HOT_VALUES // (columns * count))
    for group, row in np.ndindex(len(targets), -(-targets.shape[1] // rows)):
        part = slice(row * rows, (row + 1) * rows)
        scaled = state.scales[group, part, None, None] * identity[state.indices[group, part]]
        weighted = covariance[group] @ scaled
        weighted = weighted.reshape(-1, count)
        normal += scaled.reshape(-1, count).T @ weighted
        right += targets[group, part].ravel() @ weighted
    normal += 1e-9 * max(np.trace(normal), 1.0) / count * identity  # for unused levels
    free = np.arange(count) != zero
    found = np.zeros(count)
    found[free] = np.linalg.solve(normal[np.ix_(free, free)], right[free])
    return found


def _with_levels(state: Reconstruction, levels: Array, ordered: bool) -> Reconstruction:
    """Return the state with new levels as int8, unless that would change a required order."""
    largest = float(np.max(np.abs(levels)))
    if largest <= 0 or not np.isfinite(largest):
        return state
    rounded = np.round(levels * (LEVEL_MAX / largest))
    if ordered and np.any(np.diff(rounded) <= 0):
        return state
    return Reconstruction(rounded, state.scales * (largest / LEVEL_MAX), state.indices)
