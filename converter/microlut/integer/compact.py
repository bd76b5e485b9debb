"""Encode output stages for flash: scales and biases as 16-bit words per channel.

TensorFlow Lite computes its multipliers from s_in * s_w / s_out. A weight scale with 12 significant
bits takes one word, relative to the layer's largest scale; the ratio s_in / s_out is one number per
layer. The engine multiplies both (firmware/src/kernels/output_stage.c), and `expand_scales` has the
same formula. docs/reference/format.md describes the words bit by bit.

Scales that come with a model have 24 significant bits. Their channels are stored whole: shift,
multiplier and bias.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction

import numpy as np
from numpy.typing import NDArray

from microlut.ops.linear import QLinear
from microlut.ops.tensor import Quantization
from microlut.ops.weights import OutputStage
from microlut.support.shown import Shown

MANTISSA_BITS = 12  # the first is always 1 and not stored
LARGEST_EXPONENT = 31  # in the other five bits; that of the layer's largest scale
_STORED_BITS = MANTISSA_BITS - 1
_RATIO_BITS = 52  # times a 12-bit mantissa: 64 bits
_LARGEST_LEFT_SHIFT = 31  # of the 32-bit biases in the engine


@dataclass(frozen=True, slots=True, repr=False)
class CompactStage(Shown):
    """A layer's output stage in flash.

    Attributes:
        ratio: s_in / s_out as a 52-bit integer, to a power of two; 0 if channels are whole.
        shift: Shift to which the exponent of a scale is added.
        bias_shift: Least exponent of a scale at which the step of a 16-bit bias is 1.
        channels: [channels, 2] scale and bias; or [channels, 3] scale, low and high half of a bias;
            or [channels, 5] shift, then low and high halves of a multiplier and of a bias.
    """

    ratio: int
    shift: int
    bias_shift: int
    channels: NDArray[np.uint16]


def compact_stage(op: QLinear, x: Quantization, output: Quantization) -> CompactStage:
    """Encode a layer's output stage without loss, given its input's and output's quantization.

    Raises:
        ValueError: The stage has other multipliers than TensorFlow Lite computes of its scales. The
            quantization stage makes no such layer.
    """
    if not op.has_multipliers(x.scale, output.scale):
        raise ValueError("its multipliers are not those of its scales")
    bias = folded_bias(op, x.zero_point)
    if not _expands(op, x, output):
        return CompactStage(0, 0, 0, _whole(op.output, bias))
    words, largest = _pack_scales(op.weights.scales)
    ratio, exponent = _scale_ratio(x.scale, output.scale)
    exponents = scale_exponents(op.weights.scales)
    biases, bias_shift = _pack_bias(bias, exponents)
    return CompactStage(
        ratio=ratio,
        shift=exponent + largest - LARGEST_EXPONENT,
        bias_shift=bias_shift,
        channels=np.concatenate([words[:, None], biases], axis=1),
    )


def _expands(op: QLinear, x: Quantization, output: Quantization) -> bool:
    """Return whether the engine can compute the multipliers of a stage from its scales."""
    try:
        multiplier, shifts = expand_scales(op.weights.scales, x.scale, output.scale)
    except ValueError:
        return False
    return np.array_equal(multiplier, op.output.multiplier) and np.array_equal(
        shifts, op.output.shift
    )


def _whole(stage: OutputStage, bias: NDArray[np.int64]) -> NDArray[np.uint16]:
    """Return [channels, 5] shift, and the halves of multiplier and bias."""
    shift = stage.shift.astype(np.int16).view(np.uint16)[:, None]
    return np.concatenate(
        [shift, _halves(stage.multiplier.astype(np.int64)), _halves(bias)], axis=1
    )


def _halves(values: NDArray[np.int64]) -> NDArray[np.uint16]:
    """Return [n, 2] low and high halves of 32-bit integers."""
    return np.stack([values & 0xFFFF, values >> 16 & 0xFFFF], axis=1).astype(np.uint16)


def folded_bias(op: QLinear, zero_point: int) -> NDArray[np.int64]:
    """Return bias - zero_point * sum(weights) by channel.

    The kernels then multiply raw inputs: sum w (x - z) = sum w x - z sum w.
    """
    sums: NDArray[np.int64] = op.weights_by_channel().sum(axis=1)
    return op.output.bias - zero_point * sums


def expand_scales(
    scales: NDArray[np.float32], input_scale: float, output_scale: float
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return multiplier and shift of every channel as the engine computes them.

    Raises:
        ValueError: A scale has more than 12 significant bits, or is 2^-32 of the largest.
    """
    words, largest = _pack_scales(scales)
    ratio, exponent = _scale_ratio(input_scale, output_scale)
    mantissas = words.astype(np.uint64) % (1 << _STORED_BITS) + (1 << _STORED_BITS)
    product = np.uint64(ratio) * mantissas
    small = product < 1 << 63
    product = np.where(small, product << 1, product)
    multiplier = ((product >> 32) + 1) >> 1
    shift = scale_exponents(scales) + exponent + largest - LARGEST_EXPONENT - small
    return multiplier.astype(np.int64), shift


def scale_exponents(scales: NDArray[np.float32]) -> NDArray[np.int64]:
    """Return the exponents stored in the scales' words: 31 for the layer's largest scale."""
    exponents: NDArray[np.int64] = np.frexp(scales)[1].astype(np.int64)
    return exponents - int(exponents.max()) + LARGEST_EXPONENT


def bias_steps(exponents: NDArray[np.int64]) -> Iterator[tuple[int, NDArray[np.int64]]]:
    """Yield the possible shifts, with the resulting step of every channel's 16-bit bias.

    The smaller a channel's scale, the larger its step, so steps are similar in output units.
    """
    for shift in range(int(exponents.min()) + _LARGEST_LEFT_SHIFT + 1):
        yield shift, np.int64(1) << np.maximum(shift - exponents, 0)


def fits_16_bits(words: NDArray[np.int64]) -> bool:
    """Return whether all are 16-bit integers."""
    return bool(words.min() >= -(1 << 15) and words.max() < 1 << 15)


def _pack_scales(scales: NDArray[np.float32]) -> tuple[NDArray[np.uint16], int]:
    """Return one word per scale, and the exponent of the largest scale.

    A word stands for (2048 + its low 11 bits) * 2^(its high 5 bits), times a power of two.
    """
    fractions, exponents = np.frexp(scales.astype(np.float64))
    mantissas = fractions * 2.0**MANTISSA_BITS
    relative = scale_exponents(scales)
    if np.any(mantissas % 1) or relative.min() < 0:
        raise ValueError("its weight scales do not fit in 16 bits")
    stored = mantissas.astype(np.int64) - (1 << _STORED_BITS)
    return (relative << _STORED_BITS | stored).astype(np.uint16), int(exponents.max())


def _scale_ratio(input_scale: float, output_scale: float) -> tuple[int, int]:
    """Return integers r and e so that s_in / s_out is r * 2^(e - 52), to 52 bits."""
    _, exponent = math.frexp(input_scale / output_scale)
    ratio = Fraction(input_scale) / Fraction(output_scale)
    return round(ratio * Fraction(2) ** (_RATIO_BITS - exponent)), exponent


def _pack_bias(
    bias: NDArray[np.int64], exponents: NDArray[np.int64]
) -> tuple[NDArray[np.uint16], int]:
    """Return [channels, 1] words and the shift of their steps, if 16 bits suffice without loss.

    Otherwise return [channels, 2] low and high halves.
    """
    for shift, steps in bias_steps(exponents):
        words, rest = np.divmod(bias, steps)
        if not rest.any() and fits_16_bits(words):
            return words.astype(np.int16).view(np.uint16)[:, None], shift
    return _halves(bias), 0
