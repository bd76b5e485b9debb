"""Recurrent layers between int16 tensors."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping
from typing import ClassVar

from microlut.ops.cells import Cell
from microlut.ops.fixed_point import Multiplier, reduced
from microlut.ops.recurrent_integer import QRecurrent
from microlut.ops.tensor import DType
from microlut.plan.kernels.base import Call, Tile, between_int16
from microlut.plan.kernels.recurrent import RecurrentKernel


class Recurrent16Kernel(RecurrentKernel):
    """The kernel mlut_recurrent_16; all hidden states have 16 bits."""

    dtypes: ClassVar[tuple[DType, ...]] = ("int16",)
    state_bytes: ClassVar[Mapping[Cell, int]] = {
        "lstm": 6,
        "simple_rnn": 4,
        "gru": 4,
        "gru_reset_before": 6,
    }

    def work(self, call: Call[QRecurrent], tile: Tile, core: str) -> Counter[str]:
        """Count steps, rows, products, decoded weights, and the functions of each cell."""
        found = RecurrentKernel.work(self, call, tile, core)
        found["recurrent product"] += found.pop("recurrent wide product")
        return between_int16(found)

    def factor(self, factor: Multiplier) -> tuple[int, int, float]:
        """Return a gate's multiplier of 15 bits, the shift to the right, and the real number."""
        multiplier, right = int(reduced(factor.multiplier)), 15 - factor.shift
        return multiplier, right, math.ldexp(multiplier, -right)
