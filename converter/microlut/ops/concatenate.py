"""Concatenation of tensors along an axis."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, ClassVar, Literal

import numpy as np

from microlut.ops.arrays import FloatArray, IntArray, Shape
from microlut.ops.base import FloatOp, IntegerOp, Keras, ScaleRule, demand
from microlut.ops.builtin import Builtin, version
from microlut.ops.tensor import CONFIG, DType, Tensor

_MOST_INPUTS = 10  # of CONCATENATION in TensorFlow Lite Micro


@dataclass(frozen=True, slots=True)
class Concatenate(FloatOp):
    """Concatenation along `axis`, which is counted without the batch."""

    axis: int
    scale_rule: ClassVar[ScaleRule] = "unify"
    operands: ClassVar[int | None] = None
    keras: ClassVar[Keras] = Keras(
        layers=("Concatenate",),
        functions=("Concatenate", "concat"),
        options={"axis": -1},
        limits="any axis but the batch",
    )
    becomes: ClassVar[str] = "concatenate"

    def shapes(self, inputs: Sequence[Shape]) -> tuple[Shape, ...]:
        """Return the output's shape."""
        return (_shape(self.axis, inputs),)

    def evaluate(self, inputs: Sequence[FloatArray]) -> tuple[FloatArray, ...]:
        """Return the output."""
        return (np.concatenate(inputs, axis=self.axis + 1),)

    def train(self, tf: Any, inputs: Sequence[Any]) -> tuple[Any, ...]:  # noqa: ANN401
        """Return the output as a TensorFlow tensor."""
        return (tf.concat(inputs, axis=self.axis + 1),)

    def quantize(self, inputs: Sequence[Tensor], outputs: Sequence[Tensor]) -> QConcatenate:
        """Return the integer form; all tensors have one quantization."""
        return QConcatenate(self.axis)

    @classmethod
    def from_keras(cls, options: Mapping[str, Any], inputs: Sequence[Shape]) -> Concatenate:
        """Return the operator; Keras counts `axis` with the batch, or from the end if negative."""
        axis, rank = options["axis"], len(inputs[0])
        if type(axis) is not int or not (-rank <= axis < 0 or 0 < axis <= rank):
            raise ValueError(f"joins along axis={axis!r}, expected one of the axes but the batch")
        return cls(axis - 1 if axis > 0 else axis + rank)


@dataclass(frozen=True, slots=True)
class QConcatenate(IntegerOp):
    """Concatenation along `axis` of tensors that have one quantization."""

    axis: int
    kind: Literal["concatenate"] = "concatenate"
    dtypes: ClassVar[tuple[DType, ...]] = ("int8", "int16")
    __pydantic_config__ = CONFIG

    def shapes(self, inputs: Sequence[Shape]) -> tuple[Shape, ...]:
        """Return the output's shape."""
        return (_shape(self.axis, inputs),)

    def evaluate(
        self, arrays: Sequence[IntArray], inputs: Sequence[Tensor], outputs: Sequence[Tensor]
    ) -> tuple[IntArray, ...]:
        """Return the output."""
        return (np.concatenate(arrays, axis=self.axis + 1),)

    def tflite(self, inputs: Sequence[Tensor], outputs: Sequence[Tensor]) -> tuple[Builtin, ...]:
        """Return CONCATENATION, or several if there are more inputs than one of them may have."""
        parts, made = tuple(inputs), list[Builtin]()
        while len(parts) > _MOST_INPUTS:
            groups = [parts[i : i + _MOST_INPUTS] for i in range(0, len(parts), _MOST_INPUTS)]
            names = [f"{outputs[0].name}/part_{len(made) + i}" for i in range(len(groups))]
            parts = tuple(
                replace(outputs[0], name=name, shape=_shape(self.axis, [t.shape for t in group]))
                for name, group in zip(names, groups, strict=True)
            )
            made += [self._joined(*pair) for pair in zip(groups, parts, strict=True)]
        return (*made, self._joined(parts, outputs[0]))

    def _joined(self, inputs: tuple[Tensor, ...], output: Tensor) -> Builtin:
        fields = {"axis": self.axis + 1, "fusedActivationFunction": "NONE"}
        known = version(output, 2, 3)
        return Builtin("CONCATENATION", known, inputs, (output,), "ConcatenationOptions", fields)

    def check(self, inputs: Sequence[Tensor], outputs: Sequence[Tensor]) -> None:
        """Raise ValueError unless all tensors have one quantization and one type."""
        found = {(tensor.quantized, tensor.dtype) for tensor in (*inputs, *outputs)}
        demand(len(found) == 1, "the scales of its tensors")


def _shape(axis: int, inputs: Sequence[Shape]) -> Shape:
    first = inputs[0] if inputs else ()
    others = {(*shape[:axis], *shape[axis + 1 :]) for shape in inputs}
    if not 0 <= axis < len(first) or len(others) != 1 or len({*map(len, inputs)}) != 1:
        found = ", ".join(str(list(shape)) for shape in inputs)
        raise ValueError(f"joins tensors of shapes {found}, expected equal ones but for one axis")
    return (*first[:axis], sum(shape[axis] for shape in inputs), *first[axis + 1 :])
