"""Tensors: a name, a shape, an element type and, for integers, a quantization."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import ConfigDict

from microlut.ops.arrays import IntArray, Shape

DType = Literal["float32", "int8", "int16", "int32"]
Activation = Literal["int8", "int16"]  # types of activations
CONFIG = ConfigDict(arbitrary_types_allowed=True, extra="forbid")


@dataclass(frozen=True, slots=True)
class Features:
    """real = scales[i] * (quantized - zero_point) + origins[i] for feature i of the last dimension.

    All numbers are exact in single precision. One of each does for all features.
    """

    scales: tuple[float, ...]
    origins: tuple[float, ...]
    __pydantic_config__ = CONFIG


@dataclass(frozen=True, slots=True)
class Quantization:
    """real = scale * (quantized - zero_point); `scale` is exact in single precision.

    Real values of an input with `features` have another scale per feature; `scale` is then that of
    the values that the network computes with, of which these are multiples plus offsets.
    """

    scale: float
    zero_point: int
    features: Features | None = None
    __pydantic_config__ = CONFIG

    @property
    def scales(self) -> NDArray[np.float32]:
        """Scale of each feature, or the one of all."""
        return np.array(self.features.scales if self.features else (self.scale,), np.float32)

    @property
    def origins(self) -> NDArray[np.float32]:
        """Real value at the zero point, of each feature or of all."""
        return np.array(self.features.origins if self.features else (0.0,), np.float32)


@dataclass(frozen=True, slots=True)
class FixedRange:
    """The range of outputs that TensorFlow Lite fixes, from `low` up to but without `high`."""

    low: float
    high: float

    def quantization(self, dtype: DType) -> Quantization:
        """Return the quantization by which an integer type covers the range; of int16 symmetric."""
        limits = np.iinfo(dtype)
        if dtype == "int16":
            return Quantization(max(-self.low, self.high) / -limits.min, 0)
        scale = (self.high - self.low) / 256
        return Quantization(scale, round(limits.min - self.low / scale))


@dataclass(frozen=True, slots=True)
class Tensor:
    """One tensor of a graph, without its values, which differ per sample.

    Attributes:
        name: Unique in its graph.
        shape: Without the batch dimension; pictures are [height, width, channels].
        dtype: Type of the elements.
        quantization: Scale and zero point of integers; None for float32.
        order: For an input or output whose dimensions a model has in another order: dimension i of
            the model's is dimension `order[i]` of this one.
    """

    name: str
    shape: Shape
    dtype: DType = "float32"
    quantization: Quantization | None = None
    order: tuple[int, ...] | None = None
    __pydantic_config__ = CONFIG

    @property
    def size(self) -> int:
        """Number of elements."""
        return math.prod(self.shape)

    @property
    def bytes(self) -> int:
        """Number of bytes per sample."""
        return self.size * np.dtype(self.dtype).itemsize

    @property
    def scale(self) -> float:
        """Scale of a quantized tensor; raise TypeError for a float one."""
        return self.quantized.scale

    @property
    def zero_point(self) -> int:
        """Zero point of a quantized tensor; raise TypeError for a float one."""
        return self.quantized.zero_point

    def holds(self, *values: int) -> bool:
        """Return whether the element type holds all of these integers."""
        low, high = integer_limits(self.dtype)
        return all(low <= value <= high for value in values)

    @property
    def quantized(self) -> Quantization:
        """The quantization; raise TypeError for a float tensor."""
        if self.quantization is None:
            raise TypeError(f"{self.name} is not quantized")
        return self.quantization


def integer_limits(dtype: DType) -> tuple[int, int]:
    """Return the least and the largest value of an integer type."""
    limits = np.iinfo(dtype)
    return int(limits.min), int(limits.max)


def quantize_array(
    x: NDArray[np.floating[Any]], quantization: Quantization, dtype: DType = "int8"
) -> IntArray:
    """Quantize real values: round halves away from zero, as on the device, and saturate."""
    limits = np.iinfo(dtype)
    if quantization.features is None:
        scaled = x.astype(np.float32) / np.float32(quantization.scale)
    else:
        scaled = (x.astype(np.float32) - quantization.origins) / quantization.scales
    rounded = np.trunc(scaled + np.copysign(np.float32(0.5), scaled))
    limited = np.clip(rounded + quantization.zero_point, limits.min, limits.max)
    return limited.astype(dtype)  # type: ignore[no-any-return]


def dequantize_array(q: IntArray, quantization: Quantization) -> NDArray[np.float32]:
    """Return the real values of integers, in float32."""
    centered = q.astype(np.float32) - np.float32(quantization.zero_point)
    if quantization.features is None:
        return centered * np.float32(quantization.scale)
    return centered * quantization.scales + quantization.origins


def quantized_range(quantization: Quantization, dtype: DType = "int8") -> tuple[float, float]:
    """Return the least and the largest real value that the integers can represent."""
    lows, highs = feature_ranges(quantization, dtype)
    return float(lows.min()), float(highs.max())


def feature_ranges(
    quantization: Quantization, dtype: DType = "int8"
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the least and the largest real value of each feature, or one of each for all."""
    limits = np.iinfo(dtype)
    steps = np.array([limits.min, limits.max], np.float64) - quantization.zero_point
    ends = np.outer(steps, quantization.scales) + quantization.origins
    return ends.min(axis=0), ends.max(axis=0)
