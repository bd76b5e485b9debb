"""Recurrent layers of fixed length: LSTM, GRU and simple RNN, with a loop over time inside.

The rows of one kernel hold what the gates do with the input and, after it, with the hidden state,
so that one codebook and one matrix of indices serve all steps. The LSTM computes what TensorFlow
Lite's UNIDIRECTIONAL_SEQUENCE_LSTM does in its int8 form: int8 hidden state, int16 cell state,
gates in Q0.15. There is no such operator for the other cells. They keep an int16 hidden state, and
compute what FULLY_CONNECTED, ADD, MUL, SUB, LOGISTIC and TANH do on int16 tensors, step by step.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

import numpy as np
from numpy.typing import NDArray

from microlut.ops import recurrent_gates as gates
from microlut.ops.arrays import FloatArray, Int64, IntArray, Shape
from microlut.ops.base import IntegerOp, Keras, ScaleRule, demand, one_shape
from microlut.ops.builtin import Builtin
from microlut.ops.cells import GATES, Cell, Functions, order, step
from microlut.ops.fixed_point import Multiplier, multiply, quantize_multiplier
from microlut.ops.integer_cells import STATE_SCALE, Parameters, steps
from microlut.ops.json_arrays import Int32Array
from microlut.ops.recurrent_export import Export, Parts, lstm_builtins, unrolled_builtins
from microlut.ops.sigmoid import Sigmoid
from microlut.ops.tensor import CONFIG, FixedRange, Tensor
from microlut.ops.weighted import QWeighted, Weighted
from microlut.ops.weights import QuantizedWeights

LARGEST_POWER = -6  # of the scale of a cell state: up to 512
SMALLEST_POWER = -15
_RANGE = FixedRange(-1.0, 1.0)
_LARGEST_SHIFT = 31


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
    """

    kernel: FloatArray
    bias: FloatArray
    recurrent_bias: FloatArray
    cell: Cell = "lstm"
    sequences: bool = False
    backwards: bool = False
    flipped: bool = False
    becomes: ClassVar[str] = "recurrent"
    keras: ClassVar[Keras] = Keras(layers=("Bidirectional", "GRU", "LSTM", "RNN", "SimpleRNN"))
    scale_rule: ClassVar[ScaleRule] = _RANGE

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
        return (_shape(self.kernel.shape, self.cell, self.sequences, inputs),)

    def run(self, x: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Return the hidden states and the cell states after each step, [batch, steps, units]."""
        f = Functions(_sigmoid, np.tanh, self.kernel[:, self.inputs :].T, self.recurrent_bias)
        sums = x @ self.kernel[:, : self.inputs].T + self.bias
        hidden = state = np.zeros((len(x), self.units), np.float32)
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

    def _given(self, hidden: Any) -> Any:  # noqa: ANN401 - of NumPy or of TensorFlow
        if not self.sequences:
            return hidden[:, -1]
        return hidden[:, ::-1] if self.flipped else hidden

    def train(self, tf: Any, inputs: Sequence[Any]) -> tuple[Any, ...]:  # noqa: ANN401
        """Return the hidden states as a TensorFlow tensor."""
        recurrent = tf.constant(self.kernel[:, self.inputs :].T)
        f = Functions(tf.sigmoid, tf.tanh, recurrent, tf.constant(self.recurrent_bias))
        (x,), weights = inputs, tf.constant(self.kernel[:, : self.inputs])
        sums = tf.linalg.matmul(x, weights, transpose_b=True) + tf.constant(self.bias)
        hidden = state = tf.zeros((tf.shape(x)[0], self.units))
        made = []
        for t in order(x.shape[1], self.backwards):
            hidden, state = step(self.cell, f, sums[:, t], hidden, state)
            made.append(hidden)
        return (self._given(tf.stack(made, axis=1)),)

    def quantize(self, inputs: Sequence[Tensor], outputs: Sequence[Tensor]) -> IntegerOp:
        """Raise TypeError: the weights of the integer form must be chosen."""
        raise TypeError(f"{type(self).__name__} is quantized with its weights")


@dataclass(frozen=True, slots=True, repr=False)
class QRecurrent(QWeighted):
    """A recurrent layer with codebook weights.

    Attributes:
        weights: [gates * units, inputs + units]; the rows of a gate have one scale, that of its
            recurrent weights.
        ratio: The scale of a gate's weights of the input, divided by that; exact in single
            precision.
        bias: [gates * units], in units of the input's scale times that of its weights.
        recurrent_bias: [gates * units], in units of the hidden state's scale times that of its
            weights.
        cell: What a step computes.
        power: The scale of an LSTM's cell state is 2^power.
        sequences: Whether the output has the hidden states of all steps, or that of the last one.
        backwards: Whether it reads the input from the end.
        flipped: Whether these hidden states are given from the last step to the first.
    """

    weights: QuantizedWeights
    ratio: float
    bias: Int32Array
    recurrent_bias: Int32Array
    cell: Cell
    power: int
    sequences: bool
    backwards: bool
    flipped: bool
    kind: Literal["recurrent"] = "recurrent"
    __pydantic_config__ = CONFIG

    @property
    def gates(self) -> int:
        """Number of gates."""
        return GATES[self.cell]

    @property
    def units(self) -> int:
        """Length of the hidden state."""
        return self.weights.shape[0] // self.gates

    @property
    def inputs(self) -> int:
        """Length of the input of a step."""
        return self.weights.shape[1] - self.units

    @property
    def hidden_scale(self) -> float:
        """Scale of the hidden state: of int8 in an LSTM, of int16 in other cells."""
        return 2.0**-7 if self.cell == "lstm" else STATE_SCALE

    @property
    def parameter_bytes(self) -> int:
        """Flash bytes of the biases: 32 bits per row, and per candidate of a GRU."""
        return 4 * (len(self.bias) + (self.units if self.cell == "gru" else 0))

    def scales(self) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Return the scales of the gates' weights: of the input, and of the hidden state."""
        recurrent = self.weights.scales[:: self.units]
        return recurrent * np.float32(self.ratio), recurrent

    def factors(self, source: Tensor) -> tuple[tuple[Multiplier, ...], tuple[Multiplier, ...]]:
        """Return what the gates' sums become Q3.12 by: of the input, and of the hidden state.

        TensorFlow Lite multiplies the scales in single precision.
        """
        own, recurrent = self.scales()
        unit = 2.0**-gates.FRACTION_BITS
        pairs = (own, np.float32(source.scale)), (recurrent, np.float32(self.hidden_scale))
        of_input, of_hidden = (
            tuple(quantize_multiplier(float(scale * other) / unit) for scale in scales)
            for scales, other in pairs
        )
        return of_input, of_hidden

    def largest_sum(self, source: Tensor) -> int:
        """Return a bound on every 32-bit number that the engine makes of sums."""
        size = np.abs(self.weights.int8().astype(np.int64))
        widest = 128 if self.cell == "lstm" else 1 << 15
        sums = (
            256 * size[:, : self.inputs].sum(axis=1) + np.abs(self.bias.astype(np.int64)),
            widest * size[:, self.inputs :].sum(axis=1)
            + np.abs(self.recurrent_bias.astype(np.int64)),
        )
        shifted = [
            int(part.reshape(self.gates, -1)[i].max()) << max(factor.shift, 0)
            for part, factors in zip(sums, self.factors(source), strict=True)
            for i, factor in enumerate(factors)
        ]
        return max(shifted)

    def products(self, source: Shape, output: Shape) -> int:
        """Return the multiplications per inference: each step needs all weights."""
        del output
        return source[0] * math.prod(self.weights.shape)

    def shapes(self, inputs: Sequence[Shape]) -> tuple[Shape, ...]:
        """Return the output's shape."""
        return (_shape(self.weights.shape, self.cell, self.sequences, inputs),)

    def evaluate(
        self, arrays: Sequence[IntArray], inputs: Sequence[Tensor], outputs: Sequence[Tensor]
    ) -> tuple[IntArray, ...]:
        """Return the hidden states [batch, ...] for inputs [batch, ...]."""
        x = arrays[0].astype(np.int64) - inputs[0].zero_point
        made, _ = steps(x, self.parameters(inputs[0]), self.backwards)
        return (self.given(made),)

    def parameters(self, source: Tensor) -> Parameters:
        """Return the numbers that its cell needs."""
        biases = (self.bias, self.recurrent_bias)
        return Parameters(self.cell, self.weights.int8(), biases, self.factors(source), self.power)

    def given(self, hidden: Sequence[Int64]) -> IntArray:
        """Return the output for the hidden states after each step."""
        found = np.stack(hidden, axis=1)[:, :: -1 if self.flipped else 1]
        if self.cell != "lstm":
            to_int8 = quantize_multiplier(STATE_SCALE / 2.0**-7)
            found = np.clip(multiply(found, to_int8.multiplier, to_int8.shift), -128, 127)
        return (found if self.sequences else found[:, -1]).astype(np.int8)

    def tflite(self, inputs: Sequence[Tensor], outputs: Sequence[Tensor]) -> tuple[Builtin, ...]:
        """Return UNIDIRECTIONAL_SEQUENCE_LSTM, or the operators of all steps of another cell."""
        make = lstm_builtins if self.cell == "lstm" else unrolled_builtins
        return make(self.export(), inputs[0], outputs[0])

    def export(self) -> Export:
        """Return what the operators of TensorFlow Lite are made of."""
        parts = Parts(self.weights.int8(), *self.scales(), self.bias, self.recurrent_bias)
        return Export(self.cell, parts, self.power, self.sequences, self.backwards, self.flipped)

    def check(self, inputs: Sequence[Tensor], outputs: Sequence[Tensor]) -> None:
        """Raise ValueError, naming the part, unless the engine can run it."""
        self.weights.check()
        rows = (self.weights.shape[0],)
        demand(self.weights.indices.shape == self.weights.shape, "the shape of its weights")
        demand(self.weights.scales.shape == rows, "its weight scales")
        by_gate = self.weights.scales.reshape(self.gates, -1)
        demand(bool((by_gate == by_gate[:, :1]).all()), "its weight scales")
        ratio = np.float32(self.ratio)
        demand(bool(np.isfinite(ratio)) and 0 < ratio == self.ratio, "the ratio of its scales")
        demand(self.bias.shape == self.recurrent_bias.shape == rows, "its biases")
        idle = self.recurrent_bias[: 2 * self.units if self.cell == "gru" else None]
        demand(not idle.any(), "its recurrent biases")
        demand(SMALLEST_POWER <= self.power <= LARGEST_POWER, "the scale of its cell state")
        demand(outputs[0].quantized == _RANGE.quantization("int8"), "the scale of its output")
        shifts = [factor.shift for factors in self.factors(inputs[0]) for factor in factors]
        demand(max(map(abs, shifts)) <= _LARGEST_SHIFT, "its multipliers")
        demand(self.largest_sum(inputs[0]) < 1 << 31, "the size of its sums")


def _sigmoid(x: FloatArray) -> FloatArray:
    return Sigmoid().evaluate([x])[0]


def _shape(kernel: Shape, cell: Cell, sequences: bool, inputs: Sequence[Shape]) -> Shape:
    source = one_shape(inputs)
    rows, columns = kernel
    units = rows // GATES[cell]
    if len(source) != 2 or rows % GATES[cell] or columns - units != source[1]:
        raise ValueError(
            f"has a kernel of shape {list(kernel)} for an input {list(source)}, expected [steps, "
            "inputs]"
        )
    return (source[0], units) if sequences else (units,)
