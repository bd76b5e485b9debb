"""Recurrent layers: rows are decoded one at a time in each step, or all before the first."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from typing import ClassVar

from microlut.ops.cells import GATES, Cell
from microlut.ops.fixed_point import Multiplier
from microlut.ops.recurrent import Recurrent
from microlut.ops.recurrent_integer import QRecurrent
from microlut.plan.buffers import aligned
from microlut.plan.kernels.base import Call, Kernel, Shapes, Size, Tile

_MOST = (1 << 16) - 1


class RecurrentKernel(Kernel[QRecurrent, Recurrent]):
    """The kernel mlut_recurrent.

    Attributes:
        state_bytes: Bytes per unit of the states. An LSTM has a 16-bit cell state and two 8-bit
            hidden states; others have two 16-bit hidden states, and where the state is reset before
            the products, a third one.
    """

    state_bytes: ClassVar[Mapping[Cell, int]] = {
        "lstm": 4,
        "simple_rnn": 4,
        "gru": 4,
        "gru_reset_before": 6,
    }

    def tiles(self, call: Call[QRecurrent]) -> Iterator[Tile]:
        """Yield the tiles of all rows and of one; weights of 8 bits need no decoding."""
        op = call.op
        states = self.state_bytes[op.cell] * op.units
        rows, columns = op.weights.shape
        if op.weights.codebook is None:
            yield Tile(rows, aligned(states))
            return
        yield Tile(rows, aligned(states + rows * columns))
        yield Tile(1, aligned(states + columns))

    def overwrites(self, call: Call[QRecurrent]) -> Iterable[int]:
        """Return none, since a step may read what another one would have written over."""
        return ()

    def work(self, call: Call[QRecurrent], tile: Tile, core: str) -> Counter[str]:
        """Count steps, rows, products, decoded weights, and the functions of each cell."""
        op, steps = call.op, call.source[0]
        rows, columns = op.weights.shape
        decodes = 0
        if op.weights.codebook is not None:
            decodes = rows * (1 if tile.channels == rows else steps)
        wide = 0 if op.cell == "lstm" else op.units
        return Counter(
            {
                "recurrent": 1.0,
                "recurrent row": steps * rows,
                "recurrent product": steps * rows * (columns - wide),
                "recurrent wide product": steps * rows * wide,
                "recurrent decoded row": decodes,
                "recurrent decoded weight": decodes * columns,
                f"recurrent {op.cell}": steps * op.units,
            }
        )

    def sizes(self, op: QRecurrent | Recurrent, inputs: Shapes, outputs: Shapes) -> Iterable[Size]:
        """Return the numbers of steps, inputs and units."""
        yield "the number of steps", inputs[0][0], _MOST
        yield "the number of features", inputs[0][1], _MOST
        yield "the number of units", outputs[0][-1], _MOST

    def fields(self, call: Call[QRecurrent]) -> Mapping[str, object]:
        """Return the factors of the gates, and biases that raw inputs need."""
        op, source = call.op, call.inputs[0]
        own, recurrent = op.factors(source, call.outputs[0])
        sums = op.weights.int8()[:, : op.inputs].astype(int).sum(axis=1)
        return {
            "own": [self.factor(factor) for factor in own],
            "recurrent": [self.factor(factor) for factor in recurrent],
            "bias": op.bias.astype(int) - source.zero_point * sums,
            "hidden_bias": op.hidden_bias,
            "made": _numbers(op.made(call.outputs[0])),
            "rows": op.units * GATES[op.cell],
        }

    def factor(self, factor: Multiplier) -> tuple[int, int, float]:
        """Return what a gate's sums are multiplied by: multiplier, shift, and the real number."""
        return _numbers(factor)


def _numbers(factor: Multiplier) -> tuple[int, int, float]:
    return factor.multiplier, factor.shift, math.ldexp(factor.multiplier, factor.shift - 31)
