"""ReLU and ReLU6 that stand alone, because no operator before them can apply them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

import numpy as np

from microlut.ops.activation import ActivationKind, Fusing
from microlut.ops.arrays import FloatArray, IntArray
from microlut.ops.base import IntegerOp, Keras, SameShape, ScaleRule, demand
from microlut.ops.builtin import Builtin, version
from microlut.ops.table import QTable, rescale_table, table
from microlut.ops.tensor import CONFIG, DType, Tensor


@dataclass(frozen=True, slots=True)
class Relu(SameShape, Fusing):
    """A ReLU or ReLU6 that stands alone."""

    activation: ActivationKind
    scale_rule: ClassVar[ScaleRule] = "same"
    becomes: ClassVar[str] = "relu"
    keras: ClassVar[Keras] = Keras(layers=("ReLU",))

    def linear(self, inputs: Sequence[FloatArray]) -> FloatArray:
        """Return the input."""
        return inputs[0]

    def train(self, tf: Any, inputs: Sequence[Any]) -> tuple[Any, ...]:  # noqa: ANN401
        """Return the output as a TensorFlow tensor."""
        return (self.activation.train(tf, inputs[0]),)

    def quantize(self, inputs: Sequence[Tensor], outputs: Sequence[Tensor]) -> QRelu:
        """Return the integer form."""
        return QRelu(*self.activation.limits(outputs[0].quantized, outputs[0].dtype))


@dataclass(frozen=True, slots=True)
class QRelu(SameShape, IntegerOp):
    """A ReLU or ReLU6 that stands alone, input and output of equal quantization."""

    minimum: int
    maximum: int
    kind: Literal["relu"] = "relu"
    dtypes: ClassVar[tuple[DType, ...]] = ("int8", "int16")
    __pydantic_config__ = CONFIG

    def evaluate(
        self, arrays: Sequence[IntArray], inputs: Sequence[Tensor], outputs: Sequence[Tensor]
    ) -> tuple[IntArray, ...]:
        """Return the limited values."""
        return (np.clip(arrays[0], self.minimum, self.maximum),)

    def tflite(self, inputs: Sequence[Tensor], outputs: Sequence[Tensor]) -> tuple[Builtin, ...]:
        """Return RELU or RELU6."""
        name = "RELU6" if outputs[0].holds(self.maximum + 1) else "RELU"
        return (Builtin(name, version(outputs[0], 2, 3), tuple(inputs), tuple(outputs)),)

    def check(self, inputs: Sequence[Tensor], outputs: Sequence[Tensor]) -> None:
        """Raise ValueError unless the limits are those of the type."""
        demand(outputs[0].holds(self.minimum, self.maximum), "its limits")


def rescaled_relu(source: Tensor, target: Tensor) -> QTable:
    """Return TensorFlow Lite's RELU from one scale of int8 to another."""
    low, high = ActivationKind.RELU.limits(target.quantized)
    scaled = rescale_table(source.quantized, target.quantized).values
    return table(np.clip(scaled, low, high), "RELU", 2)
