"""Circular and hyperbolic functions, and their inverses."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from microlut.ops.base import Keras
from microlut.ops.elementwise import Unary

_BELOW_ONE = 1.0 - 2.0**-24  # in single precision


@dataclass(frozen=True, slots=True)
class Tan(Unary):
    """tan(x)."""

    keras: ClassVar[Keras] = Keras(functions=("Tan", "math.tan"))
    numpy: ClassVar[str] = "tan"
    tensorflow: ClassVar[str] = "tan"


@dataclass(frozen=True, slots=True)
class Asin(Unary):
    """The angle whose sine is x, of x from -1 to 1."""

    keras: ClassVar[Keras] = Keras(functions=("Arcsin", "math.asin"))
    domain: ClassVar[tuple[float, float]] = (-1.0, 1.0)
    numpy: ClassVar[str] = "arcsin"
    tensorflow: ClassVar[str] = "asin"


@dataclass(frozen=True, slots=True)
class Acos(Unary):
    """The angle whose cosine is x, of x from -1 to 1."""

    keras: ClassVar[Keras] = Keras(functions=("Arccos", "math.acos"))
    domain: ClassVar[tuple[float, float]] = (-1.0, 1.0)
    numpy: ClassVar[str] = "arccos"
    tensorflow: ClassVar[str] = "acos"


@dataclass(frozen=True, slots=True)
class Atan(Unary):
    """The angle whose tangent is x."""

    keras: ClassVar[Keras] = Keras(functions=("Arctan", "math.atan"))
    numpy: ClassVar[str] = "arctan"
    tensorflow: ClassVar[str] = "atan"


@dataclass(frozen=True, slots=True)
class Sinh(Unary):
    """(exp(x) - exp(-x)) / 2."""

    keras: ClassVar[Keras] = Keras(functions=("Sinh", "math.sinh"))
    numpy: ClassVar[str] = "sinh"
    tensorflow: ClassVar[str] = "sinh"


@dataclass(frozen=True, slots=True)
class Cosh(Unary):
    """(exp(x) + exp(-x)) / 2."""

    keras: ClassVar[Keras] = Keras(functions=("Cosh", "math.cosh"))
    numpy: ClassVar[str] = "cosh"
    tensorflow: ClassVar[str] = "cosh"


@dataclass(frozen=True, slots=True)
class Asinh(Unary):
    """The number whose hyperbolic sine is x."""

    keras: ClassVar[Keras] = Keras(functions=("Arcsinh", "math.asinh"))
    numpy: ClassVar[str] = "arcsinh"
    tensorflow: ClassVar[str] = "asinh"


@dataclass(frozen=True, slots=True)
class Acosh(Unary):
    """The number whose hyperbolic cosine is x, of x from 1 on."""

    keras: ClassVar[Keras] = Keras(functions=("Arccosh", "math.acosh"))
    domain: ClassVar[tuple[float, float]] = (1.0, np.inf)
    numpy: ClassVar[str] = "arccosh"
    tensorflow: ClassVar[str] = "acosh"


@dataclass(frozen=True, slots=True)
class Atanh(Unary):
    """The number whose hyperbolic tangent is x, of x between -1 and 1."""

    keras: ClassVar[Keras] = Keras(functions=("Arctanh", "math.atanh"))
    domain: ClassVar[tuple[float, float]] = (-_BELOW_ONE, _BELOW_ONE)
    numpy: ClassVar[str] = "arctanh"
    tensorflow: ClassVar[str] = "atanh"
