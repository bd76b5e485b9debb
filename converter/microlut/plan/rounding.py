"""Which form of rounding the engine may take for the outputs of a layer with weights.

The conditions are those of firmware/include/microlut/microlut.h; every form gives the same results.
"""

from __future__ import annotations

from collections.abc import Iterable
from enum import IntEnum

import numpy as np

from microlut.ops.linear import QLinear

FULL_RANGE = (-128, 127)
_QUICK_SHIFTS = (-21, -1)


class Rounding(IntEnum):
    """MLUT_ROUND_ANY, _SIGNED and _POSITIVE of the engine."""

    ANY = 0
    SIGNED = 1
    POSITIVE = 2


def output_rounding(op: QLinear, output_point: int, few_forms: bool = False) -> Rounding:
    """Return the quickest form of a layer's output stage.

    With `few_forms` there is one quick form for all layers, so that only its code is linked.
    """
    stage = op.output
    if (stage.minimum, stage.maximum) != FULL_RANGE or largest_sum(op) >= 1 << 30:
        return Rounding.ANY
    if not shifts_quickly(stage.shift):
        return Rounding.ANY
    positive = output_point == stage.minimum and not few_forms
    return Rounding.POSITIVE if positive else Rounding.SIGNED


def shifts_quickly(shifts: Iterable[int]) -> bool:
    """Return whether the quick forms can shift by all of these."""
    return all(_QUICK_SHIFTS[0] <= shift <= _QUICK_SHIFTS[1] for shift in shifts)


def largest_sum(op: QLinear) -> int:
    """Return a bound on a layer's sums, which the engine adds in 32 bits.

    That is max over channels of |bias| + 256 sum |w|: the input zero point is folded into the bias,
    so inputs and zero point count 128 each. A shift to the left comes later, modulo 2^32.
    """
    sums = np.abs(op.weights_by_channel()).sum(axis=1)
    return int(np.max(np.abs(op.output.bias.astype(np.int64)) + 256 * sums))
