"""Fixed point of front ends, as in firmware/src/signal/fixed.h."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from microlut.errors import InvalidInput
from microlut.ops.tensor import Quantization

Int64s = NDArray[np.int64]
MOST_EVERY = 1_000_000  # frames from one window to the next
_MULTIPLIER_BITS = 31
_MOST_SHIFT = 62
_LOG_STEPS = 128
_LARGEST_ORIGIN = 2**30  # so that differences to 31-bit values have 32 bits


def q15(values: ArrayLike) -> NDArray[np.int16]:
    """Return values of -1 to 1 in units of 2^-15; what is 1 is the largest number below it.

    >>> q15([-1, 0.5, 1]).tolist()
    [-32768, 16384, 32767]
    """
    return np.clip(np.round(np.multiply(values, 32768.0)), -32768, 32767).astype(np.int16)


def times(x: Int64s, w: Int64s) -> Int64s:
    """Return x * w / 2^16, rounded down; x has 32 bits and w 16."""
    return (x * w) >> 16


def high_bit(x: NDArray[np.uint64]) -> Int64s:
    """Return the number of the highest bit of each value, none of which is 0.

    >>> high_bit(np.array([1, 255, 256, 2**63], np.uint64)).tolist()
    [0, 7, 8, 63]
    """
    bit, rest = np.zeros(x.shape, np.int64), x.astype(np.uint64)
    for step in (32, 16, 8, 4, 2, 1):
        above = (rest >> np.uint64(step)) != 0
        rest = np.where(above, rest >> np.uint64(step), rest)
        bit += np.where(above, step, 0)
    return bit


def shifted(x: NDArray[np.uint64], left: Int64s) -> NDArray[np.uint64]:
    """Return x * 2^left, where left may be negative; bits below 1 are lost."""
    up = np.maximum(left, 0).astype(np.uint64)
    return (x << up) >> np.maximum(-left, 0).astype(np.uint64)


def roots(squares: NDArray[np.uint64]) -> NDArray[np.uint64]:
    """Return four times the square roots, with 16 bits that count."""
    even = high_bit(np.maximum(squares, np.uint64(1))) & ~1
    left = 30 - even
    rest = shifted(squares, left)
    root = np.sqrt(rest.astype(np.float64)).astype(np.uint64)  # of 32 bits, so it is exact
    return shifted(root, 2 - left // 2)


LOG_TABLE = np.round(
    65536
    * (np.log2(1 + np.arange(_LOG_STEPS + 1) / _LOG_STEPS) - np.arange(_LOG_STEPS + 1) / _LOG_STEPS)
).astype(np.int64)


def logarithms(x: NDArray[np.uint64]) -> Int64s:
    """Return logarithms to base 2 in units of 2^-16; none of the values is 0."""
    bit = high_bit(x)
    part = shifted(x, 16 - bit).astype(np.int64) & 0xFFFF
    at = part >> 9
    slope = LOG_TABLE[at + 1] - LOG_TABLE[at]
    above = (slope * (part & 511)) >> 9
    return np.asarray((bit << 16) + part + LOG_TABLE[at] + above, np.int64)


@dataclass(frozen=True, slots=True)
class Rescale:
    """From fixed point to a quantized value: zero point + (x - origin) * multiplier / 2^shift."""

    origin: int
    multiplier: int
    shift: int

    def __call__(self, x: Int64s, zero_point: int) -> NDArray[np.int8]:
        """Return the int8 of fixed-point values, halves up."""
        product = (x - self.origin) * self.multiplier
        whole = ((product + (1 << (self.shift - 1))) >> self.shift) + zero_point
        return np.asarray(np.clip(whole, -128, 127), np.int8)


def rescales(
    quantization: Quantization, units: Sequence[float], offsets: Sequence[float] = (0.0,)
) -> tuple[Rescale, ...]:
    """Return how fixed point becomes a quantized tensor: a stage per feature, or one for all.

    Args:
        quantization: Of the tensor.
        units: What 1 in fixed point stands for, of each feature or of all.
        offsets: What 0 stands for, of each feature or of all.

    Raises:
        InvalidInput: Their numbers differ, or fixed point does not hold what is between them.
    """
    features = quantization.features
    scales = (quantization.scale,) if features is None else features.scales
    origins = (0.0,) if features is None else features.origins
    count = max(len(scales), len(units))
    if {len(scales), len(units)} > {1, count}:
        raise InvalidInput(
            f"a frame has {len(units)} values, the network's input {len(scales)}; give a scale per "
            "value"
        )
    stages = []
    for i in range(count):
        unit = units[i % len(units)]
        origin = (origins[i % len(origins)] - offsets[i % len(offsets)]) / unit
        try:
            stages.append(_rescale(unit / scales[i % len(scales)], origin))
        except ValueError as error:
            raise InvalidInput(
                f"value {i} of a frame: {error}; give scale and offset as the network was trained "
                "with"
            ) from error
    return tuple(stages)


def rescaled(x: Int64s, stages: Sequence[Rescale], zero_point: int) -> NDArray[np.int8]:
    """Return the int8 of fixed-point values [..., features], by a stage per feature or one."""
    columns = [stages[i % len(stages)](x[..., i], zero_point) for i in range(x.shape[-1])]
    return np.stack(columns, axis=-1)


def _rescale(ratio: float, origin: float) -> Rescale:
    """Return the stage that multiplies what is above an origin by a ratio; raises ValueError."""
    part, exponent = math.frexp(ratio)  # ratio = part * 2^exponent, part of 0.5 to 1
    multiplier = round(part * 2**_MULTIPLIER_BITS)
    if multiplier == 2**_MULTIPLIER_BITS:
        multiplier, exponent = multiplier // 2, exponent + 1
    shift = _MULTIPLIER_BITS - exponent
    whole = round(origin)
    if not 1 <= shift <= _MOST_SHIFT or abs(whole) > _LARGEST_ORIGIN:
        raise ValueError(f"a ratio of {ratio:g} and an origin of {origin:g} have no fixed point")
    return Rescale(whole, multiplier, shift)
