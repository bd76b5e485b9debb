"""Which form of rounding the engine may take: operators in, choices out.

The conditions are those of firmware/include/microlut; every form gives the same results.
"""

from __future__ import annotations

from enum import IntEnum

import numpy as np

from microlut.ops.add import QAdd
from microlut.ops.linear import QLinear
from microlut.ops.windows import Window

_FULL_RANGE = (-128, 127)
_QUICK_SHIFTS = (-21, -1)
_EXACT_HALF = (1 << 30, 0)


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
    if (stage.minimum, stage.maximum) != _FULL_RANGE or largest_sum(op) >= 1 << 30:
        return Rounding.ANY
    if not all(_QUICK_SHIFTS[0] <= shift <= _QUICK_SHIFTS[1] for shift in stage.shift):
        return Rounding.ANY
    positive = output_point == stage.minimum and not few_forms
    return Rounding.POSITIVE if positive else Rounding.SIGNED


def quick_window(window: Window) -> bool:
    """Return whether the quick forms of a depthwise convolution may be taken."""
    return window.size == (3, 3) and window.strides[0] <= 2 and window.dilation == (1, 1)


def left_term(op: QAdd) -> int:
    """Return which input is the left term: the one whose factor is 1/2, if there is one."""
    return int(op.input_multipliers[0] != _EXACT_HALF)


def adds_quickly(op: QAdd) -> bool:
    """Return whether the quick form of the addition may be taken."""
    left = left_term(op)
    shifts = (op.input_multipliers[1 - left][1], op.output_multiplier[1])
    return (
        op.input_multipliers[left] == _EXACT_HALF
        and all(_QUICK_SHIFTS[0] <= shift <= _QUICK_SHIFTS[1] for shift in shifts)
        and (op.minimum, op.maximum) == _FULL_RANGE
    )


def largest_sum(op: QLinear) -> int:
    """Return a bound on every 32-bit number that the engine makes of a layer's sums.

    That is max over channels of (|bias| + 256 sum |w|) * 2^shift: the input zero point is folded
    into the bias, so inputs and zero point count 128 each; a shift to the left comes last.
    """
    sums = np.abs(op.weights_by_channel()).sum(axis=1)
    largest = np.abs(op.output.bias.astype(np.int64)) + 256 * sums
    return int(np.max(largest << np.maximum(op.output.shift.astype(np.int64), 0)))
