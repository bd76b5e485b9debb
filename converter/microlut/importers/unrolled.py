"""Recurrent layers step by step: with other functions than tanh and sigmoid, or with given states.

The engine's recurrent kernel has these two functions, and begins with zeros. Otherwise each time
step becomes operators of its own, which share the weights. `ops.cells.step` says the same in real
numbers.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import Generic, TypeVar

import numpy as np

from microlut.ops.add import Add
from microlut.ops.arrays import frozen_array
from microlut.ops.base import FloatOp
from microlut.ops.cells import order
from microlut.ops.concatenate import Concatenate
from microlut.ops.dense import Dense
from microlut.ops.movement import Axis, whole
from microlut.ops.mul import Mul
from microlut.ops.recurrent import Recurrent
from microlut.ops.reshape import Reshape
from microlut.ops.slice import Slice
from microlut.ops.subtract import Subtract

T = TypeVar("T")  # an importer's name of a tensor
# Takes an operator, the tensors that it reads and a suffix for its name; returns its output.
Adding = Callable[[FloatOp, tuple[T, ...], str], T]

MOST_STEPS = 256
_LSTM_GATES = (0, 1, 3, 2)  # input, forget, output and cell: those with one function side by side


@dataclass(frozen=True, slots=True)
class CellFunctions:
    """The functions of a cell; None changes nothing.

    Attributes:
        gate: Of the gates: usually a sigmoid.
        candidate: Of what enters the state: usually tanh.
        output: Of an LSTM's cell state, for its hidden state: usually tanh.
    """

    gate: FloatOp | None
    candidate: FloatOp | None
    output: FloatOp | None


def unrolled(
    op: Recurrent, functions: CellFunctions, source: T, count: int, adding: Adding[T]
) -> T:
    """Add the operators of all time steps of a layer, and return its output.

    Args:
        op: The layer.
        functions: Its functions, of which it knows nothing.
        source: Its input [steps, inputs].
        count: The number of steps.
        adding: Adds an operator to the network.
    """
    return unrolled_from(op, functions, source, count, adding, (None, None))[0]


def unrolled_from(
    op: Recurrent,
    functions: CellFunctions,
    source: T,
    count: int,
    adding: Adding[T],
    initial: tuple[T | None, T | None],
) -> tuple[T, T | None]:
    """Do so from an initial hidden state and cell state [1, units], and return the cell state, too.

    A state that is None is zero.
    """
    made = _Unrolled(op, functions, source, adding)
    first, state = initial
    hidden = list[T]()
    for t in order(count, op.backwards):
        made.suffix = f"_step{t}"
        last = hidden[-1] if hidden else first
        if op.cell == "lstm":
            following, state = made.lstm(t, last, state)
        else:
            following = made.simple(t, last) if op.cell == "simple_rnn" else made.gru(t, last)
        hidden.append(following)
    made.suffix = ""
    if op.sequences:
        return made.add(Concatenate(0), *(hidden[::-1] if op.flipped else hidden)), state
    return made.add(Reshape((op.units,)), hidden[-1]), state


class _Unrolled(Generic[T]):
    """A layer whose operators are added."""

    def __init__(
        self, op: Recurrent, functions: CellFunctions, source: T, adding: Adding[T]
    ) -> None:
        """Begin with what all time steps make of the input."""
        gates = _LSTM_GATES if op.cell == "lstm" else range(len(op.kernel) // op.units)
        rows = np.concatenate([np.arange(op.units) + gate * op.units for gate in gates])
        self._op, self._functions, self._units, self._adding = op, functions, op.units, adding
        self._recurrent = op.kernel[rows, op.inputs :]
        self._bias = op.recurrent_bias[rows]
        own = Dense(frozen_array(op.kernel[rows, : op.inputs]), frozen_array(op.bias[rows]))
        self.suffix = "_input"
        self._sums = self.add(own, source)
        self._dense = cache(self._recurrent_dense)

    def add(self, op: FloatOp, *inputs: T) -> T:
        """Add an operator and return its output."""
        return self._adding(op, inputs, self.suffix)

    def lstm(self, t: int, hidden: T | None, state: T | None) -> tuple[T, T]:
        """Return the next hidden state and cell state."""
        total = self._own(t, 0, 4)
        if hidden is not None:
            total = self.add(Add(), total, self._product(hidden, 0, 4))
        gates = self._gate(self._part(total, 0, 3))
        made = self.add(Mul(), self._part(gates, 0), self._candidate(self._part(total, 3)))
        if state is not None:
            made = self.add(Add(), self.add(Mul(), self._part(gates, 1), state), made)
        output = self._applied(self._functions.output, made)
        return self.add(Mul(), self._part(gates, 2), output), made

    def simple(self, t: int, hidden: T | None) -> T:
        """Return the next hidden state of a simple RNN."""
        total = self._own(t, 0, 1)
        if hidden is not None:
            total = self.add(Add(), total, self._product(hidden, 0, 1))
        return self._candidate(total)

    def gru(self, t: int, hidden: T | None) -> T:
        """Return the next hidden state of a GRU, which is reset before or after the product."""
        after, total, candidate = self._op.cell == "gru", self._own(t, 0, 2), self._own(t, 2, 1)
        found = None if hidden is None else self._product(hidden, 0, 3 if after else 2)
        if found is not None:
            total = self.add(Add(), total, self._part(found, 0, 2) if after else found)
        gates = self._gate(total)
        reset = self._part(gates, 1)
        if hidden is None:
            bias = self._bias[2 * self._units :]
            inner = self.add(Mul(constant=bias[None]), reset) if bias.any() else None
        elif after and found is not None:
            inner = self.add(Mul(), reset, self._part(found, 2))
        else:
            inner = self._product(self.add(Mul(), reset, hidden), 2, 1)
        if inner is not None:
            candidate = self.add(Add(), candidate, inner)
        update = self._part(gates, 0)
        one = frozen_array(np.ones((1, self._units)))
        rest = self.add(Subtract(constant=one, constant_first=True), update)
        made = self.add(Mul(), rest, self._candidate(candidate))
        return made if hidden is None else self.add(Add(), self.add(Mul(), update, hidden), made)

    def _own(self, t: int, gate: int, count: int) -> T:
        """Return what a time step's input makes of some gates."""
        width = self._units
        places = Axis(t, 1, 1), Axis(gate * width, 1, count * width)
        return self.add(Slice(places), self._sums)

    def _part(self, tensor: T, gate: int, count: int = 1) -> T:
        width = self._units
        return self.add(Slice((whole(1), Axis(gate * width, 1, count * width))), tensor)

    def _product(self, hidden: T, gate: int, count: int) -> T:
        return self.add(self._dense(gate, count), hidden)

    def _recurrent_dense(self, gate: int, count: int) -> Dense:
        rows = slice(gate * self._units, (gate + count) * self._units)
        return Dense(frozen_array(self._recurrent[rows]), frozen_array(self._bias[rows]))

    def _gate(self, tensor: T) -> T:
        return self._applied(self._functions.gate, tensor)

    def _candidate(self, tensor: T) -> T:
        return self._applied(self._functions.candidate, tensor)

    def _applied(self, function: FloatOp | None, tensor: T) -> T:
        return tensor if function is None else self.add(function, tensor)
