"""A network's input in other units, such as x / 127.5 - 1: the same bytes with another meaning."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from microlut.ops.arrays import FloatArray, frozen_array
from microlut.ops.base import FloatOp, SameShape, ScaleRule
from microlut.ops.reshape import QReshape
from microlut.ops.tensor import DType, Features, Quantization, Tensor

_NEAR = 1e-3  # of a step: an offset of so nearly whole steps moves the zero point


@dataclass(frozen=True, slots=True, repr=False)
class Relabel(SameShape, FloatOp):
    """x * scale + offset for an input x, by features along the last dimension.

    Nothing runs: the bytes of the output are those of the input. The output's quantization is
    chosen first, and that of the input follows from it.
    """

    scale: FloatArray
    offset: FloatArray
    scale_rule: ClassVar[ScaleRule] = "units"
    becomes: ClassVar[str] = "reshape"

    @property
    def is_uniform(self) -> bool:
        """Whether all features have one scale and one offset."""
        return bool(np.ptp(self.scale) == np.ptp(self.offset) == 0)

    def evaluate(self, inputs: Sequence[FloatArray]) -> tuple[FloatArray, ...]:
        """Return the output [batch, ..., features]."""
        return (inputs[0] * self.scale + self.offset,)

    def train(self, tf: Any, inputs: Sequence[Any]) -> tuple[Any, ...]:  # noqa: ANN401
        """Return the output as a TensorFlow tensor."""
        del tf
        return (inputs[0] * self.scale + self.offset,)

    def quantize(self, inputs: Sequence[Tensor], outputs: Sequence[Tensor]) -> QReshape:
        """Return the integer form."""
        return QReshape(outputs[0].shape)

    def limits(self, low: float, high: float) -> tuple[float, float]:
        """Return the least and the largest output for inputs from `low` to `high`."""
        ends = np.outer([low, high], self.scale.astype(np.float64)) + self.offset
        return float(ends.min()), float(ends.max())

    def source(self, output: Quantization, dtype: DType) -> Quantization:
        """Return the quantization of the input that makes its bytes those of the output.

        It has one scale and zero point if these are exact; else it has them per feature, or one
        scale and one origin for all.

        Raises:
            ValueError: Single precision has no such scale. The message completes "input NAME ...".
        """
        scale = self.scale.astype(np.float64)
        offset = self.offset.astype(np.float64)
        if self.is_uniform:
            scale, offset = scale[:1], offset[:1]
            steps = float(offset[0]) / output.scale
            zero_point, limits = output.zero_point + round(steps), np.iinfo(dtype)
            sound = limits.min <= zero_point <= limits.max and (dtype == "int8" or zero_point == 0)
            if scale[0] > 0 and sound and abs(steps - round(steps)) < _NEAR:
                return Quantization(_floats(output.scale / scale)[0], zero_point)
        features = Features(_floats(output.scale / scale), _floats(-offset / scale))
        return Quantization(output.scale, output.zero_point, features)


def units_between(source: Quantization, target: Quantization) -> Relabel:
    """Return what the real values of integers become by another scale and zero point."""
    points = source.zero_point - target.zero_point
    with np.errstate(divide="ignore", invalid="ignore"):  # a scale of 0
        factor = np.float64(target.scale) / np.float64(source.scale)
    return Relabel(_finite(factor), _finite(points * np.float64(target.scale)))


def _finite(value: np.float64) -> NDArray[np.float32]:
    """Return a number in single precision; one that it lacks would saturate all values anyway."""
    largest = float(np.finfo(np.float32).max)
    return frozen_array([np.clip(np.nan_to_num(value), -largest, largest)])


def _floats(values: object) -> tuple[float, ...]:
    with np.errstate(over="ignore"):
        found = np.asarray(values, np.float32)
    if not np.isfinite(found).all():
        raise ValueError("is scaled by so small a number that single precision has no quotient")
    return tuple(found.tolist())
