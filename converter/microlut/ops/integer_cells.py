"""The cells of recurrent layers in integers, as the engine computes them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from microlut.ops import recurrent_gates as gates
from microlut.ops.arrays import Int64
from microlut.ops.cells import GATES, Cell, order
from microlut.ops.fixed_point import Multiplier, multiply, multiply_wide, quantize_multiplier
from microlut.ops.tensor import DType, integer_limits

STATE_SCALE = 2.0**-15  # of gates and of 16-bit hidden states
ANY_STATE = 1 << 15  # the largest size of a cell state of which none is cut
_Q15 = quantize_multiplier(STATE_SCALE)


@dataclass(frozen=True, slots=True)
class Parameters:
    """The numbers of a layer; rows are those of its gates.

    Attributes:
        cell: What a step computes.
        weights: [rows, inputs + units] decoded weights.
        biases: [rows] added to the products of the input, and of the hidden state.
        factors: What a gate's sums become Q3.12 by: of the input, and of the hidden state.
        power: The scale of an LSTM's cell state is 2^power.
        made: What products of gates become its hidden state by.
        zero_point: That of its hidden state.
        dtype: Type of the input and the output; between int16, sums have 64 bits.
        clip: Largest size of its cell state.
    """

    cell: Cell
    weights: NDArray[np.int8]
    biases: tuple[NDArray[np.int32], NDArray[np.int32]]
    factors: tuple[tuple[Multiplier, ...], tuple[Multiplier, ...]]
    power: int
    made: Multiplier
    zero_point: int
    clip: int
    dtype: DType

    @property
    def units(self) -> int:
        """Length of the hidden state."""
        return len(self.weights) // GATES[self.cell]


def steps(
    x: Int64, p: Parameters, backwards: bool, memory: tuple[Int64, Int64] | None = None
) -> tuple[list[Int64], Int64]:
    """Return the hidden states [batch, units] after each step, centered, and the last cell state.

    Args:
        x: Centered inputs [batch, steps, inputs].
        p: The numbers of the layer.
        backwards: Whether it reads the input from the end.
        memory: Hidden state and cell state before the first step; by default zeros.
    """
    own = p.weights[:, : -p.units].T.astype(np.float64)
    sums = _scaled(p, x.astype(np.float64) @ own, p.biases[0], p.factors[0])
    zeros = np.zeros((len(x), p.units), np.int64)
    hidden, state = memory or (zeros, zeros)
    made = []
    for t in order(x.shape[1], backwards):
        by_gate = np.split(sums[:, t], GATES[p.cell], axis=1)
        if p.cell == "lstm":
            hidden, state = _lstm(p, by_gate, hidden, state)
        elif p.cell == "simple_rnn":
            total = by_gate[0] + _products(p, hidden, 0)
            hidden = gates.tanh(gates.saturate(total))
        else:
            hidden = _gru(p, by_gate, hidden)
        made.append(hidden)
    return made, state


def _scaled(
    p: Parameters,
    found: NDArray[np.float64],
    bias: NDArray[np.int32],
    factors: Sequence[Multiplier],
) -> Int64:
    """Return sums [..., rows] of gates in Q3.12; the float products are exact."""
    total = found.astype(np.int64) + bias
    each = len(bias) // len(factors)
    multipliers = np.repeat(np.array([f.multiplier for f in factors], np.int64), each)
    shifts = np.repeat(np.array([f.shift for f in factors], np.int64), each)
    scale = multiply_wide if p.dtype == "int16" else multiply
    return gates.saturate(scale(total, multipliers, shifts))


def _products(p: Parameters, hidden: Int64, gate: int) -> Int64:
    """Return what a gate's rows make of a hidden state."""
    rows = slice(gate * p.units, (gate + 1) * p.units)
    matrix = p.weights[rows, -p.units :].T.astype(np.float64)
    found = hidden.astype(np.float64) @ matrix
    return _scaled(p, found, p.biases[1][rows], p.factors[1][gate:][:1])


def _lstm(p: Parameters, own: Sequence[Int64], hidden: Int64, state: Int64) -> tuple[Int64, Int64]:
    total = [gates.saturate(own[i] + _products(p, hidden, i)) for i in range(4)]
    takes, keeps, gives = (gates.sigmoid(total[i]) for i in (0, 1, 3))
    kept = gates.product(keeps, state, _Q15)
    unit = quantize_multiplier(STATE_SCALE * STATE_SCALE / 2.0**p.power)
    state = gates.saturate(kept + gates.product(takes, gates.tanh(total[2]), unit))
    state = np.clip(state, -p.clip, p.clip)
    made = gates.product(gates.tanh(state, p.power), gives, p.made)
    low, high = integer_limits(p.dtype)
    return np.clip(made, low - p.zero_point, high - p.zero_point), state


def _gru(p: Parameters, own: Sequence[Int64], hidden: Int64) -> Int64:
    update, reset = (
        gates.sigmoid(gates.saturate(own[i] + _products(p, hidden, i))) for i in range(2)
    )
    if p.cell == "gru":
        inner = gates.product(reset, _products(p, hidden, 2), _Q15)
    else:
        inner = _products(p, gates.product(reset, hidden, _Q15), 2)
    candidate = gates.tanh(gates.saturate(own[2] + inner))
    rest = gates.product(gates.ONE - update, candidate, _Q15)
    return gates.saturate(gates.product(update, hidden, _Q15) + rest)
