"""Recurrent layers that go on where the last run ended, in streamed networks or as a model says."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

import numpy as np

from microlut.ops.arrays import FloatArray, IntArray, Shape
from microlut.ops.base import IntegerOp, demand
from microlut.ops.builtin import Builtin
from microlut.ops.integer_cells import STATE_SCALE, steps
from microlut.ops.recurrent import Recurrent
from microlut.ops.recurrent_export import lstm_builtins, unrolled_builtins
from microlut.ops.recurrent_integer import QRecurrent
from microlut.ops.tensor import CONFIG, DType, Quantization, Tensor
from microlut.ops.weighted import QWeighted, Weighted
from microlut.ops.weights import QuantizedWeights


@dataclass(frozen=True, slots=True, repr=False)
class RecurrentStep(Weighted):
    """An LSTM over the steps of a run, in a model that has a memory of its own.

    It reads the steps and its memory, and makes its output and its next memory [2, units]: the cell
    state and the hidden state in their steps, as parts of 2^15.

    Attributes:
        layer: The LSTM, which gives the hidden states of all steps.
        scales: What a step of the cell state is, and one of the hidden state.
    """

    layer: Recurrent
    scales: tuple[float, float]
    becomes: ClassVar[str] = "recurrent_step"
    operands: ClassVar[int | None] = 2

    @property
    def kernel(self) -> FloatArray:
        """The weights of the layer."""
        return self.layer.kernel

    @property
    def bias(self) -> FloatArray:
        """The biases of the layer."""
        return self.layer.bias

    def products(self, source: Shape, output: Shape) -> int:
        """Return the multiplications per run."""
        return self.layer.products(source, output)

    def shapes(self, inputs: Sequence[Shape]) -> tuple[Shape, ...]:
        """Return the shapes of the output and of the next memory."""
        memory = (2, self.layer.units)
        if len(inputs) != 2 or inputs[1] != memory:
            raise ValueError(f"reads {len(inputs)} tensors, expected steps and memory")
        return (*self.layer.shapes(inputs[:1]), memory)

    def evaluate(self, inputs: Sequence[FloatArray]) -> tuple[FloatArray, ...]:
        """Return the output and the next memory [batch, ...]."""
        cell, hidden = (np.float32(scale / STATE_SCALE) for scale in self.scales)
        x, old = inputs
        made, states = self.layer.run(x, (old[:, 1] * hidden, old[:, 0] * cell))
        return made, np.stack([states[:, -1] / cell, made[:, -1] / hidden], axis=1)

    def train(self, tf: Any, inputs: Sequence[Any]) -> tuple[Any, ...]:  # noqa: ANN401
        """Return the same as TensorFlow tensors."""
        cell, hidden = (scale / STATE_SCALE for scale in self.scales)
        x, old = inputs
        made, states = self.layer.train_steps(tf, x, (old[:, 1] * hidden, old[:, 0] * cell))
        return made, tf.stack([states[:, -1] / cell, made[:, -1] / hidden], axis=1)

    def quantize(self, inputs: Sequence[Tensor], outputs: Sequence[Tensor]) -> IntegerOp:
        """Raise TypeError: the weights of the integer form must be chosen."""
        raise TypeError(f"{type(self).__name__} is quantized with its weights")


@dataclass(frozen=True, slots=True, repr=False)
class QRecurrentStep(QWeighted):
    """A recurrent layer over the steps of a run.

    It reads the steps and its memory, and makes its output and its next memory: the int16 hidden
    state [1, units], or of an LSTM the cell state and the hidden state, less its zero
    point [2, units].
    """

    layer: QRecurrent
    kind: Literal["recurrent_step"] = "recurrent_step"
    dtypes: ClassVar[tuple[DType, ...]] = ("int8", "int16")
    mixes_types: ClassVar[bool] = True  # its memory has 16 bits
    __pydantic_config__ = CONFIG

    @property
    def weights(self) -> QuantizedWeights:
        """The weights of the layer."""
        return self.layer.weights

    @property
    def parameter_bytes(self) -> int:
        """Flash bytes of the biases."""
        return self.layer.parameter_bytes

    @property
    def own_variables(self) -> bool:
        """Whether the exported operator holds the memory itself, as that of an LSTM does."""
        return self.layer.cell == "lstm"

    def memory(self, name: str) -> Tensor:
        """Return the tensor of its memory, which begins with zeros."""
        rows = 2 if self.layer.cell == "lstm" else 1
        return Tensor(name, (rows, self.layer.units), "int16", Quantization(STATE_SCALE, 0))

    def products(self, source: Shape, output: Shape) -> int:
        """Return the multiplications per run."""
        return self.layer.products(source, output)

    def shapes(self, inputs: Sequence[Shape]) -> tuple[Shape, ...]:
        """Return the shapes of the output and of the next memory."""
        memory = self.memory("").shape
        if len(inputs) != 2 or inputs[1] != memory:
            raise ValueError(f"reads {len(inputs)} tensors, expected steps and memory")
        return (*self.layer.shapes(inputs[:1]), memory)

    def evaluate(
        self, arrays: Sequence[IntArray], inputs: Sequence[Tensor], outputs: Sequence[Tensor]
    ) -> tuple[IntArray, ...]:
        """Return the output and the next memory [batch, ...]."""
        layer, old = self.layer, arrays[1].astype(np.int64)
        x = arrays[0].astype(np.int64) - inputs[0].zero_point
        made, state = steps(
            x, layer.parameters(inputs[0], outputs[0]), False, (old[:, -1], old[:, 0])
        )
        parts = [state, made[-1]] if layer.cell == "lstm" else [made[-1]]
        return layer.given(made, outputs[0].dtype), np.stack(parts, axis=1).astype(np.int16)

    def tflite(self, inputs: Sequence[Tensor], outputs: Sequence[Tensor]) -> tuple[Builtin, ...]:
        """Return the operators of the layer; of an LSTM, they hold its memory in variables."""
        export = self.layer.export()
        if self.own_variables:
            return lstm_builtins(export, inputs[0], outputs[0])
        return unrolled_builtins(export, inputs[0], outputs[0], (inputs[1], outputs[1]))

    def check(self, inputs: Sequence[Tensor], outputs: Sequence[Tensor]) -> None:
        """Raise ValueError, naming the part, unless the engine can run it."""
        self.layer.check(inputs[:1], outputs[:1])
        demand(not (self.layer.backwards or self.layer.flipped), "the order of its steps")
        demand(inputs[0].dtype == outputs[0].dtype, "the type of its tensors")
        memory = self.memory("")
        sound = all(
            (tensor.dtype, tensor.quantization) == (memory.dtype, memory.quantization)
            for tensor in (inputs[1], outputs[1])
        )
        demand(sound, "its memory")
