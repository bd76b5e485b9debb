"""Functions that level off, or are zero in the middle: relatives of sigmoid and tanh."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from microlut.ops.arrays import Shape
from microlut.ops.base import Keras
from microlut.ops.elementwise import Elementwise, Float64, Unary, number


@dataclass(frozen=True, slots=True)
class HardSigmoid(Elementwise):
    """`slope` times x + 1/2, limited to [0, 1]; the slope is 1/6, or 1/5 in Keras 2."""

    slope: float = 1 / 6
    keras: ClassVar[Keras] = Keras(
        functions=("HardSigmoid",),
        activation="hard_sigmoid",
        options={"slope": 1 / 6},
    )

    def real(self, x: Float64) -> Float64:
        """Return the function of real values."""
        return np.clip(self.slope * x + 0.5, 0, 1)

    def trained(self, tf: Any, x: Any) -> Any:  # noqa: ANN401
        """Return the function of a TensorFlow tensor."""
        return tf.clip_by_value(self.slope * x + 0.5, 0.0, 1.0)

    @classmethod
    def from_keras(cls, options: Mapping[str, Any], inputs: Sequence[Shape]) -> HardSigmoid:
        """Return the operator for a slope."""
        return cls(float(options["slope"]))


@dataclass(frozen=True, slots=True)
class Clip(Elementwise):
    """x limited to a range."""

    low: float
    high: float
    keras: ClassVar[Keras] = Keras(
        functions=("Clip", "HardTanh", "clip_by_value"),
        activation="hard_tanh",
        options={"x_min": None, "x_max": None},
        renamed={"clip_value_min": "x_min", "clip_value_max": "x_max"},
        defaults={
            "HardTanh": {"x_min": -1.0, "x_max": 1.0},
            "hard_tanh": {"x_min": -1.0, "x_max": 1.0},
        },
    )

    def real(self, x: Float64) -> Float64:
        """Return the function of real values."""
        return np.clip(x, self.low, self.high)

    def trained(self, tf: Any, x: Any) -> Any:  # noqa: ANN401
        """Return the function of a TensorFlow tensor."""
        return tf.clip_by_value(x, self.low, self.high)

    @classmethod
    def from_keras(cls, options: Mapping[str, Any], inputs: Sequence[Shape]) -> Clip:
        """Return the operator for two limits."""
        low, high = number(options, "x_min"), number(options, "x_max")
        if low > high:
            raise ValueError(f"limits values to [{low:g}, {high:g}], an empty range")
        return cls(low, high)


@dataclass(frozen=True, slots=True)
class SparseSigmoid(Elementwise):
    """(x + 1) / 2, limited to [0, 1]."""

    keras: ClassVar[Keras] = Keras(functions=("SparseSigmoid",), activation="sparse_sigmoid")

    def real(self, x: Float64) -> Float64:
        """Return the function of real values."""
        return np.clip(0.5 * x + 0.5, 0, 1)

    def trained(self, tf: Any, x: Any) -> Any:  # noqa: ANN401
        """Return the function of a TensorFlow tensor."""
        return tf.clip_by_value(0.5 * x + 0.5, 0.0, 1.0)


@dataclass(frozen=True, slots=True)
class Softplus(Unary):
    """log(1 + exp(x))."""

    keras: ClassVar[Keras] = Keras(
        functions=("Softplus", "math.softplus", "nn.softplus"), activation="softplus"
    )
    tensorflow: ClassVar[str] = "nn.softplus"

    def real(self, x: Float64) -> Float64:
        """Return the function of real values."""
        return np.logaddexp(0, x)


@dataclass(frozen=True, slots=True)
class LogSigmoid(Unary):
    """-log(1 + exp(-x))."""

    keras: ClassVar[Keras] = Keras(
        functions=("LogSigmoid", "math.log_sigmoid"), activation="log_sigmoid"
    )
    tensorflow: ClassVar[str] = "math.log_sigmoid"

    def real(self, x: Float64) -> Float64:
        """Return the function of real values."""
        return np.asarray(-np.logaddexp(0, -x))


@dataclass(frozen=True, slots=True)
class Softsign(Unary):
    """x / (1 + |x|)."""

    keras: ClassVar[Keras] = Keras(functions=("Softsign", "nn.softsign"), activation="softsign")
    tensorflow: ClassVar[str] = "nn.softsign"

    def real(self, x: Float64) -> Float64:
        """Return the function of real values."""
        return np.asarray(x / (1 + np.abs(x)))


@dataclass(frozen=True, slots=True)
class Squareplus(Elementwise):
    """(x + sqrt(x^2 + b)) / 2."""

    b: float = 4.0
    keras: ClassVar[Keras] = Keras(
        functions=("Squareplus",), activation="squareplus", options={"b": 4}
    )

    def real(self, x: Float64) -> Float64:
        """Return the function of real values."""
        return 0.5 * (x + np.hypot(x, np.sqrt(self.b)))

    def trained(self, tf: Any, x: Any) -> Any:  # noqa: ANN401
        """Return the function of a TensorFlow tensor."""
        return 0.5 * (x + tf.sqrt(tf.square(x) + self.b))

    @classmethod
    def from_keras(cls, options: Mapping[str, Any], inputs: Sequence[Shape]) -> Squareplus:
        """Return the operator for the option `b`."""
        b = number(options, "b")
        if b < 0:
            raise ValueError(f"has b={b:g}, expected no negative number")
        return cls(b)


@dataclass(frozen=True, slots=True)
class SparsePlus(Elementwise):
    """0 up to -1, x from 1, and (x + 1)^2 / 4 between."""

    keras: ClassVar[Keras] = Keras(functions=("SparsePlus",), activation="sparse_plus")

    def real(self, x: Float64) -> Float64:
        """Return the function of real values."""
        return np.where(x < 1, 0.25 * np.clip(x + 1, 0, 2) ** 2, x)

    def trained(self, tf: Any, x: Any) -> Any:  # noqa: ANN401
        """Return the function of a TensorFlow tensor."""
        return tf.where(x < 1, 0.25 * tf.square(tf.clip_by_value(x + 1, 0.0, 2.0)), x)


@dataclass(frozen=True, slots=True)
class TanhShrink(Elementwise):
    """x - tanh(x)."""

    keras: ClassVar[Keras] = Keras(functions=("TanhShrink",), activation="tanh_shrink")

    def real(self, x: Float64) -> Float64:
        """Return the function of real values."""
        return x - np.tanh(x)

    def trained(self, tf: Any, x: Any) -> Any:  # noqa: ANN401
        """Return the function of a TensorFlow tensor."""
        return x - tf.nn.tanh(x)


@dataclass(frozen=True, slots=True)
class HardShrink(Elementwise):
    """x where |x| is above `threshold`, else 0."""

    threshold: float = 0.5
    keras: ClassVar[Keras] = Keras(
        functions=("HardShrink",), activation="hard_shrink", options={"threshold": 0.5}
    )

    def real(self, x: Float64) -> Float64:
        """Return the function of real values."""
        return np.where(np.abs(x) > self.threshold, x, 0.0)

    def trained(self, tf: Any, x: Any) -> Any:  # noqa: ANN401
        """Return the function of a TensorFlow tensor."""
        return tf.where(tf.abs(x) > self.threshold, x, tf.zeros_like(x))

    @classmethod
    def from_keras(cls, options: Mapping[str, Any], inputs: Sequence[Shape]) -> HardShrink:
        """Return the operator for the option `threshold`."""
        return cls(number(options, "threshold"))


@dataclass(frozen=True, slots=True)
class SoftShrink(Elementwise):
    """x moved towards 0 by `threshold`, and 0 where it would pass it."""

    threshold: float = 0.5
    keras: ClassVar[Keras] = Keras(
        functions=("SoftShrink",), activation="soft_shrink", options={"threshold": 0.5}
    )

    def real(self, x: Float64) -> Float64:
        """Return the function of real values."""
        below = np.where(x < -self.threshold, x + self.threshold, 0.0)
        return np.where(x > self.threshold, x - self.threshold, below)

    def trained(self, tf: Any, x: Any) -> Any:  # noqa: ANN401
        """Return the function of a TensorFlow tensor."""
        below = tf.where(x < -self.threshold, x + self.threshold, tf.zeros_like(x))
        return tf.where(x > self.threshold, x - self.threshold, below)

    @classmethod
    def from_keras(cls, options: Mapping[str, Any], inputs: Sequence[Shape]) -> SoftShrink:
        """Return the operator for the option `threshold`."""
        return cls(number(options, "threshold"))


@dataclass(frozen=True, slots=True)
class Threshold(Elementwise):
    """x where it is above `threshold`, else `otherwise`."""

    threshold: float
    otherwise: float
    keras: ClassVar[Keras] = Keras(
        functions=("Threshold",), options={"threshold": None, "default_value": None}
    )

    def real(self, x: Float64) -> Float64:
        """Return the function of real values."""
        return np.where(x > self.threshold, x, self.otherwise)

    def trained(self, tf: Any, x: Any) -> Any:  # noqa: ANN401
        """Return the function of a TensorFlow tensor."""
        return tf.where(x > self.threshold, x, self.otherwise * tf.ones_like(x))

    @classmethod
    def from_keras(cls, options: Mapping[str, Any], inputs: Sequence[Shape]) -> Threshold:
        """Return the operator for both options."""
        return cls(number(options, "threshold"), number(options, "default_value"))
