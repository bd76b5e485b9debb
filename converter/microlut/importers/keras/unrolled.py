"""Recurrent layers with other functions than tanh and sigmoid, step by step.

The engine's recurrent kernel has these two functions. With others, each time step becomes operators
of its own, which share the weights. `ops.cells.step` says the same in real numbers.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cache

import numpy as np

from microlut.importers.keras.activations import Activation
from microlut.importers.keras.layer_use import PREVIOUS, Step
from microlut.ops.activation import ActivationKind
from microlut.ops.add import Add
from microlut.ops.arrays import Shape, frozen_array
from microlut.ops.base import FloatOp
from microlut.ops.cells import order
from microlut.ops.concatenate import Concatenate
from microlut.ops.dense import Dense
from microlut.ops.movement import Axis, whole
from microlut.ops.mul import Mul
from microlut.ops.recurrent import Recurrent
from microlut.ops.relu import Relu
from microlut.ops.reshape import Reshape
from microlut.ops.slice import Slice
from microlut.ops.subtract import Subtract

MOST_STEPS = 256
_LSTM_GATES = (0, 1, 3, 2)  # input, forget, output and cell: those with one function side by side


@dataclass(frozen=True, slots=True)
class CellFunctions:
    """What Keras calls a cell's activation and its recurrent activation."""

    activation: Activation
    gate: Activation

    @property
    def usual(self) -> bool:
        """Whether the engine's kernel has them."""
        return (self.activation.name, self.gate.name) == ("tanh", "sigmoid")


def unrolled(op: Recurrent, functions: CellFunctions, shape: Shape) -> tuple[Step, ...]:
    """Return the operators of all time steps of a layer that reads [steps, inputs]."""
    made = _Unrolled(op, functions, shape)
    hidden, state = list[int](), None
    for t in order(shape[0], op.backwards):
        made.suffix = f"_step{t}"
        last = hidden[-1] if hidden else None
        if op.cell == "lstm":
            following, state = made.lstm(t, last, state)
        else:
            following = made.simple(t, last) if op.cell == "simple_rnn" else made.gru(t, last)
        hidden.append(following)
    if op.sequences:
        made.add(Concatenate(0), *(hidden[::-1] if op.flipped else hidden))
    else:
        made.add(Reshape((op.units,)), hidden[-1])
    return (*made.steps[:-1], replace(made.steps[-1], suffix=""))


class _Unrolled:
    """The operators so far. A tensor is the number of the operator that makes it."""

    def __init__(self, op: Recurrent, functions: CellFunctions, shape: Shape) -> None:
        """Begin with what all time steps make of the input."""
        gates = _LSTM_GATES if op.cell == "lstm" else range(len(op.kernel) // op.units)
        rows = np.concatenate([np.arange(op.units) + gate * op.units for gate in gates])
        self._op, self._functions, self._units = op, functions, op.units
        self._recurrent = op.kernel[rows, op.inputs :]
        self._bias = op.recurrent_bias[rows]
        own = Dense(frozen_array(op.kernel[rows, : op.inputs]), frozen_array(op.bias[rows]))
        self.steps = [Step(own, own.shapes([shape])[0], (0,), "_input")]
        self.suffix = ""
        self._dense = cache(self._recurrent_dense)

    def add(self, op: FloatOp, *inputs: int) -> int:
        """Append an operator and return its number."""
        number = len(self.steps)
        shape = op.shapes([self.steps[i].shape for i in inputs])[0]
        before = tuple(PREVIOUS + 1 + i - number for i in inputs)
        self.steps.append(Step(op, shape, before, f"{self.suffix}_{number}"))
        return number

    def lstm(self, t: int, hidden: int | None, state: int | None) -> tuple[int, int]:
        """Return the next hidden state and cell state."""
        total = self._own(t, 0, 4)
        if hidden is not None:
            total = self.add(Add(), total, self._product(hidden, 0, 4))
        gates = self._gate(self._part(total, 0, 3))
        made = self.add(Mul(), self._part(gates, 0), self._activation(self._part(total, 3)))
        if state is not None:
            made = self.add(Add(), self.add(Mul(), self._part(gates, 1), state), made)
        return self.add(Mul(), self._part(gates, 2), self._activation(made)), made

    def simple(self, t: int, hidden: int | None) -> int:
        """Return the next hidden state of a simple RNN."""
        total = self._own(t, 0, 1)
        if hidden is not None:
            total = self.add(Add(), total, self._product(hidden, 0, 1))
        return self._activation(total)

    def gru(self, t: int, hidden: int | None) -> int:
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
        made = self.add(Mul(), rest, self._activation(candidate))
        return made if hidden is None else self.add(Add(), self.add(Mul(), update, hidden), made)

    def _own(self, t: int, gate: int, count: int) -> int:
        """Return what a time step's input makes of some gates."""
        width = self._units
        return self.add(Slice((Axis(t, 1, 1), Axis(gate * width, 1, count * width))), 0)

    def _part(self, tensor: int, gate: int, count: int = 1) -> int:
        width = self._units
        return self.add(Slice((whole(1), Axis(gate * width, 1, count * width))), tensor)

    def _product(self, hidden: int, gate: int, count: int) -> int:
        return self.add(self._dense(gate, count), hidden)

    def _recurrent_dense(self, gate: int, count: int) -> Dense:
        rows = slice(gate * self._units, (gate + count) * self._units)
        return Dense(frozen_array(self._recurrent[rows]), frozen_array(self._bias[rows]))

    def _gate(self, tensor: int) -> int:
        return self._applied(self._functions.gate, tensor)

    def _activation(self, tensor: int) -> int:
        return self._applied(self._functions.activation, tensor)

    def _applied(self, function: Activation, tensor: int) -> int:
        if function.after is not None:
            return self.add(function.after, tensor)
        if function.fused is ActivationKind.LINEAR:
            return tensor
        return self.add(Relu(function.fused), tensor)
