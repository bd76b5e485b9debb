"""Codebook weights, and the output stage that turns their sums into int8 or int16."""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import pairwise
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from microlut.ops.arrays import Int64, Shape
from microlut.ops.base import demand
from microlut.ops.fixed_point import multiply, multiply_wide
from microlut.ops.json_arrays import (
    Float32Array,
    Int8Array,
    Int32Array,
    OptionalInt8Array,
    UInt8Array,
)
from microlut.ops.overlap import engine_overlap
from microlut.ops.tensor import CONFIG, Tensor
from microlut.support.shown import Shown

Granularity = Literal["tensor", "channel"]
_LARGEST_SHIFT = 31
LARGEST_SHIFT_16 = 7  # to the left, of 64-bit accumulators


@dataclass(frozen=True, slots=True)
class FitReport:
    """How well a codebook matches weights; errors are relative to their mean square.

    `predicted_error` is the error under the chosen density, before levels are rounded to int8.
    """

    density: str
    ks_gaussian: float
    ks_laplace: float
    predicted_error: float
    error: float
    __pydantic_config__ = CONFIG


@dataclass(frozen=True, slots=True, repr=False)
class QuantizedWeights(Shown):
    """Codebook weights: int8 weight = codebook[index], real weight = scale[channel] * int8 weight.

    Attributes:
        shape: TensorFlow Lite's layout: [out, height, width, in], [height, width, channels] for
            depthwise, [units, inputs] for dense.
        bits: Bits per weight; 8 means that `indices` holds the int8 weights themselves.
        indices: [rows, columns]; a row is an output channel, or a kernel position if depthwise.
        codebook: [2^index_bits] levels, ascending without overlap; None at 8 bits.
        scales: One per output channel (all equal at granularity "tensor").
        overlap: Bits that an index shares with the indices before it in its row: its low bits are
            their high bits, as a window moves along a bit stream by `bits` (Tseng et al. 2024,
            "QTIP"). They are zeros at the start of a row.
        coded: Whether flash holds entropy-coded indices (`integer.coding`).
    """

    shape: Shape
    bits: int
    indices: UInt8Array
    codebook: OptionalInt8Array
    scales: Float32Array
    fit: FitReport | None = None
    overlap: int = 0
    coded: bool = False
    __pydantic_config__ = CONFIG

    @property
    def index_bits(self) -> int:
        """Bits of an index, including the shared ones."""
        return self.bits + self.overlap

    @property
    def fields(self) -> str:
        """The layout of indices in engine functions: "4", "4_6" with overlap, or "coded"."""
        if self.coded:
            return "coded"
        return f"{self.bits}_{self.index_bits}" if self.overlap else f"{self.bits}"

    def int8(self) -> NDArray[np.int8]:
        """Return the decoded int8 weights in `shape`."""
        if self.codebook is None:
            return self.indices.view(np.int8).reshape(self.shape)
        return self.codebook[self.indices].reshape(self.shape)

    def check(self) -> None:
        """Raise ValueError, naming the part, unless the engine can decode them."""
        indices, book = self.indices, self.codebook
        demand(self.bits in range(1, 9), "its bits")
        possible = (0, engine_overlap(self.shape, self.bits))
        demand(self.overlap in possible, "the overlap of its indices")
        demand(len(self.shape) > 0 and min(self.shape) > 0, "the shape of its weights")
        sound = indices.ndim == 2 and indices.size == math.prod(self.shape)
        demand(sound, "the shape of its weights")
        demand(not (self.coded and self.overlap), "the coding of its indices")
        demand((book is None) == (self.bits == 8), "its codebook")
        if book is not None:
            demand(book.shape == (1 << self.index_bits,), "its codebook")
            ascending = all(a <= b for a, b in pairwise(book.tolist()))
            demand(ascending or self.overlap > 0, "its codebook")
            demand(int(indices.max()) < len(book), "its weight indices")
            common = indices & ((1 << self.overlap) - 1)
            demand(not common[:, 0].any(), "its weight indices")
            follow = np.array_equal(indices[:, :-1] >> self.bits, common[:, 1:])
            demand(follow or self.overlap == 0, "its weight indices")
        positive = np.isfinite(self.scales) & (self.scales > 0)
        demand(bool(positive.all()), "its weight scales")


@dataclass(frozen=True, slots=True, repr=False)
class OutputStage(Shown):
    """Conversion of accumulators to int8 or int16: bias, multiplier, clamp.

    `bias`, `multiplier` and `shift` have one value per channel; the zero point is the output's.
    """

    bias: Int32Array
    multiplier: Int32Array
    shift: Int8Array
    minimum: int
    maximum: int
    __pydantic_config__ = CONFIG

    def has(self, multiplier: NDArray[np.int32], shift: NDArray[np.int8]) -> bool:
        """Return whether these are the multipliers and shifts of all channels."""
        return np.array_equal(multiplier, self.multiplier) and np.array_equal(shift, self.shift)

    def requantize(self, total: Int64, zero_point: int) -> NDArray[np.int8]:
        """Scale accumulators [..., channels], add the output zero point and clamp.

        What a shift to the left pushes out of 32 bits is lost, as on devices. In a file of integers
        this befalls layers whose output did not vary when the file was made.
        """
        shift = self.shift.astype(np.int64)
        if shift.max() > 0:
            total = (total << np.maximum(shift, 0)).astype(np.int32).astype(np.int64)
        scaled = multiply(total, self.multiplier.astype(np.int64), np.minimum(shift, 0))
        raised = (scaled + zero_point).astype(np.int32)
        return np.clip(raised, self.minimum, self.maximum).astype(np.int8)

    def requantize_16(self, total: Int64) -> NDArray[np.int16]:
        """Scale accumulators [..., channels] of below 2^47 by 15-bit multipliers, and clamp."""
        multiplier, shift = self.multiplier.astype(np.int64), self.shift.astype(np.int64)
        scaled = multiply_wide(total, multiplier, shift)
        return np.clip(scaled, self.minimum, self.maximum).astype(np.int16)

    def check(self, channels: int, output: Tensor) -> None:
        """Raise ValueError, naming the part, unless the engine can run it."""
        for array in (self.bias, self.multiplier, self.shift):
            demand(array.shape == (channels,), "its output stage")
        shifts = np.abs(self.shift.astype(int))
        demand(
            bool(self.multiplier.min() >= 0 and shifts.max() <= _LARGEST_SHIFT), "its multipliers"
        )
        wide = output.dtype == "int16"
        demand(not wide or int(self.shift.max()) <= LARGEST_SHIFT_16, "its multipliers")
        demand(output.holds(self.minimum, self.maximum), "its limits")
