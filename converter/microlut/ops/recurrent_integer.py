"""Recurrent layers in integers, with codebook weights.

Between int16 tensors all sums have 64 bits, and multipliers 15, as in TensorFlow Lite.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar, Literal

import numpy as np
from numpy.typing import NDArray

from microlut.ops import recurrent_gates as gates
from microlut.ops.arrays import Int64, IntArray, Shape
from microlut.ops.base import demand
from microlut.ops.builtin import Builtin
from microlut.ops.cells import GATES, Cell
from microlut.ops.fixed_point import Multiplier, multiply, quantize_multiplier, reduced
from microlut.ops.integer_cells import ANY_STATE, STATE_SCALE, Parameters, steps
from microlut.ops.json_arrays import Int32Array
from microlut.ops.recurrent import OUTPUT_RANGE, output_shape
from microlut.ops.recurrent_export import Export, Parts, lstm_builtins, unrolled_builtins
from microlut.ops.tensor import CONFIG, DType, Tensor
from microlut.ops.weighted import QWeighted
from microlut.ops.weights import LARGEST_SHIFT_16, QuantizedWeights

LARGEST_POWER = -6  # of the scale of a cell state: up to 512
SMALLEST_POWER = -15
FINEST_POWER = -24  # in files of other converters: up to 1/512
_LARGEST_SHIFT = 31
_SUM_BITS_16, _SCALED_BITS_16 = 46, 30  # of sums between int16 tensors, and once scaled


@dataclass(frozen=True, slots=True, repr=False)
class QRecurrent(QWeighted):
    """A recurrent layer with codebook weights.

    Attributes:
        weights: [gates * units, inputs + units]; the rows of a gate have one scale, that of its
            recurrent weights.
        own_scales: [gates] scale of each gate's weights of the input.
        bias: [gates * units], in units of the input's scale times that of its weights.
        recurrent_bias: [gates * units], in units of the hidden state's scale times that of its
            weights.
        cell: What a step computes.
        power: The scale of an LSTM's cell state is 2^power.
        sequences: Whether the output has the hidden states of all steps, or that of the last one.
        backwards: Whether it reads the input from the end.
        flipped: Whether these hidden states are given from the last step to the first.
        zero_point: That of an LSTM's hidden state, whose scale is the output's.
        clip: Largest size of an LSTM's cell state; 32768: that of int16.
    """

    weights: QuantizedWeights
    own_scales: tuple[float, ...]
    bias: Int32Array
    recurrent_bias: Int32Array
    cell: Cell
    power: int
    sequences: bool
    backwards: bool
    flipped: bool
    zero_point: int = 0
    clip: int = ANY_STATE
    kind: Literal["recurrent"] = "recurrent"
    dtypes: ClassVar[tuple[DType, ...]] = ("int8", "int16")
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

    def hidden_scale(self, output: Tensor) -> float:
        """Return the scale of the hidden state, which is the output of an LSTM."""
        return output.scale if self.cell == "lstm" else STATE_SCALE

    @property
    def hidden_bias(self) -> Int32Array | None:
        """What is added to sums of raw hidden states, if anything: to all rows, or a GRU's last.

        The zero point of an LSTM's hidden state, times the sum of a row's weights, is part of it.
        """
        if self.cell == "gru":
            return self.recurrent_bias[2 * self.units :]
        if not self.zero_point:
            return None
        sums = self.weights.int8()[:, self.inputs :].astype(np.int64).sum(axis=1)
        bias: Int32Array = (-self.zero_point * sums).astype(np.int32)
        return bias

    @property
    def parameter_bytes(self) -> int:
        """Flash bytes of the biases: 32 bits per row, and of those of the hidden state."""
        after = {"gru": self.units, "lstm": len(self.bias) if self.zero_point else 0}
        return 4 * (len(self.bias) + after.get(self.cell, 0))

    def scales(self) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Return the scales of the gates' weights: of the input, and of the hidden state."""
        return np.array(self.own_scales, np.float32), self.weights.scales[:: self.units]

    def factors(
        self, source: Tensor, output: Tensor
    ) -> tuple[tuple[Multiplier, ...], tuple[Multiplier, ...]]:
        """Return what the gates' sums become Q3.12 by: of the input, and of the hidden state.

        TensorFlow Lite multiplies the scales in double precision.
        """
        own, recurrent = self.scales()
        unit = 2.0**-gates.FRACTION_BITS
        of_input, of_hidden = (
            tuple(quantize_multiplier(float(scale) * other / unit) for scale in scales)
            for scales, other in ((own, source.scale), (recurrent, self.hidden_scale(output)))
        )
        return of_input, of_hidden

    def fits(self, source: Tensor, output: Tensor) -> bool:
        """Return whether the engine can hold every number that it makes of sums."""
        wide = source.dtype == "int16"
        size = np.abs(self.weights.int8().astype(np.int64))
        narrow = self.cell == "lstm" and not wide
        widest = 128 + abs(self.zero_point) if narrow else 1 << 15
        sums = (
            (1 << 15 if wide else 256) * size[:, : self.inputs].sum(axis=1)
            + np.abs(self.bias.astype(np.int64)),
            widest * size[:, self.inputs :].sum(axis=1)
            + np.abs(self.recurrent_bias.astype(np.int64)),
        )
        return all(
            _fits(int(part.reshape(self.gates, -1)[i].max()), factor, wide)
            for part, factors in zip(sums, self.factors(source, output), strict=True)
            for i, factor in enumerate(factors)
        )

    def products(self, source: Shape, output: Shape) -> int:
        """Return the multiplications per inference: each step needs all weights."""
        del output
        return source[0] * math.prod(self.weights.shape)

    def shapes(self, inputs: Sequence[Shape]) -> tuple[Shape, ...]:
        """Return the output's shape."""
        return (output_shape(self.weights.shape, self.cell, self.sequences, inputs),)

    def evaluate(
        self, arrays: Sequence[IntArray], inputs: Sequence[Tensor], outputs: Sequence[Tensor]
    ) -> tuple[IntArray, ...]:
        """Return the hidden states [batch, ...] for inputs [batch, ...]."""
        x = arrays[0].astype(np.int64) - inputs[0].zero_point
        made, _ = steps(x, self.parameters(inputs[0], outputs[0]), self.backwards)
        return (self.given(made, outputs[0].dtype),)

    def parameters(self, source: Tensor, output: Tensor) -> Parameters:
        """Return the numbers that its cell needs."""
        return Parameters(
            self.cell,
            self.weights.int8(),
            (self.bias, self.recurrent_bias),
            self.factors(source, output),
            self.power,
            self.made(output),
            self.zero_point,
            self.clip,
            output.dtype,
        )

    def made(self, output: Tensor) -> Multiplier:
        """Return what products of gates in Q0.15 become an LSTM's hidden state by."""
        return quantize_multiplier(STATE_SCALE * STATE_SCALE / self.hidden_scale(output))

    def given(self, hidden: Sequence[Int64], dtype: DType) -> IntArray:
        """Return the output of a type for the hidden states after each step."""
        found = np.stack(hidden, axis=1)[:, :: -1 if self.flipped else 1]
        if self.cell == "lstm":
            found = found + self.zero_point
        elif dtype == "int8":
            to_int8 = quantize_multiplier(STATE_SCALE / 2.0**-7)
            found = np.clip(multiply(found, to_int8.multiplier, to_int8.shift), -128, 127)
        made: IntArray = (found if self.sequences else found[:, -1]).astype(dtype)
        return made

    def tflite(self, inputs: Sequence[Tensor], outputs: Sequence[Tensor]) -> tuple[Builtin, ...]:
        """Return UNIDIRECTIONAL_SEQUENCE_LSTM, or the operators of all steps of another cell."""
        make = lstm_builtins if self.cell == "lstm" else unrolled_builtins
        return make(self.export(), inputs[0], outputs[0])

    def export(self) -> Export:
        """Return what the operators of TensorFlow Lite are made of."""
        parts = Parts(self.weights.int8(), *self.scales(), self.bias, self.recurrent_bias)
        return Export(
            self.cell, parts, self.power, self.clip, self.sequences, self.backwards, self.flipped
        )

    def check(self, inputs: Sequence[Tensor], outputs: Sequence[Tensor]) -> None:
        """Raise ValueError, naming the part, unless the engine can run it."""
        self.weights.check()
        rows = (self.weights.shape[0],)
        demand(self.weights.indices.shape == self.weights.shape, "the shape of its weights")
        demand(self.weights.scales.shape == rows, "its weight scales")
        by_gate = self.weights.scales.reshape(self.gates, -1)
        demand(bool((by_gate == by_gate[:, :1]).all()), "its weight scales")
        own = np.array(self.own_scales, np.float32)
        sound = len(own) == self.gates and bool((np.isfinite(own) & (own > 0)).all())
        demand(sound and tuple(own.tolist()) == self.own_scales, "its weight scales")
        demand(self.bias.shape == self.recurrent_bias.shape == rows, "its biases")
        idle = self.recurrent_bias[: 2 * self.units if self.cell == "gru" else None]
        demand(not idle.any(), "its recurrent biases")
        demand(FINEST_POWER <= self.power <= LARGEST_POWER, "the scale of its cell state")
        fixed = outputs[0].quantized == OUTPUT_RANGE.quantization(outputs[0].dtype)
        demand(fixed or self.cell == "lstm", "the scale of its output")
        demand(self.zero_point == outputs[0].zero_point, "its zero point")
        demand(0 < self.clip <= ANY_STATE, "the largest size of its cell state")
        factors = self.factors(inputs[0], outputs[0])
        shifts = [factor.shift for part in factors for factor in part]
        shifts.append(self.made(outputs[0]).shift)
        demand(max(map(abs, shifts)) <= _LARGEST_SHIFT, "its multipliers")
        demand(self.fits(inputs[0], outputs[0]), "the size of its sums")


def _fits(largest: int, factor: Multiplier, wide: bool) -> bool:
    """Return whether sums of some size fit, and what they are once shifted or scaled."""
    if not wide:
        return largest << max(factor.shift, 0) < 1 << 31
    scaled = largest * math.ldexp(int(reduced(factor.multiplier)), factor.shift - 15)
    sound = largest < 1 << _SUM_BITS_16 and scaled < 1 << _SCALED_BITS_16
    return sound and factor.shift <= LARGEST_SHIFT_16
