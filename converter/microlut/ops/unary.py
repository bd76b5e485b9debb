"""Mathematical functions of one value."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from microlut.ops.base import IntegerOp, Keras
from microlut.ops.elementwise import Elementwise, Float64, Stepped, Unary
from microlut.ops.fixed_point import quantize_multiplier
from microlut.ops.rectify_16 import abs_16
from microlut.ops.table import QTable, all_values, scaled_values, table
from microlut.ops.tensor import Tensor

_SMALL = 1e-12  # above zero


@dataclass(frozen=True, slots=True)
class Abs(Unary):
    """|x|."""

    keras: ClassVar[Keras] = Keras(functions=("Absolute", "Fabs", "abs", "math.abs"))
    numpy: ClassVar[str] = "abs"
    tensorflow: ClassVar[str] = "abs"
    wide: ClassVar[str | None] = "rectify_16"

    def quantize(self, inputs: Sequence[Tensor], outputs: Sequence[Tensor]) -> IntegerOp:
        """Return TensorFlow Lite's ABS, if its 32 bits suffice: of int8 as a table."""
        form = abs_16 if outputs[0].dtype == "int16" else _abs_table
        return form(inputs[0], outputs[0]) or Elementwise.quantize(self, inputs, outputs)


def _abs_table(source: Tensor, target: Tensor) -> QTable | None:
    """Return the table of ABS, or None where its 32-bit numbers would overflow."""
    ratio = source.scale / target.scale
    if not np.isfinite(ratio):
        return None
    magnitude = np.abs(all_values() - source.zero_point)
    values = scaled_values(magnitude, quantize_multiplier(ratio))
    return None if values is None else table(values + target.zero_point, "ABS", 2)


@dataclass(frozen=True, slots=True)
class Square(Unary):
    """x^2."""

    keras: ClassVar[Keras] = Keras(functions=("Square", "math.square"))
    numpy: ClassVar[str] = "square"
    tensorflow: ClassVar[str] = "square"


@dataclass(frozen=True, slots=True)
class Sqrt(Unary):
    """The square root of x, which is not negative."""

    keras: ClassVar[Keras] = Keras(functions=("Sqrt", "math.sqrt"))
    domain: ClassVar[tuple[float, float]] = (0.0, np.inf)
    numpy: ClassVar[str] = "sqrt"
    tensorflow: ClassVar[str] = "sqrt"


@dataclass(frozen=True, slots=True)
class Rsqrt(Unary):
    """1 / sqrt(x) of x above zero."""

    keras: ClassVar[Keras] = Keras(functions=("Rsqrt", "math.rsqrt"))
    domain: ClassVar[tuple[float, float]] = (0.0, np.inf)
    tensorflow: ClassVar[str] = "math.rsqrt"

    def real(self, x: Float64) -> Float64:
        """Return the function of real values."""
        return 1 / np.sqrt(x)


@dataclass(frozen=True, slots=True)
class Exp(Unary):
    """exp(x)."""

    keras: ClassVar[Keras] = Keras(functions=("Exp", "exp", "math.exp"), activation="exponential")
    numpy: ClassVar[str] = "exp"
    tensorflow: ClassVar[str] = "exp"


@dataclass(frozen=True, slots=True)
class Expm1(Unary):
    """exp(x) - 1."""

    keras: ClassVar[Keras] = Keras(functions=("Expm1", "math.expm1"))
    numpy: ClassVar[str] = "expm1"
    tensorflow: ClassVar[str] = "math.expm1"


@dataclass(frozen=True, slots=True)
class Log(Unary):
    """The natural logarithm of x, which is above zero."""

    keras: ClassVar[Keras] = Keras(functions=("Log", "math.log"))
    domain: ClassVar[tuple[float, float]] = (0.0, np.inf)
    numpy: ClassVar[str] = "log"
    tensorflow: ClassVar[str] = "math.log"


@dataclass(frozen=True, slots=True)
class Log1p(Unary):
    """log(1 + x) of x above -1."""

    keras: ClassVar[Keras] = Keras(functions=("Log1p", "math.log1p"))
    domain: ClassVar[tuple[float, float]] = (-1.0, np.inf)
    numpy: ClassVar[str] = "log1p"
    tensorflow: ClassVar[str] = "math.log1p"


@dataclass(frozen=True, slots=True)
class Reciprocal(Unary):
    """1 / x of x other than zero."""

    keras: ClassVar[Keras] = Keras(functions=("Reciprocal", "math.reciprocal"))
    numpy: ClassVar[str] = "reciprocal"
    tensorflow: ClassVar[str] = "math.reciprocal"


@dataclass(frozen=True, slots=True)
class Power(Elementwise):
    """x ** `exponent`; of an exponent that is not whole for x that is not negative."""

    exponent: float
    largest: ClassVar[int] = 64  # exponent

    @classmethod
    def takes(cls, exponent: float) -> bool:
        """Return whether an exponent is supported: any but 0, up to the largest one."""
        return 0 < abs(exponent) <= cls.largest

    @property
    def is_whole(self) -> bool:
        """Whether negative values have a power."""
        return self.exponent == round(self.exponent)

    def real(self, x: Float64) -> Float64:
        """Return the function of real values."""
        return np.asarray(np.power(x, self.exponent))

    def trained(self, tf: Any, x: Any) -> Any:  # noqa: ANN401
        """Return the function of a TensorFlow tensor; at its ends the gradient is not finite."""
        safe = x if self.is_whole else tf.maximum(x, _SMALL)
        return tf.pow(safe, self.exponent)

    def _everywhere(self, x: Float64) -> Float64:
        return self.real(x if self.is_whole else np.maximum(x, 0.0))


@dataclass(frozen=True, slots=True)
class Sin(Unary):
    """sin(x)."""

    keras: ClassVar[Keras] = Keras(functions=("Sin", "math.sin"))
    numpy: ClassVar[str] = "sin"
    tensorflow: ClassVar[str] = "sin"


@dataclass(frozen=True, slots=True)
class Cos(Unary):
    """cos(x)."""

    keras: ClassVar[Keras] = Keras(functions=("Cos", "math.cos"))
    numpy: ClassVar[str] = "cos"
    tensorflow: ClassVar[str] = "cos"


@dataclass(frozen=True, slots=True)
class Erf(Unary):
    """The error function."""

    keras: ClassVar[Keras] = Keras(functions=("Erf", "math.erf"))
    tensorflow: ClassVar[str] = "math.erf"

    def real(self, x: Float64) -> Float64:
        """Return the function of real values."""
        from scipy.special import erf  # loaded when needed, since it takes a while

        return np.asarray(erf(x))


@dataclass(frozen=True, slots=True)
class Sign(Unary):
    """-1, 0 or 1."""

    keras: ClassVar[Keras] = Keras(functions=("Sign", "math.sign"))
    numpy: ClassVar[str] = "sign"
    tensorflow: ClassVar[str] = "sign"


@dataclass(frozen=True, slots=True)
class Floor(Stepped):
    """x rounded down."""

    keras: ClassVar[Keras] = Keras(functions=("Floor", "math.floor"))
    numpy: ClassVar[str] = "floor"
    tensorflow: ClassVar[str] = "floor"


@dataclass(frozen=True, slots=True)
class Ceil(Stepped):
    """x rounded up."""

    keras: ClassVar[Keras] = Keras(functions=("Ceil", "math.ceil"))
    numpy: ClassVar[str] = "ceil"
    tensorflow: ClassVar[str] = "math.ceil"


@dataclass(frozen=True, slots=True)
class Round(Stepped):
    """x rounded to the nearest whole number, and to the even one of two."""

    numpy: ClassVar[str] = "round"
    tensorflow: ClassVar[str] = "round"
