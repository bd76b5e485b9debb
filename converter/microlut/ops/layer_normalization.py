"""Layer, group and root mean square normalization, which TensorFlow Lite has not in integers.

Sums and sums of squares are exact. A value is normalized with 16 bits, by the inverse square root
of TensorFlow Lite's L2_NORMALIZATION, and then multiplied by its gain.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

import numpy as np
from numpy.typing import NDArray

from microlut.ops.activation import ActivationKind, Fusing
from microlut.ops.arrays import FloatArray, Int64, IntArray, Shape, frozen_array
from microlut.ops.base import Keras, OwnOp, demand, one_shape
from microlut.ops.fixed_point import multiply, wide_inverse_square_root
from microlut.ops.json_arrays import Int16Array, Int32Array
from microlut.ops.tensor import CONFIG, DType, Tensor

# Values of a group, so that its sum and count * value have 32 bits.
MOST_NORMALIZED: Mapping[DType, int] = {"int8": 1 << 23, "int16": 1 << 14}
# How values are normalized: less their mean and divided by their standard deviation, only divided
# by it, or divided by their root mean square.
Mode = Literal["standard", "deviation", "rms"]

_LARGEST = 32767  # of normalized values and of gains
_MOST_VALUE_BITS = 14  # after the point
_LARGEST_OFFSET = 1 << 30  # so that it and a product have 32 bits
_SPREAD_BITS = 62  # of a squared deviation
_LARGEST_RATIO = 2.0**60  # of epsilon to a squared step; with more, all values become 0 anyway
# A deviation is at least 2^(value bits - 19) steps of int8, so that values have 32 bits.
_DEVIATION_BITS: Mapping[DType, int] = {"int8": 19, "int16": 7}
_EXTRA_BITS: Mapping[DType, int] = {"int8": 0, "int16": 4}  # of values, not of their products
_FARTHEST: Mapping[DType, int] = {"int8": 255, "int16": 1 << 15}  # values, from their zero point
_HALF_RANGE: Mapping[DType, int] = {"int8": 1 << 7, "int16": 1 << 15}
_MOST_SHIFTED = 31  # bits


@dataclass(frozen=True, slots=True, repr=False)
class LayerNormalization(Fusing):
    """Values of each group, normalized, times `gain` plus `offset`.

    A tensor is seen as [..., rows, groups, channels of a group]. Values with the same first and
    third index are normalized together: with 1 row and 1 group, each vector of channels; with as
    many rows as pixels, some channels of a whole picture.

    Attributes:
        gain: One per channel, or one for all.
        offset: Likewise.
        epsilon: Added to the variance or the mean square.
        groups: Number of groups of channels.
        rows: Number of vectors of channels that are normalized together.
        mode: How.
        activation: Applied to the result.
    """

    gain: FloatArray
    offset: FloatArray
    epsilon: float
    groups: int = 1
    rows: int = 1
    mode: Mode = "standard"
    activation: ActivationKind = ActivationKind.LINEAR
    becomes: ClassVar[str] = "layer_normalization"
    keras: ClassVar[Keras] = Keras(
        layers=("GroupNormalization", "LayerNormalization", "RMSNormalization")
    )

    def shapes(self, inputs: Sequence[Shape]) -> tuple[Shape, ...]:
        """Return the output's shape."""
        return (_shape(inputs, self.rows, self.groups, (self.gain, self.offset)),)

    def linear(self, inputs: Sequence[FloatArray]) -> FloatArray:
        """Return the results before the activation, computed in double precision."""
        x = inputs[0].astype(np.float64).reshape(view(inputs[0].shape, self.rows, self.groups))
        mean = 0.0 if self.mode == "rms" else x.mean(axis=(1, 3), keepdims=True)
        variance = np.square(x - mean).mean(axis=(1, 3), keepdims=True)
        moved = x - mean if self.mode == "standard" else x
        with np.errstate(divide="ignore", invalid="ignore"):
            normal = moved / np.sqrt(variance + self.epsilon)
        normal = np.where(moved == 0.0, 0.0, normal).reshape(inputs[0].shape)
        return (normal * self.gain + self.offset).astype(np.float32)

    def train(self, tf: Any, inputs: Sequence[Any]) -> tuple[Any, ...]:  # noqa: ANN401
        """Return the output as a TensorFlow tensor; gains and offsets stay."""
        shape = tuple(inputs[0].shape)
        x = tf.reshape(inputs[0], (-1, *view((1, *shape[1:]), self.rows, self.groups)[1:]))
        mean = tf.reduce_mean(x, (1, 3), keepdims=True)
        about = tf.zeros_like(mean) if self.mode == "rms" else mean
        variance = tf.reduce_mean(tf.square(x - about), (1, 3), keepdims=True)
        least = float(np.finfo(np.float32).tiny)
        inverse = tf.math.rsqrt(tf.maximum(variance + self.epsilon, least))
        normal = (x - mean if self.mode == "standard" else x) * inverse
        y = tf.reshape(normal, (-1, *shape[1:])) * self.gain + self.offset
        return (self.activation.train(tf, y),)

    def smallest_scale(self, inputs: Sequence[float]) -> float:
        """Return the output scale below which gains and offsets have too few bits."""
        del inputs
        return 2.0**-14 * float(max(np.abs(self.gain).max(), np.abs(self.offset).max()))

    def quantize(self, inputs: Sequence[Tensor], outputs: Sequence[Tensor]) -> QLayerNormalization:
        """Return the integer form."""
        count = _count(inputs[0].shape, self.rows, self.groups)
        gains = _merged(self.gain) / outputs[0].scale
        offsets = _merged(self.offset) / outputs[0].scale + outputs[0].zero_point
        dtype = outputs[0].dtype
        bits = _value_bits(gains, offsets, count, self.mode, _HALF_RANGE[dtype])
        largest = max(float(np.abs(gains).max()), 2.0**-30)
        shift = min(
            bits + math.floor(math.log2(_LARGEST / largest)),
            math.floor(math.log2((_LARGEST_OFFSET - 1) / (np.abs(offsets).max() + 0.5))),
        )
        half = 1 << (shift - 1)
        ratio = min(self.epsilon / inputs[0].scale ** 2, _LARGEST_RATIO)
        if self.mode == "deviation":
            ratio = max(ratio, 4.0 ** (bits - _DEVIATION_BITS[dtype] + 1))
        epsilon, spread_shift = _fixed_epsilon(ratio, count, _FARTHEST[dtype])
        minimum, maximum = self.activation.limits(outputs[0].quantized, dtype)
        return QLayerNormalization(
            gains=frozen_array(np.rint(gains * 2.0 ** (shift - bits)), np.int16),
            offsets=frozen_array(np.rint(offsets * 2.0**shift) + half, np.int32),
            shift=shift,
            value_bits=bits,
            epsilon=epsilon,
            spread_shift=spread_shift,
            groups=self.groups,
            rows=self.rows,
            mode=self.mode,
            minimum=minimum,
            maximum=maximum,
        )

    @classmethod
    def from_keras(cls, options: Mapping[str, Any], inputs: Sequence[Shape]) -> LayerNormalization:
        """Return the operator over the last dimension with gains and offsets that differ."""
        channels = np.arange(one_shape(inputs)[-1])
        return cls(frozen_array(1 + channels / 64), frozen_array(channels / 64), 1e-3)

    @classmethod
    def example(cls, inputs: Sequence[Shape]) -> LayerNormalization:
        """Return an operator over some rows and groups, by the shape."""
        found, shape = cls.from_keras({}, inputs), one_shape(inputs)
        rows = (1, shape[-2], math.prod(shape[:-1]))[sum(shape) % 3]
        groups = shape[-1] if rows > 1 and sum(shape) % 2 else 1
        return cls(found.gain, found.offset, found.epsilon, groups, rows)


@dataclass(frozen=True, slots=True, repr=False)
class QLayerNormalization(OwnOp):
    """Normalized values with `value_bits` after the point, times a gain, plus an offset.

    Attributes:
        gains: One per channel or one for all, in output steps times 2^(shift - value_bits).
        offsets: Likewise, in output steps times 2^shift; contain the zero point and half a step.
        shift: The number of bits after the point of offsets and products.
        value_bits: That of normalized values, which have 16 bits in total.
        epsilon: In squared input steps times the squared count times 4^spread_shift.
        spread_shift: Half the bits by which squared deviations are shifted left; may be negative.
        groups: Number of groups of channels.
        rows: Number of vectors of channels that are normalized together.
        mode: How.
        minimum: Least output.
        maximum: Largest output.
    """

    gains: Int16Array
    offsets: Int32Array
    shift: int
    value_bits: int
    epsilon: int
    spread_shift: int
    groups: int
    rows: int
    mode: Mode
    minimum: int
    maximum: int
    kind: Literal["layer_normalization"] = "layer_normalization"
    dtypes: ClassVar[tuple[DType, ...]] = ("int8", "int16")
    __pydantic_config__ = CONFIG

    def shapes(self, inputs: Sequence[Shape]) -> tuple[Shape, ...]:
        """Return the output's shape."""
        return (_shape(inputs, self.rows, self.groups, (self.gains, self.offsets)),)

    def evaluate(
        self, arrays: Sequence[IntArray], inputs: Sequence[Tensor], outputs: Sequence[Tensor]
    ) -> tuple[IntArray, ...]:
        """Return the results [batch, ...]."""
        shape = arrays[0].shape
        x: Int64 = arrays[0].astype(np.int64) - inputs[0].zero_point
        x = x.reshape(view(shape, self.rows, self.groups))
        count = x.shape[1] * x.shape[3]
        total = x.sum(axis=(1, 3), keepdims=True)
        spread = count * np.square(x).sum(axis=(1, 3), keepdims=True)
        if self.mode != "rms":
            spread -= np.square(total)
        extra = _EXTRA_BITS[outputs[0].dtype]
        multiplier, shift = self._factor(spread, extra)
        moved, most = count * x - (total if self.mode == "standard" else 0), _LARGEST << extra
        normal = np.clip(multiply(moved, multiplier, shift), -most, most).reshape(shape)
        products = (normal * self.gains.astype(np.int64)) >> extra
        results = (products + self.offsets) >> self.shift
        return (np.clip(results, self.minimum, self.maximum).astype(arrays[0].dtype),)

    def _factor(self, spread: Int64, extra: int) -> tuple[Int64, Int64]:
        """Return 2^(value_bits + extra) / sqrt(spread + epsilon), as a multiplier and a shift."""
        up, down = max(2 * self.spread_shift, 0), max(-2 * self.spread_shift, 0)
        spread = ((spread << up) >> down) + self.epsilon
        multiplier, shift = wide_inverse_square_root(spread)
        shift = shift + self.spread_shift + self.value_bits + extra
        return multiplier, np.clip(shift, -_MOST_SHIFTED, _MOST_SHIFTED)

    def check(self, inputs: Sequence[Tensor], outputs: Sequence[Tensor]) -> None:
        """Raise ValueError, naming the part, unless all numbers fit in the engine's."""
        count, dtype = _count(inputs[0].shape, self.rows, self.groups), outputs[0].dtype
        demand(count <= MOST_NORMALIZED[dtype], "the number of its values")
        demand(int(self.gains.min()) >= -_LARGEST, "its gains")
        largest = max(abs(int(self.offsets.min())), abs(int(self.offsets.max())))
        demand(largest <= _LARGEST_OFFSET, "its offsets")
        demand(1 <= self.shift <= 30, "its shift")
        demand(0 <= self.value_bits <= _MOST_VALUE_BITS, "the bits of its values")
        demand(abs(self.spread_shift) <= 30 and self.epsilon >= 0, "its epsilon")
        spread = (_FARTHEST[dtype] * count) ** 2
        up, down = max(2 * self.spread_shift, 0), max(-2 * self.spread_shift, 0)
        demand((spread << up >> down) + self.epsilon < 1 << _SPREAD_BITS, "its epsilon")
        demand(outputs[0].holds(self.minimum, self.maximum), "its limits")
        if self.mode == "deviation":
            least = 4.0 ** (self.value_bits - _DEVIATION_BITS[dtype] + self.spread_shift)
            demand(self.epsilon >= count**2 * least, "its epsilon")


def _fixed_epsilon(ratio: float, count: int, farthest: int) -> tuple[int, int]:
    """Return count^2 * ratio * 4^n as an integer, and the largest n for which spreads fit."""
    real = float(count) ** 2 * ratio
    bits = ((farthest * count) ** 2 + math.ceil(real)).bit_length()
    shift = (_SPREAD_BITS - bits) // 2
    return math.floor(real * 4.0**shift + 0.5), shift


def _value_bits(
    gains: NDArray[np.float64], offsets: NDArray[np.float64], count: int, mode: Mode, half: int
) -> int:
    """Return how many bits normalized values can have after the point.

    No value is beyond the root of the count, unless it is not measured from the mean. Beyond some
    value, the results of a channel are limited.
    """
    most = math.sqrt(count)
    size, middle = np.broadcast_arrays(np.abs(gains), np.abs(offsets + 0.5))
    matters = size * most > 0.25
    needed = float(np.max((middle + half) / np.maximum(size, 1e-30), initial=1.0, where=matters))
    if mode == "deviation":  # values have no limit: 16 times what covers all results
        most = 32 * half / max(float(size.max()), 2.0**-30)
    return min(max(math.floor(math.log2(_LARGEST / min(needed, most))), 0), _MOST_VALUE_BITS)


def _merged(values: FloatArray) -> NDArray[np.float64]:
    """Return one number if all are equal."""
    return (values if np.ptp(values) else values[:1]).astype(np.float64)


def view(shape: Shape, rows: int, groups: int) -> Shape:
    """Return a shape, with the batch, as [batch and others, rows, groups, channels]."""
    return (math.prod(shape[:-1]) // rows, rows, groups, shape[-1] // groups)


def _count(shape: Shape, rows: int, groups: int) -> int:
    """Return the number of values that are normalized together."""
    return rows * (shape[-1] // groups)


def _shape(
    inputs: Sequence[Shape], rows: int, groups: int, arrays: Sequence[NDArray[Any]]
) -> Shape:
    """Return the input's shape; raise ValueError unless it has such rows, groups and channels."""
    shape = one_shape(inputs)
    sizes = ((1,), shape[-1:])
    sound = rows > 0 and groups > 0 and all(array.shape in sizes for array in arrays)
    if not sound or math.prod(shape[:-1]) % rows or shape[-1] % groups:
        raise ValueError(f"normalizes {rows} rows and {groups} groups of shape {list(shape)}")
    return shape
