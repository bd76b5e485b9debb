"""Vectors divided by their lengths, as TensorFlow Lite's L2_NORMALIZATION does in int8.

Devices have it between int8 tensors only; between int16 tensors its steps are the same, with sums
of squares of more than 32 bits.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from math import prod
from typing import Any, ClassVar, Literal

import numpy as np

from microlut.ops.arrays import FloatArray, IntArray
from microlut.ops.base import FloatOp, IntegerOp, Keras, OwnOp, SameShape, ScaleRule, demand
from microlut.ops.builtin import Builtin
from microlut.ops.fixed_point import inverse_square_root, multiply, wide_inverse_square_root
from microlut.ops.reshape import QReshape
from microlut.ops.tensor import CONFIG, DType, FixedRange, Tensor

LONGEST = 33025  # values, so that the sum of their squares has 31 bits
_RANGE = FixedRange(-1.0, 1.0)
_OUTPUT_BITS, _OUTPUT_BITS_16 = 7, 15  # after the point
_LEAST = 1e-12  # Keras divides by no smaller length
_MOST_DIMENSIONS = 3  # of the builtin on devices, without the batch


@dataclass(frozen=True, slots=True)
class UnitNormalization(SameShape, FloatOp):
    """Each vector along the last dimension, divided by its length; zeros stay zeros."""

    scale_rule: ClassVar[ScaleRule] = _RANGE
    keras: ClassVar[Keras] = Keras(
        layers=("UnitNormalization",),
        functions=("Normalize", "math.l2_normalize", "linalg.l2_normalize", "nn.l2_normalize"),
    )
    becomes: ClassVar[str] = "unit_normalization"
    wide: ClassVar[str | None] = "unit_normalization_16"

    def evaluate(self, inputs: Sequence[FloatArray]) -> tuple[FloatArray, ...]:
        """Return the normalized vectors."""
        length = np.sqrt(np.square(inputs[0]).sum(axis=-1, keepdims=True))
        return (inputs[0] / np.maximum(length, np.float32(_LEAST)),)

    def train(self, tf: Any, inputs: Sequence[Any]) -> tuple[Any, ...]:  # noqa: ANN401
        """Return the output as a TensorFlow tensor."""
        return (tf.math.l2_normalize(inputs[0], axis=-1, epsilon=_LEAST),)

    def quantize(self, inputs: Sequence[Tensor], outputs: Sequence[Tensor]) -> IntegerOp:
        """Return the integer form."""
        return QUnitNormalization16() if outputs[0].dtype == "int16" else QUnitNormalization()


@dataclass(frozen=True, slots=True)
class QUnitNormalization(SameShape, IntegerOp):
    """(value - zero point) divided by the root of the sum of their squares, in steps of 1/128."""

    kind: Literal["unit_normalization"] = "unit_normalization"
    __pydantic_config__ = CONFIG

    def evaluate(
        self, arrays: Sequence[IntArray], inputs: Sequence[Tensor], outputs: Sequence[Tensor]
    ) -> tuple[IntArray, ...]:
        """Return the normalized vectors."""
        centered = arrays[0].astype(np.int64) - inputs[0].zero_point
        squares = np.square(centered).sum(axis=-1, keepdims=True)
        multiplier, shift = inverse_square_root(squares)
        scaled = multiply(centered, multiplier, shift + _OUTPUT_BITS)
        return (np.clip(scaled, -128, 127).astype(np.int8),)

    def tflite(self, inputs: Sequence[Tensor], outputs: Sequence[Tensor]) -> tuple[Builtin, ...]:
        """Return L2_NORMALIZATION, between reshapes where it has too many dimensions."""
        x, y = inputs[0], outputs[0]
        rows = (prod(x.shape[:-1]), x.shape[-1])
        if len(x.shape) <= _MOST_DIMENSIONS:
            return (_normalization(x, y),)
        flat, made = (replace(t, name=f"{y.name}/{n}", shape=rows) for t, n in ((x, "x"), (y, "y")))
        return (
            *QReshape(rows).tflite([x], [flat]),
            _normalization(flat, made),
            *QReshape(y.shape).tflite([made], [y]),
        )

    def check(self, inputs: Sequence[Tensor], outputs: Sequence[Tensor]) -> None:
        """Raise ValueError, naming the part, unless the output's scale is the fixed one."""
        _check(inputs[0], outputs[0])


@dataclass(frozen=True, slots=True)
class QUnitNormalization16(SameShape, OwnOp):
    """int16 values divided by the root of the sum of their squares, in steps of 2^-15."""

    kind: Literal["unit_normalization_16"] = "unit_normalization_16"
    dtypes: ClassVar[tuple[DType, ...]] = ("int16",)
    __pydantic_config__ = CONFIG

    def evaluate(
        self, arrays: Sequence[IntArray], inputs: Sequence[Tensor], outputs: Sequence[Tensor]
    ) -> tuple[IntArray, ...]:
        """Return the normalized vectors."""
        x = arrays[0].astype(np.int64)
        multiplier, shift = wide_inverse_square_root(np.square(x).sum(axis=-1, keepdims=True))
        scaled = multiply(x, multiplier, shift + _OUTPUT_BITS_16)
        return (np.clip(scaled, -32768, 32767).astype(np.int16),)

    def check(self, inputs: Sequence[Tensor], outputs: Sequence[Tensor]) -> None:
        """Raise ValueError, naming the part, unless the output's scale is the fixed one."""
        _check(inputs[0], outputs[0])


def _check(x: Tensor, y: Tensor) -> None:
    demand(y.quantized == _RANGE.quantization(y.dtype), "the scale of its output")
    demand(x.shape[-1] <= LONGEST, "the length of its vectors")


def _normalization(x: Tensor, y: Tensor) -> Builtin:
    fields = {"fusedActivationFunction": "NONE"}
    return Builtin("L2_NORMALIZATION", 2, (x,), (y,), "L2NormOptions", fields)
