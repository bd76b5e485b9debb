"""Smooth rectifiers that weigh a value by how large it is: x times a sigmoid of x."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from microlut.ops.arrays import Int64, Shape
from microlut.ops.base import IntegerOp, Keras
from microlut.ops.elementwise import Elementwise, Float64, Unary
from microlut.ops.fixed_point import Multiplier, quantize_multiplier, rounding_divide_by_pot
from microlut.ops.table import all_values, table
from microlut.ops.tensor import Quantization, Tensor

_INT16 = np.iinfo(np.int16)
_HIGH_BITS = 7  # by which inputs are shifted, so that nine bits become 16
_MOST_LEFT, _MOST_RIGHT = 30, 15  # shifts that are defined in the kernel


@dataclass(frozen=True, slots=True)
class Silu(Unary):
    """x / (1 + exp(-x)), also called swish."""

    keras: ClassVar[Keras] = Keras(
        functions=("Silu", "nn.silu", "nn.swish"), activation="silu", synonyms=("swish",)
    )
    tensorflow: ClassVar[str] = "nn.silu"

    def real(self, x: Float64) -> Float64:
        """Return the function of real values."""
        return np.asarray(x / (1 + np.exp(-x)))


@dataclass(frozen=True, slots=True)
class HardSilu(Elementwise):
    """x times (x + 3) / 6, limited to [0, 1]; also called hard swish."""

    keras: ClassVar[Keras] = Keras(
        functions=("HardSilu",), activation="hard_silu", synonyms=("hard_swish",)
    )

    def real(self, x: Float64) -> Float64:
        """Return the function of real values."""
        return x * np.clip(x / 6 + 0.5, 0, 1)

    def trained(self, tf: Any, x: Any) -> Any:  # noqa: ANN401
        """Return the function of a TensorFlow tensor."""
        return x * tf.nn.relu6(x + 3.0) / 6.0

    def quantize(self, inputs: Sequence[Tensor], outputs: Sequence[Tensor]) -> IntegerOp:
        """Return the table of TensorFlow Lite's HARD_SWISH, if its 16 bits suffice.

        TensorFlow Lite has none of int16.
        """
        values = None
        if outputs[0].dtype == "int8":
            values = _hard_swish(inputs[0].quantized, outputs[0].quantized)
        if values is None:
            return Elementwise.quantize(self, inputs, outputs)
        return table(values, "HARD_SWISH", 1)


@dataclass(frozen=True, slots=True)
class Gelu(Elementwise):
    """x times the normal distribution function at x, or its approximation by tanh."""

    approximate: bool = False
    keras: ClassVar[Keras] = Keras(
        functions=("Gelu", "nn.gelu"),
        activation="gelu",
        options={"approximate": False},
        defaults={"Gelu": {"approximate": True}},
    )

    def real(self, x: Float64) -> Float64:
        """Return the function of real values."""
        if self.approximate:
            inner = math.sqrt(2 / math.pi) * (x + 0.044715 * x**3)
            return np.asarray(0.5 * x * (1 + np.tanh(inner)))
        from scipy.special import erfc  # loaded when needed, since it takes a while

        return np.asarray(0.5 * x * erfc(-x / math.sqrt(2)))

    def trained(self, tf: Any, x: Any) -> Any:  # noqa: ANN401
        """Return the function of a TensorFlow tensor."""
        return tf.nn.gelu(x, approximate=self.approximate)

    @classmethod
    def from_keras(cls, options: Mapping[str, Any], inputs: Sequence[Shape]) -> Gelu:
        """Return the operator for the option `approximate`."""
        return cls(bool(options["approximate"]))


@dataclass(frozen=True, slots=True)
class Mish(Elementwise):
    """x tanh(log(1 + exp(x)))."""

    keras: ClassVar[Keras] = Keras(functions=("Mish",), activation="mish")

    def real(self, x: Float64) -> Float64:
        """Return the function of real values."""
        return x * np.tanh(np.logaddexp(0, x))

    def trained(self, tf: Any, x: Any) -> Any:  # noqa: ANN401
        """Return the function of a TensorFlow tensor."""
        return x * tf.nn.tanh(tf.nn.softplus(x))


def _hard_swish(source: Quantization, target: Quantization) -> Int64 | None:
    """Return the results of HARD_SWISH, or None where its 16-bit numbers would overflow.

    `HardSwish` of TensorFlow Lite's hard_swish.h: a value is scaled twice, to the output's steps
    and to the share of it that passes.
    """
    high = np.float32(source.scale) * np.float32(1 / (1 << _HIGH_BITS))
    with np.errstate(over="ignore", under="ignore"):
        factors = float(high / np.float32(3 / (1 << 15))), float(high / np.float32(target.scale))
    if not np.isfinite(factors).all():
        return None
    share, output = map(quantize_multiplier, factors)
    if not (-_MOST_RIGHT <= share.shift <= _MOST_LEFT and -_MOST_RIGHT <= output.shift < 0):
        return None
    x = (all_values() - source.zero_point) << _HIGH_BITS
    passed = x
    if share.shift > 0:
        passed = _shifted_left(passed, share.shift - 1)
    passed = _high_product(passed, _of_16_bits(share))
    if share.shift > 0:
        passed = _shifted_left(passed, 1)
    passed = rounding_divide_by_pot(passed, max(-share.shift, 0))
    passed = (passed + (1 << 15)) >> 1
    product = passed * _high_product(x, _of_16_bits(output))
    truncated = np.sign(product) * (np.abs(product) >> 15)
    return rounding_divide_by_pot(truncated, -output.shift) + target.zero_point


def _of_16_bits(factor: Multiplier) -> int:
    """Return a multiplier in Q0.15, as DownScaleInt32ToInt16Multiplier does."""
    return min((factor.multiplier + (1 << 15)) >> 16, _INT16.max)


def _high_product(a: Int64, b: int) -> Int64:
    """Return round(a * b / 2^15), as gemmlowp's SaturatingRoundingDoublingHighMul of int16 does."""
    product = a * b
    nudged = product + np.where(product >= 0, 1 << 14, 1 - (1 << 14))
    return np.asarray(np.sign(nudged) * (np.abs(nudged) >> 15))


def _shifted_left(x: Int64, bits: int) -> Int64:
    return np.asarray(np.clip(x << bits, _INT16.min, _INT16.max))
