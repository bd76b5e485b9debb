"""Rectifiers other than ReLU and ReLU6: leaky, limited, thresholded and exponential ones."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from microlut.ops.arrays import Shape
from microlut.ops.base import FloatOp, IntegerOp, Keras
from microlut.ops.elementwise import Elementwise, Float64, Unary, number
from microlut.ops.fixed_point import quantize_multiplier
from microlut.ops.rectify_16 import leaky_relu_16
from microlut.ops.table import QTable, all_values, real_steps, scaled_values, table
from microlut.ops.tensor import Quantization, Tensor

_SELU_SCALE, _SELU_ALPHA = 1.0507009873554805, 1.6732632423543772
_ROUNDING = 2.0**-20  # of single precision, with room for the library's exp
_LARGEST_STEPS = 2.0**30


@dataclass(frozen=True, slots=True)
class LeakyRelu(Elementwise):
    """x, or `slope` times x where x is negative."""

    slope: float
    keras: ClassVar[Keras] = Keras(
        layers=("LeakyReLU",),
        functions=("LeakyRelu", "nn.leaky_relu"),
        activation="leaky_relu",
        options={"negative_slope": 0.2},
        renamed={"alpha": "negative_slope"},
        defaults={"LeakyReLU": {"negative_slope": 0.3}},
    )
    wide: ClassVar[str | None] = "rectify_16"

    def real(self, x: Float64) -> Float64:
        """Return the function of real values."""
        return np.where(x > 0, x, self.slope * x)

    def trained(self, tf: Any, x: Any) -> Any:  # noqa: ANN401
        """Return the function of a TensorFlow tensor."""
        return tf.where(x > 0, x, self.slope * x)

    def quantize(self, inputs: Sequence[Tensor], outputs: Sequence[Tensor]) -> IntegerOp:
        """Return TensorFlow Lite's LEAKY_RELU, if its 32 bits suffice: of int8 as a table.

        Releases before 2026 have another rounding for negative slopes.
        """
        made: IntegerOp | None = None
        if self.slope >= 0:
            form = leaky_relu_16 if outputs[0].dtype == "int16" else _leaky_relu
            made = form(self.slope, inputs[0], outputs[0])
        return made or Elementwise.quantize(self, inputs, outputs)

    @classmethod
    def from_keras(cls, options: Mapping[str, Any], inputs: Sequence[Shape]) -> LeakyRelu:
        """Return the operator for the option `negative_slope`, which Keras 2 calls `alpha`."""
        return cls(number(options, "negative_slope"))


def _leaky_relu(slope: float, source: Tensor, target: Tensor) -> QTable | None:
    """Return LEAKY_RELU, or None where its 32-bit numbers would overflow."""
    alpha = float(np.float32(slope))
    factors = source.scale / target.scale, source.scale * alpha / target.scale
    if not np.isfinite(factors).all():
        return None
    x = all_values() - source.zero_point
    kept, leaked = (scaled_values(x, quantize_multiplier(factor)) for factor in factors)
    if kept is None or leaked is None:
        return None
    values = np.where(x >= 0, kept, leaked) + target.zero_point
    return table(values, "LEAKY_RELU", 1, "LeakyReluOptions", {"alpha": alpha})


@dataclass(frozen=True, slots=True)
class BoundedRelu(Elementwise):
    """A ReLU with options: x above `threshold` up to `maximum`, and a slope below `threshold`.

    It is clip(x if x > threshold else 0, 0, maximum) - slope * max(threshold - x, 0); without a
    maximum nothing is clipped.
    """

    maximum: float | None = None
    slope: float = 0.0
    threshold: float = 0.0
    keras: ClassVar[Keras] = Keras(layers=("ThresholdedReLU",), options={"theta": 1.0})

    def real(self, x: Float64) -> Float64:
        """Return the function of real values."""
        passed = np.where(x > self.threshold, x, 0.0)
        if self.maximum is not None:
            passed = np.clip(passed, 0.0, self.maximum)
        return passed - self.slope * np.maximum(self.threshold - x, 0.0)

    def trained(self, tf: Any, x: Any) -> Any:  # noqa: ANN401
        """Return the function of a TensorFlow tensor."""
        passed = tf.where(x > self.threshold, x, tf.zeros_like(x))
        if self.maximum is not None:
            passed = tf.clip_by_value(passed, 0.0, self.maximum)
        return passed - self.slope * tf.nn.relu(self.threshold - x)

    @classmethod
    def from_keras(cls, options: Mapping[str, Any], inputs: Sequence[Shape]) -> FloatOp:
        """Return the operator for the option of Keras 2's ThresholdedReLU."""
        return cls(threshold=number(options, "theta"))


@dataclass(frozen=True, slots=True)
class Elu(Elementwise):
    """x, or `alpha` (exp(x) - 1) where x is negative."""

    alpha: float = 1.0
    keras: ClassVar[Keras] = Keras(
        layers=("ELU",),
        functions=("Elu", "nn.elu"),
        activation="elu",
        options={"alpha": 1.0},
    )

    def real(self, x: Float64) -> Float64:
        """Return the function of real values."""
        return np.where(x > 0, x, self.alpha * np.expm1(np.minimum(x, 0)))

    def trained(self, tf: Any, x: Any) -> Any:  # noqa: ANN401
        """Return the function of a TensorFlow tensor."""
        return tf.where(x > 0, x, self.alpha * tf.nn.elu(x))

    def quantize(self, inputs: Sequence[Tensor], outputs: Sequence[Tensor]) -> IntegerOp:
        """Return the table of rounded real results.

        TensorFlow Lite's ELU computes its table on the device in single precision, and has this
        one unless a result is so near the middle of two integers that the device's exp decides.
        """
        made = Elementwise.quantize(self, inputs, outputs)
        if self.alpha != 1.0 or not isinstance(made, QTable):
            return made
        clear = _is_clear(self, inputs[0].quantized, outputs[0].quantized)
        return table(made.values, "ELU", 1) if clear else made

    @classmethod
    def from_keras(cls, options: Mapping[str, Any], inputs: Sequence[Shape]) -> Elu:
        """Return the operator for the option `alpha`."""
        return cls(number(options, "alpha"))


def _is_clear(op: Elementwise, source: Quantization, target: Quantization) -> bool:
    """Return whether single precision rounds all results to the same integers."""
    x = source.scale * (all_values() - source.zero_point).astype(np.float64)
    steps = real_steps(op.real, x, target)
    error = _ROUNDING * (np.abs(steps) + 1 / target.scale)
    distance = np.abs(np.abs(steps) % 1.0 - 0.5)
    outside = np.abs(steps) > 512
    return bool(((distance > error) | outside).all() and np.abs(steps).max() < _LARGEST_STEPS)


@dataclass(frozen=True, slots=True)
class Selu(Unary):
    """The scaled ELU of self-normalizing networks."""

    keras: ClassVar[Keras] = Keras(functions=("Selu", "nn.selu"), activation="selu")
    tensorflow: ClassVar[str] = "nn.selu"

    def real(self, x: Float64) -> Float64:
        """Return the function of real values."""
        return _SELU_SCALE * np.where(x > 0, x, _SELU_ALPHA * np.expm1(np.minimum(x, 0)))


@dataclass(frozen=True, slots=True)
class Celu(Elementwise):
    """x, or `alpha` (exp(x / alpha) - 1) where x is negative."""

    alpha: float = 1.0
    keras: ClassVar[Keras] = Keras(functions=("Celu",), activation="celu", options={"alpha": 1.0})

    def real(self, x: Float64) -> Float64:
        """Return the function of real values."""
        return np.maximum(x, 0) + self.alpha * np.expm1(np.minimum(x, 0) / self.alpha)

    def trained(self, tf: Any, x: Any) -> Any:  # noqa: ANN401
        """Return the function of a TensorFlow tensor."""
        return tf.nn.relu(x) + self.alpha * tf.math.expm1(tf.minimum(x, 0.0) / self.alpha)

    @classmethod
    def from_keras(cls, options: Mapping[str, Any], inputs: Sequence[Shape]) -> Celu:
        """Return the operator for the option `alpha`."""
        alpha = number(options, "alpha")
        if alpha == 0:
            raise ValueError("has alpha=0, expected another number")
        return cls(alpha)
