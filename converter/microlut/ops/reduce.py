"""Mean, sum, maximum and minimum over any dimensions, as TensorFlow Lite computes them."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Literal

import numpy as np

from microlut.ops.arrays import FloatArray, IntArray, Shape
from microlut.ops.base import FloatOp, IntegerOp, Keras, ScaleRule, demand, one_shape
from microlut.ops.builtin import Builtin, Constant, through_float, version
from microlut.ops.fixed_point import mean_multiplier, multiply, quantize_multiplier
from microlut.ops.tensor import CONFIG, DType, Tensor, integer_limits

MOST_SUMMED = 1 << 16  # values, so that scaled sums have 32 bits
_Mode = Literal["mean", "sum", "max", "min"]
_OPTIONS = {"axis": None, "keepdims": False, "initial": None}
_BUILTINS = {"mean": "MEAN", "sum": "SUM", "max": "REDUCE_MAX", "min": "REDUCE_MIN"}


class Reduce(FloatOp):
    """One value of all those along `axes`, which are counted without the batch."""

    __slots__ = ()
    becomes: ClassVar[str] = "reduce"
    mode: ClassVar[_Mode]
    if TYPE_CHECKING:

        def __init__(self, axes: tuple[int, ...], keep: bool = False) -> None: ...

        @property
        def axes(self) -> tuple[int, ...]:
            """The dimensions, ascending."""

        @property
        def keep(self) -> bool:
            """Whether the output has them with size 1."""

    def shapes(self, inputs: Sequence[Shape]) -> tuple[Shape, ...]:
        """Return the output's shape."""
        return (_shape(inputs, self.axes, self.keep),)

    def evaluate(self, inputs: Sequence[FloatArray]) -> tuple[FloatArray, ...]:
        """Return the means, sums or extremes."""
        axes = tuple(axis + 1 for axis in self.axes)
        return (getattr(inputs[0], self.mode)(axis=axes, keepdims=self.keep),)

    def train(self, tf: Any, inputs: Sequence[Any]) -> tuple[Any, ...]:  # noqa: ANN401
        """Return the output as a TensorFlow tensor."""
        axes = [axis + 1 for axis in self.axes]
        return (getattr(tf, f"reduce_{self.mode}")(inputs[0], axes, keepdims=self.keep),)

    def quantize(self, inputs: Sequence[Tensor], outputs: Sequence[Tensor]) -> QReduce:
        """Return the integer form."""
        real = inputs[0].scale / outputs[0].scale
        factor = quantize_multiplier(real)
        if self.mode == "mean":
            factor = mean_multiplier(real, _count(inputs[0].shape, self.axes))
        if self.mode in ("max", "min"):
            return QReduce(self.mode, self.axes, self.keep, 0, 0)
        return QReduce(self.mode, self.axes, self.keep, factor.multiplier, factor.shift)

    @classmethod
    def from_keras(cls, options: Mapping[str, Any], inputs: Sequence[Shape]) -> FloatOp:
        """Return the operator for the options `axis` and `keepdims`."""
        if options.get("initial") is not None:
            raise ValueError(f"has initial={options['initial']}, expected None")
        rank, found = len(one_shape(inputs)), options["axis"]
        axes = found if isinstance(found, list | tuple) else [found]
        if not all(isinstance(n, int) and n and -rank <= n <= rank for n in axes):
            raise ValueError(
                f"reduces over axis={found}, expected dimensions other than the batch: 1 to {rank}"
            )
        own = tuple(sorted({n - 1 if n > 0 else n + rank for n in axes}))
        op = cls(own, bool(options["keepdims"]))
        op.shapes(inputs)
        return op

    @classmethod
    def example(cls, inputs: Sequence[Shape]) -> FloatOp:
        """Return an operator over one or two dimensions, by the shape."""
        shape = one_shape(inputs)
        axes = [(0,), (1,), (2,), (0, 1), (1, 2), (0, 2)][sum(shape) % 6]
        return cls(axes)


@dataclass(frozen=True, slots=True)
class ReduceMean(Reduce):
    """Mean along some dimensions, with a quantization of its own."""

    axes: tuple[int, ...]
    keep: bool = False
    mode: ClassVar[_Mode] = "mean"
    keras: ClassVar[Keras] = Keras(functions=("Mean", "math.reduce_mean"), options=_OPTIONS)

    def smallest_scale(self, inputs: Sequence[float]) -> float:
        """Return the output scale below which sums overflow 32 bits while they are scaled."""
        return 2.0**-20 * inputs[0]


@dataclass(frozen=True, slots=True)
class ReduceSum(Reduce):
    """Sum along some dimensions, with a quantization of its own."""

    axes: tuple[int, ...]
    keep: bool = False
    mode: ClassVar[_Mode] = "sum"
    keras: ClassVar[Keras] = Keras(functions=("Sum", "math.reduce_sum"), options=_OPTIONS)

    def smallest_scale(self, inputs: Sequence[float]) -> float:
        """Return the output scale below which sums overflow 32 bits while they are scaled.

        |sum| <= 255 * MOST_SUMMED, and 2^shift <= 2 * input scale / output scale.
        """
        return 2.0**-6 * inputs[0]


@dataclass(frozen=True, slots=True)
class ReduceMax(Reduce):
    """Maximum along some dimensions."""

    axes: tuple[int, ...]
    keep: bool = False
    mode: ClassVar[_Mode] = "max"
    scale_rule: ClassVar[ScaleRule] = "same"
    keras: ClassVar[Keras] = Keras(functions=("Max", "math.reduce_max"), options=_OPTIONS)


@dataclass(frozen=True, slots=True)
class ReduceMin(Reduce):
    """Minimum along some dimensions."""

    axes: tuple[int, ...]
    keep: bool = False
    mode: ClassVar[_Mode] = "min"
    scale_rule: ClassVar[ScaleRule] = "same"
    keras: ClassVar[Keras] = Keras(functions=("Min", "math.reduce_min"), options=_OPTIONS)


@dataclass(frozen=True, slots=True)
class QReduce(IntegerOp):
    """Mean or sum of (value - zero point), times multiplier * 2^(shift - 31); or an extreme.

    The factor of a mean contains the number of values. Extremes have none: 0 and 0.
    """

    mode: _Mode
    axes: tuple[int, ...]
    keep: bool
    multiplier: int
    shift: int
    kind: Literal["reduce"] = "reduce"
    dtypes: ClassVar[tuple[DType, ...]] = ("int8", "int16")
    __pydantic_config__ = CONFIG

    def shapes(self, inputs: Sequence[Shape]) -> tuple[Shape, ...]:
        """Return the output's shape."""
        return (_shape(inputs, self.axes, self.keep),)

    def evaluate(
        self, arrays: Sequence[IntArray], inputs: Sequence[Tensor], outputs: Sequence[Tensor]
    ) -> tuple[IntArray, ...]:
        """Return the means, sums or extremes."""
        axes = tuple(axis + 1 for axis in self.axes)
        if self.mode in ("max", "min"):
            return (getattr(arrays[0], self.mode)(axis=axes, keepdims=self.keep),)
        centered = arrays[0].astype(np.int64) - inputs[0].zero_point
        total = centered.sum(axis=axes, keepdims=self.keep)
        scaled = multiply(total, self.multiplier, self.shift) + outputs[0].zero_point
        dtype = outputs[0].dtype
        return (np.clip(scaled, *integer_limits(dtype)).astype(dtype),)

    def tflite(self, inputs: Sequence[Tensor], outputs: Sequence[Tensor]) -> tuple[Builtin, ...]:
        """Return MEAN, SUM, REDUCE_MAX or REDUCE_MIN; devices have no extremes of int16."""
        axes = Constant("axes", np.array([axis + 1 for axis in self.axes], np.int32))
        fields = {"keepDims": self.keep}
        name, read = _BUILTINS[self.mode], (inputs[0], axes)
        number = version(inputs[0], 2, 3)
        made = Builtin(name, number, read, tuple(outputs), "ReducerOptions", fields)
        float_only = outputs[0].dtype == "int16" and self.mode in ("max", "min")
        return through_float(made) if float_only else (made,)

    def check(self, inputs: Sequence[Tensor], outputs: Sequence[Tensor]) -> None:
        """Raise ValueError, naming the part, unless the factor is valid."""
        wide = outputs[0].dtype == "int16"
        if self.mode in ("max", "min"):
            demand(self.multiplier == self.shift == 0, "its multiplier")
            return
        demand(0 <= self.multiplier < 1 << 31 and abs(self.shift) <= 31, "its multiplier")
        largest = (32767 if wide else 255) * _count(inputs[0].shape, self.axes)
        demand(largest << max(self.shift, 0) < 1 << 31, "its multiplier")


def _count(shape: Shape, axes: Sequence[int]) -> int:
    return math.prod(shape[axis] for axis in axes)


def _shape(inputs: Sequence[Shape], axes: tuple[int, ...], keep: bool) -> Shape:
    source = one_shape(inputs)
    if not axes or list(axes) != sorted(set(axes)) or not 0 <= axes[0] <= axes[-1] < len(source):
        raise ValueError(f"reduces dimensions {list(axes)} of shape {list(source)}")
    if keep:
        return tuple(1 if axis in axes else n for axis, n in enumerate(source))
    if len(axes) == len(source):
        raise ValueError(
            "reduces all dimensions but the batch to none, expected keepdims=True, or one left"
        )
    return tuple(n for axis, n in enumerate(source) if axis not in axes)
