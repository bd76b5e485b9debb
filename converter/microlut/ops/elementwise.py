"""What functions of one value share: each becomes a table."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping, Sequence
from functools import reduce
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from microlut.ops.arrays import FloatArray
from microlut.ops.base import FloatOp, IntegerOp, SameShape
from microlut.ops.table import real_table
from microlut.ops.table_16 import real_table_16
from microlut.ops.tensor import Tensor

Float64 = NDArray[np.float64]
_LARGEST = float(np.finfo(np.float32).max)


class Elementwise(SameShape, FloatOp):
    """A function of each value.

    Unless a class has integers from a kernel of TensorFlow Lite, its table is the rounded real
    result (`real_table`), or is interpolated between int16 tensors (`real_table_16`).

    Attributes:
        domain: The least and the largest input for which the function is defined. A table has its
            result there for all inputs beyond, which only rounding makes.
    """

    __slots__ = ()
    becomes: ClassVar[str] = "table"
    wide: ClassVar[str | None] = "table_16"
    domain: ClassVar[tuple[float, float]] = (-np.inf, np.inf)

    @abstractmethod
    def real(self, x: Float64) -> Float64:
        """Return the function of real values."""

    @abstractmethod
    def trained(self, tf: Any, x: Any) -> Any:  # noqa: ANN401
        """Return the function of a TensorFlow tensor, with finite gradients."""

    def evaluate(self, inputs: Sequence[FloatArray]) -> tuple[FloatArray, ...]:
        """Return the results, computed in double precision."""
        with np.errstate(all="ignore"):
            return (self.real(inputs[0].astype(np.float64)).astype(np.float32),)

    def train(self, tf: Any, inputs: Sequence[Any]) -> tuple[Any, ...]:  # noqa: ANN401
        """Return the output as a TensorFlow tensor."""
        return (self.trained(tf, inputs[0]),)

    def quantize(self, inputs: Sequence[Tensor], outputs: Sequence[Tensor]) -> IntegerOp:
        """Return the table of rounded real results."""
        (source,), (target,) = inputs, outputs
        if target.dtype == "int16":
            return real_table_16(self._everywhere, source, target)
        return real_table(self._everywhere, source.quantized, target.quantized)

    def _everywhere(self, x: Float64) -> Float64:
        return self.real(np.clip(x, *self.domain))


class Unary(Elementwise):
    """A function without options that TensorFlow has, too.

    Attributes:
        tensorflow: Name of TensorFlow's function.
        numpy: Name of NumPy's function, unless a class has its own `real`.
    """

    __slots__ = ()
    tensorflow: ClassVar[str]
    numpy: ClassVar[str]

    def real(self, x: Float64) -> Float64:
        """Return the function of real values."""
        return np.asarray(getattr(np, self.numpy)(x))

    def trained(self, tf: Any, x: Any) -> Any:  # noqa: ANN401
        """Return the function of a TensorFlow tensor."""
        return reduce(getattr, self.tensorflow.split("."), tf)(x)


class Stepped(Unary):
    """A function that is constant between its steps."""

    __slots__ = ()

    def trained(self, tf: Any, x: Any) -> Any:  # noqa: ANN401
        """Return the function of a TensorFlow tensor, with a gradient of zero."""
        return Unary.trained(self, tf, x) + 0.0 * x


def number(options: Mapping[str, Any], key: str) -> float:
    """Return a finite real option in single precision, in which Keras computes with it.

    Raises:
        ValueError: It is none. The message completes "layer NAME ...".
    """
    value = options[key]
    if isinstance(value, list) and len(value) == 1:  # how Keras 2 writes an array
        value = value[0]
    if isinstance(value, int | float) and abs(value) <= _LARGEST:  # nor NaN
        return float(np.float32(value))
    raise ValueError(f"has {key}={str(value)[:40]}, expected a finite number")
