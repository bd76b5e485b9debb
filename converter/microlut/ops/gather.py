"""Chosen places along a dimension, in any order."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

import numpy as np

from microlut.ops.arrays import FloatArray, IntArray, Shape
from microlut.ops.base import FloatOp, IntegerOp, Keras, ScaleRule, demand, one_shape
from microlut.ops.builtin import Builtin, Constant, through_float
from microlut.ops.tensor import CONFIG, DType, Tensor


@dataclass(frozen=True, slots=True)
class Gather(FloatOp):
    """The places `indices` along `axis`, which is counted without the batch."""

    axis: int
    indices: tuple[int, ...]
    scale_rule: ClassVar[ScaleRule] = "same"
    becomes: ClassVar[str] = "gather"
    keras: ClassVar[Keras] = Keras(
        layers=("Resizing",),
        functions=(
            *("Pad", "Resize", "Roll", "Take"),
            *("compat.v1.gather", "compat.v1.image.resize_nearest_neighbor", "compat.v1.pad"),
            *("gather", "image.resize", "pad", "roll"),
        ),
    )

    def shapes(self, inputs: Sequence[Shape]) -> tuple[Shape, ...]:
        """Return the output's shape."""
        return (_shape(self.axis, self.indices, inputs),)

    def evaluate(self, inputs: Sequence[FloatArray]) -> tuple[FloatArray, ...]:
        """Return the values at the places."""
        return (np.take(inputs[0], self.indices, axis=self.axis + 1),)

    def train(self, tf: Any, inputs: Sequence[Any]) -> tuple[Any, ...]:  # noqa: ANN401
        """Return the output as a TensorFlow tensor."""
        return (tf.gather(inputs[0], self.indices, axis=self.axis + 1),)

    def quantize(self, inputs: Sequence[Tensor], outputs: Sequence[Tensor]) -> QGather:
        """Return the integer form."""
        return QGather(self.axis, self.indices)


@dataclass(frozen=True, slots=True)
class QGather(IntegerOp):
    """The same of integers."""

    axis: int
    indices: tuple[int, ...]
    kind: Literal["gather"] = "gather"
    dtypes: ClassVar[tuple[DType, ...]] = ("int8", "int16")
    __pydantic_config__ = CONFIG

    def shapes(self, inputs: Sequence[Shape]) -> tuple[Shape, ...]:
        """Return the output's shape."""
        return (_shape(self.axis, self.indices, inputs),)

    def evaluate(
        self, arrays: Sequence[IntArray], inputs: Sequence[Tensor], outputs: Sequence[Tensor]
    ) -> tuple[IntArray, ...]:
        """Return the values at the places."""
        return (np.take(arrays[0], self.indices, axis=self.axis + 1),)

    def tflite(self, inputs: Sequence[Tensor], outputs: Sequence[Tensor]) -> tuple[Builtin, ...]:
        """Return GATHER; devices have none of int16."""
        constant = Constant("indices", np.array(self.indices, np.int32))
        fields = {"axis": self.axis + 1, "batchDims": 0}
        read = (inputs[0], constant)
        made = Builtin("GATHER", 2, read, tuple(outputs), "GatherOptions", fields)
        return through_float(made) if outputs[0].dtype == "int16" else (made,)

    def check(self, inputs: Sequence[Tensor], outputs: Sequence[Tensor]) -> None:
        """Raise ValueError unless both tensors have one quantization."""
        demand(inputs[0].quantized == outputs[0].quantized, "the scales of its tensors")


def _shape(axis: int, indices: Sequence[int], inputs: Sequence[Shape]) -> Shape:
    source = one_shape(inputs)
    fits = 0 <= axis < len(source) and len(indices) > 0
    if not fits or min(indices) < 0 or max(indices) >= source[axis]:
        raise ValueError(
            f"takes places {str(list(indices))[:40]} along axis {axis} of {list(source)}"
        )
    return (*source[:axis], len(indices), *source[axis + 1 :])
