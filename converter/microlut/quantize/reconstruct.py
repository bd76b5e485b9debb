"""Reconstruct a layer's outputs: weights and input moments in; levels, scales and indices out.

Let x be the inputs of a layer in the float network and x' those in the quantized one, with the
covariances H of x' and C of x' with x. The means set aside (biases absorb them), the squared
distance of the quantized weights' outputs v x' to the float ones w x is (v - t) H (v - t) plus a
constant, with the targets t = H^-1 C w: they make up for what earlier layers lost. Error feedback
gives a start (`feedback`); then scales, levels and indices are improved in turn, each by the same
measure, so that it never grows but by the rounding of levels and scales.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from microlut.quantize.codebook import nearest_index
from microlut.quantize.densities import Array
from microlut.quantize.feedback import assign_with_feedback, damped, feedback_factor, refit_scales

LEVEL_MAX = 127
_ROUNDS = 4
_SWEEPS = 8
REFITTED_LEVELS = 16  # more levels than that are so near to each other that moving them is no gain
_ONE_HOT_VALUES = 1 << 22

ScaleRule = Callable[[Array], Array]  # wanted scales [channels] to possible ones, not smaller


@dataclass(frozen=True, slots=True)
class InputMoments:
    """Second moments [groups, columns, columns] of what meets a layer's weights.

    Attributes:
        covariance: Of the quantized network's inputs.
        cross: Of those (rows) with the float network's inputs (columns).
    """

    covariance: Array
    cross: Array


@dataclass(frozen=True, slots=True)
class Reconstruction:
    """Levels [n], scales [groups, rows] and indices [groups, rows, columns] of a layer."""

    levels: Array
    scales: Array
    indices: NDArray[np.intp]


def reconstruct(
    weights: Array, moments: InputMoments, levels: Array, scales: Array, allowed: ScaleRule | None
) -> Reconstruction:
    """Return levels, scales and indices whose outputs are near the float network's.

    Args:
        weights: [groups, rows, columns]; a depthwise layer has a group a channel, others one.
        moments: Those of the layer's inputs.
        levels: [n] int8 levels to start from, ascending.
        scales: [groups, rows] scales to start from.
        allowed: Makes possible scales of the wanted ones; None leaves the scales as they are.
    """
    covariance = damped(moments.covariance)
    targets = _targets(weights, moments, covariance)
    factor = feedback_factor(moments.covariance)
    state = Reconstruction(levels, scales, assign_with_feedback(targets, factor, levels, scales))
    for _ in range(_ROUNDS):
        if allowed is not None:
            if len(levels) <= REFITTED_LEVELS:
                state = _with_levels(state, _refit_levels(targets, covariance, state))
            chosen = state.levels[state.indices]
            wanted = refit_scales(targets, covariance, chosen, state.scales)
            fitted = allowed(wanted.ravel()).reshape(scales.shape)
            state = Reconstruction(state.levels, fitted, state.indices)
        indices = _descend(targets, covariance, state)
        if np.array_equal(indices, state.indices):
            break
        state = Reconstruction(state.levels, state.scales, indices)
    return state


def _targets(weights: Array, moments: InputMoments, covariance: Array) -> Array:
    """Return t = H^-1 C w with the same damping of H and C, which draws t towards w."""
    added = covariance - moments.covariance
    transfer = np.linalg.solve(covariance, moments.cross + added)
    targets: Array = weights @ np.swapaxes(transfer, 1, 2)
    return targets


def _descend(targets: Array, covariance: Array, state: Reconstruction) -> NDArray[np.intp]:
    """Return the indices after coordinate descent: each column in turn takes its best level."""
    levels, scales, indices = state.levels, state.scales, state.indices.copy()
    gradient = (scales[:, :, None] * levels[indices] - targets) @ covariance
    for _ in range(_SWEEPS):
        changed = False
        for j in range(targets.shape[2]):
            old = indices[:, :, j]
            best = levels[old] - gradient[:, :, j] / (covariance[:, j, j, None] * scales)
            new = nearest_index(best, levels)
            if np.array_equal(new, old):
                continue
            step = scales * (levels[new] - levels[old])
            gradient += step[:, :, None] * covariance[:, None, j, :]
            indices[:, :, j] = new
            changed = True
        if not changed:
            break
    return indices


def _refit_levels(targets: Array, covariance: Array, state: Reconstruction) -> Array:
    """Return the real levels that minimise the output error for the chosen indices and scales.

    With Z the scaled one-hot indices of a row, that is (sum Z'HZ) levels = sum Z'H t.
    """
    count, columns = len(state.levels), targets.shape[2]
    normal, right = np.zeros((count, count)), np.zeros(count)
    identity = np.eye(count)
    rows = max(1, _ONE_HOT_VALUES // (columns * count))
    for group, row in np.ndindex(len(targets), -(-targets.shape[1] // rows)):
        part = slice(row * rows, (row + 1) * rows)
        scaled = state.scales[group, part, None, None] * identity[state.indices[group, part]]
        weighted = covariance[group] @ scaled
        normal += np.einsum("rcl,rcm->lm", scaled, weighted, optimize=True)
        right += np.einsum("rc,rcl->l", targets[group, part], weighted)
    normal += 1e-9 * max(np.trace(normal), 1.0) / count * identity  # for levels that none has
    return np.asarray(np.linalg.solve(normal, right), dtype=np.float64)


def _with_levels(state: Reconstruction, levels: Array) -> Reconstruction:
    """Return the state with new levels as int8, unless their order would change."""
    largest = float(np.max(np.abs(levels)))
    if largest <= 0 or not np.isfinite(largest):
        return state
    rounded = np.round(levels * (LEVEL_MAX / largest))
    if np.any(np.diff(rounded) <= 0):
        return state
    return Reconstruction(rounded, state.scales * (largest / LEVEL_MAX), state.indices)
