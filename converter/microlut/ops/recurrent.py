"""Recurrent layers of fixed length: LSTM, GRU and simple RNN, with a loop over time inside.

The rows of one kernel hold what the gates do with the input and, after it, with the hidden state,
so that one codebook and one matrix of indices serve all steps. The LSTM computes what TensorFlow
Lite's UNIDIRECTIONAL_SEQUENCE_LSTM does in its int8 form: int8 hidden state, int16 cell state,
gates in Q0.15. There is no such operator for the other cells. They keep an int16 hidden state, and
compute what FULLY_CONNECTED, ADD, MUL, SUB, LOGISTIC and TANH do on int16 tensors, step by step.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from microlut.ops.arrays import FloatArray, Shape
from microlut.ops.base import IntegerOp, Keras, ScaleRule, one_shape
from microlut.ops.cells import GATES, Cell, Functions, order, step
from microlut.ops.sigmoid import Sigmoid
from microlut.ops.tensor import FixedRange, Tensor
from microlut.ops.weighted import Weighted

OUTPUT_RANGE = FixedRange(-1.0, 1.0)


@dataclass(frozen=True, slots=True, repr=False)
class Recurrent(Weighted):
    """A recurrent layer over [steps, inputs].

    Attributes:
        kernel: [gates * units, inputs + units]: weights of the input, then of the hidden state.
        bias: [gates * units], added to the products of the input.
        recurrent_bias: [gates * units], added to those of the hidden state; zeros except in a GRU
            that resets after them.
        cell: What a step computes.
        sequences: Whether the output has the hidden states of all steps, or that of the last one.
        backwards: Whether it reads the input from the end.
        flipped: Whether these hidden states are given from the last step to the first.
        clip: Largest size of an LSTM's cell state; 0: any.
    """

    kernel: FloatArray
    bias: FloatArray
    recurrent_bias: FloatArray
    cell: Cell = "lstm"
    sequences: bool = False
    backwards: bool = False
    flipped: bool = False
    clip: float = 0.0
    becomes: ClassVar[str] = "recurrent"
    keras: ClassVar[Keras] = Keras(layers=("Bidirectional", "GRU", "LSTM", "RNN", "SimpleRNN"))
    scale_rule: ClassVar[ScaleRule] = OUTPUT_RANGE

    @property
    def units(self) -> int:
        """Length of the hidden state."""
        return len(self.kernel) // GATES[self.cell]

    @property
    def inputs(self) -> int:
        """Length of the input of a step."""
        return int(self.kernel.shape[1]) - self.units

    def products(self, source: Shape, output: Shape) -> int:
        """Return the multiplications per inference: each step needs all weights."""
        del output
        return source[0] * self.kernel.size

    def shapes(self, inputs: Sequence[Shape]) -> tuple[Shape, ...]:
        """Return the output's shape."""
        return (output_shape(self.kernel.shape, self.cell, self.sequences, inputs),)

    def run(
        self, x: FloatArray, memory: tuple[FloatArray, FloatArray] | None = None
    ) -> tuple[FloatArray, FloatArray]:
        """Return the hidden states and the cell states after each step, [batch, steps, units].

        `memory` are those before the first step, by default zeros.
        """
        recurrent = self.kernel[:, self.inputs :].T
        f = Functions(_sigmoid, np.tanh, recurrent, self.recurrent_bias, self._limit(np.clip))
        sums = x @ self.kernel[:, : self.inputs].T + self.bias
        zeros = np.zeros((len(x), self.units), np.float32)
        hidden, state = memory or (zeros, zeros)
        made = []
        for t in order(x.shape[1], self.backwards):
            hidden, state = step(self.cell, f, sums[:, t], hidden, state)
            made.append((hidden, state))
        states = np.array(made, np.float32)
        return states[:, 0].swapaxes(0, 1), states[:, 1].swapaxes(0, 1)

    def fields(self, x: FloatArray, hidden: FloatArray) -> FloatArray:
        """Return what the kernel's rows are multiplied with: [batch, steps, inputs + units].

        `hidden` are the states after each step, in the order of steps.
        """
        before = np.concatenate([np.zeros_like(hidden[:, :1]), hidden[:, :-1]], axis=1)
        read = x[:, ::-1] if self.backwards else x
        return np.concatenate([read, before], axis=2)

    def evaluate(self, inputs: Sequence[FloatArray]) -> tuple[FloatArray, ...]:
        """Return the hidden states."""
        hidden, _ = self.run(inputs[0])
        return (np.ascontiguousarray(self._given(hidden)),)

    def _limit(self, clip: Any) -> Callable[[Any], Any]:  # noqa: ANN401 - of NumPy or TensorFlow
        return lambda state: clip(state, -self.clip, self.clip) if self.clip else state

    def _given(self, hidden: Any) -> Any:  # noqa: ANN401 - of NumPy or of TensorFlow
        if not self.sequences:
            return hidden[:, -1]
        return hidden[:, ::-1] if self.flipped else hidden

    def train(self, tf: Any, inputs: Sequence[Any]) -> tuple[Any, ...]:  # noqa: ANN401
        """Return the hidden states as a TensorFlow tensor."""
        zeros = tf.zeros((tf.shape(inputs[0])[0], self.units))
        return (self._given(self.train_steps(tf, inputs[0], (zeros, zeros))[0]),)

    def train_steps(self, tf: Any, x: Any, memory: tuple[Any, Any]) -> tuple[Any, Any]:  # noqa: ANN401
        """Return what `run` does as TensorFlow tensors."""
        recurrent = tf.constant(self.kernel[:, self.inputs :].T)
        bias, limit = tf.constant(self.recurrent_bias), self._limit(tf.clip_by_value)
        f = Functions(tf.sigmoid, tf.tanh, recurrent, bias, limit)
        weights = tf.constant(self.kernel[:, : self.inputs])
        sums = tf.linalg.matmul(x, weights, transpose_b=True) + tf.constant(self.bias)
        hidden, state = memory
        made = []
        for t in order(x.shape[1], self.backwards):
            hidden, state = step(self.cell, f, sums[:, t], hidden, state)
            made.append((hidden, state))
        each, states = zip(*made, strict=True)
        return tf.stack(each, axis=1), tf.stack(states, axis=1)

    def quantize(self, inputs: Sequence[Tensor], outputs: Sequence[Tensor]) -> IntegerOp:
        """Raise TypeError: the weights of the integer form must be chosen."""
        raise TypeError(f"{type(self).__name__} is quantized with its weights")


def _sigmoid(x: FloatArray) -> FloatArray:
    return Sigmoid().evaluate([x])[0]


def output_shape(kernel: Shape, cell: Cell, sequences: bool, inputs: Sequence[Shape]) -> Shape:
    """Return the shape of the hidden states; raise ValueError if the kernel does not fit."""
    source = one_shape(inputs)
    rows, columns = kernel
    units = rows // GATES[cell]
    if len(source) != 2 or rows % GATES[cell] or columns - units != source[1]:
        raise ValueError(
            f"has a kernel of shape {list(kernel)} for an input {list(source)}, expected [steps, "
            "inputs]"
        )
    return (source[0], units) if sequences else (units,)
