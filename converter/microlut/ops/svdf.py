"""Filters over time of projections of a frame, one frame per run: TensorFlow Lite's SVDF.

A frame is projected to filters. Each filter has a kernel over its own last values, and `rank`
filters next to each other make an output. The values of earlier frames are a state.

The filters have 8 or 16 bits, as the state says. With 8 bits the kernels over time are columns of
the weights, behind those of the projection; with 16 bits they are int16.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, ClassVar, Literal

import numpy as np
from numpy.typing import NDArray

from microlut.ops.arrays import FloatArray, Int64, IntArray, Shape
from microlut.ops.base import IntegerOp, demand
from microlut.ops.builtin import Builtin, Constant, Variable
from microlut.ops.fixed_point import Multiplier, multiply, quantize_multiplier
from microlut.ops.json_arrays import Int32Array, OptionalInt16Array
from microlut.ops.tensor import CONFIG, DType, Tensor, integer_limits
from microlut.ops.weighted import QWeighted, Weighted
from microlut.ops.weights import QuantizedWeights

_SUMS = 1 << 32  # sums over time wrap around at 32 bits, as those of devices do
_LARGEST_SHIFT = 31


@dataclass(frozen=True, slots=True, repr=False)
class Svdf(Weighted):
    """Filters over time.

    Attributes:
        kernel: [filters, inputs] the projection; without `time`, the kernels over time are further
            columns.
        bias: [units], where each has as many filters.
        memory: Frames that a kernel over time covers, the last one among them.
        time: [filters, memory] kernels over time of more than 8 bits, or None.
    """

    kernel: FloatArray
    bias: FloatArray
    memory: int
    time: FloatArray | None = None
    becomes: ClassVar[str] = "svdf"
    operands: ClassVar[int | None] = 2

    @property
    def inputs(self) -> int:
        """Length of a frame."""
        return int(self.kernel.shape[1]) - (self.memory if self.time is None else 0)

    @property
    def kernels(self) -> FloatArray:
        """The kernels over time, [filters, memory]."""
        return self.kernel[:, self.inputs :] if self.time is None else self.time

    def products(self, source: Shape, output: Shape) -> int:
        """Return the multiplications per run."""
        del source, output
        return len(self.kernel) * (self.inputs + self.memory)

    def shapes(self, inputs: Sequence[Shape]) -> tuple[Shape, ...]:
        """Return the shapes of the output and of the next state."""
        sizes = len(self.kernel), self.inputs, self.memory
        return _shapes(*sizes, len(self.bias), inputs)

    def evaluate(self, inputs: Sequence[FloatArray]) -> tuple[FloatArray, ...]:
        """Return the output [batch, units] and the next state [batch, filters, memory - 1]."""
        x, state = inputs
        made = x @ self.kernel[:, : self.inputs].T
        values = np.concatenate([state, made[:, :, None]], axis=2)
        sums = (values * self.kernels).sum(axis=2).reshape(len(x), len(self.bias), -1)
        return sums.sum(axis=2) + self.bias, np.ascontiguousarray(values[:, :, 1:])

    def train(self, tf: Any, inputs: Sequence[Any]) -> tuple[Any, ...]:  # noqa: ANN401
        """Return the same as TensorFlow tensors."""
        x, state = inputs
        made = tf.linalg.matmul(x, tf.constant(self.kernel[:, : self.inputs]), transpose_b=True)
        values = tf.concat([state, made[:, :, None]], axis=2)
        sums = tf.reduce_sum(values * tf.constant(self.kernels), axis=2)
        by_unit = tf.reshape(sums, (-1, len(self.bias), len(self.kernel) // len(self.bias)))
        return tf.reduce_sum(by_unit, axis=2) + tf.constant(self.bias), values[:, :, 1:]

    def quantize(self, inputs: Sequence[Tensor], outputs: Sequence[Tensor]) -> IntegerOp:
        """Raise TypeError: the weights of the integer form must be chosen."""
        raise TypeError(f"{type(self).__name__} is quantized with its weights")


@dataclass(frozen=True, slots=True, repr=False)
class QSvdf(QWeighted):
    """Filters over time with codebook weights, as TensorFlow Lite's SVDF computes them on devices.

    Attributes:
        weights: [filters, inputs], or [filters, inputs + memory] without `time`; the projection has
            one scale.
        bias: [units], in units of the state's scale times that of the kernels over time.
        memory: Frames that a kernel over time covers.
        time_scale: Scale of the kernels over time.
        time: [filters, memory] kernels over time of int16, or None.
    """

    weights: QuantizedWeights
    bias: Int32Array
    memory: int
    time_scale: float
    time: OptionalInt16Array = None
    kind: Literal["svdf"] = "svdf"
    dtypes: ClassVar[tuple[DType, ...]] = ("int8", "int16")
    mixes_types: ClassVar[bool] = True
    __pydantic_config__ = CONFIG

    @property
    def own_variables(self) -> bool:
        """Return that the exported operator holds the state itself."""
        return True

    @property
    def filters(self) -> int:
        """Number of filters."""
        return self.weights.shape[0]

    @property
    def inputs(self) -> int:
        """Length of a frame."""
        return self.weights.shape[1] - (self.memory if self.time is None else 0)

    @property
    def projection(self) -> NDArray[np.int8]:
        """The weights of a frame, [filters, inputs]."""
        return self.weights.int8()[:, : self.inputs]

    @property
    def kernels(self) -> NDArray[Any]:
        """The kernels over time, [filters, memory]."""
        return self.weights.int8()[:, self.inputs :] if self.time is None else self.time

    @property
    def parameter_bytes(self) -> int:
        """Flash bytes of 32 bits per filter and per unit, and of kernels over time of int16."""
        wide = 0 if self.time is None else self.time.nbytes
        return 4 * (self.filters + len(self.bias)) + wide

    def products(self, source: Shape, output: Shape) -> int:
        """Return the multiplications per run."""
        del source, output
        return self.filters * (self.inputs + self.memory)

    def factors(self, inputs: Sequence[Tensor], output: Tensor) -> tuple[Multiplier, Multiplier]:
        """Return what sums become filters by, and what sums over time become outputs by.

        TensorFlow Lite multiplies the scales in single precision.
        """
        x, state, made = (np.float32(tensor.scale) for tensor in (*inputs, output))
        projected = x * self.weights.scales[0] / state
        summed = state * np.float32(self.time_scale) / made
        return quantize_multiplier(float(projected)), quantize_multiplier(float(summed))

    def unit_bias(self, state: Tensor) -> Int64:
        """Return what is added to sums of raw values of filters: the zero point is folded in."""
        sums = self.kernels.astype(np.int64).reshape(len(self.bias), -1).sum(axis=1)
        found: Int64 = self.bias.astype(np.int64) - state.zero_point * sums
        return found

    def shapes(self, inputs: Sequence[Shape]) -> tuple[Shape, ...]:
        """Return the shapes of the output and of the next state."""
        return _shapes(self.filters, self.inputs, self.memory, len(self.bias), inputs)

    def evaluate(
        self, arrays: Sequence[IntArray], inputs: Sequence[Tensor], outputs: Sequence[Tensor]
    ) -> tuple[IntArray, ...]:
        """Return the output [batch, units] and the next state [batch, filters, memory - 1].

        A zero point is added to filters after these are limited, so that 8 bits may wrap around.
        """
        x, old = (array.astype(np.int64) for array in arrays)
        projected, summed = self.factors(inputs, outputs[0])
        dtype = inputs[1].dtype
        made = (x - inputs[0].zero_point) @ self.projection.astype(np.int64).T
        made = multiply(made, projected.multiplier, projected.shift)
        made = (np.clip(made, *integer_limits(dtype)) + inputs[1].zero_point).astype(dtype)
        values = np.concatenate([old, made[:, :, None]], axis=2)
        sums = (values * self.kernels.astype(np.int64)).reshape(len(x), len(self.bias), -1)
        total = sums.sum(axis=2) + self.unit_bias(inputs[1])
        total = (total + _SUMS // 2) % _SUMS - _SUMS // 2
        found = multiply(total, summed.multiplier, summed.shift) + outputs[0].zero_point
        return np.clip(found, -128, 127).astype(np.int8), values[:, :, 1:].astype(dtype)

    def tflite(self, inputs: Sequence[Tensor], outputs: Sequence[Tensor]) -> tuple[Builtin, ...]:
        """Return SVDF, which holds its state in a variable; the activation has no effect."""
        state, scale = inputs[1], np.array([self.time_scale], np.float32)
        values = replace(state, shape=(self.filters * self.memory,))
        fields = {"rank": self.filters // len(self.bias), "fusedActivationFunction": "RELU"}
        constants = (
            Constant("projection", self.projection, self.weights.scales[:1]),
            Constant("time", self.kernels, scale),
            Constant("bias", self.bias, scale * np.float32(state.scale)),
        )
        ends = (inputs[0], *constants, Variable(values)), tuple(outputs[:1])
        return (Builtin("SVDF", 3, *ends, "SVDFOptions", fields),)

    def check(self, inputs: Sequence[Tensor], outputs: Sequence[Tensor]) -> None:
        """Raise ValueError, naming the part, unless the engine can run it."""
        self.weights.check()
        x, state = inputs
        demand(self.weights.indices.shape == self.weights.shape, "the shape of its weights")
        one = self.weights.scales.shape == (self.filters,) and np.ptp(self.weights.scales) == 0
        demand(bool(one), "its weight scales")
        sound = math.isfinite(self.time_scale) and self.time_scale > 0
        demand(sound and float(np.float32(self.time_scale)) == self.time_scale, "its time scale")
        demand(self.memory > 1, "its memory")
        demand(x.dtype == outputs[0].dtype == "int8", "the type of its tensors")
        wide = self.time is not None
        demand(state.dtype == ("int16" if wide else "int8"), "the type of its state")
        same = (outputs[1].dtype, outputs[1].quantization) == (state.dtype, state.quantization)
        demand(same, "its next state")
        if self.time is not None:
            demand(self.time.shape == (self.filters, self.memory), "its kernels over time")
        projected, summed = self.factors(inputs, outputs[0])
        shifts = abs(projected.shift), abs(summed.shift)
        demand(max(shifts) <= _LARGEST_SHIFT, "its multipliers")
        sums = 256 * np.abs(self.projection.astype(np.int64)).sum(axis=1).max()
        demand(int(sums) << max(projected.shift, 0) < _SUMS // 2, "the size of its sums")
        bias = np.abs(self.unit_bias(state))
        demand(int(bias.max()) < _SUMS // 2, "its biases")
        largest = 32768 if wide else 128
        reach = np.abs(self.kernels.astype(np.int64)).reshape(len(bias), -1).sum(axis=1)
        most = int((largest * reach + bias).max())
        left = max(summed.shift, 0)
        wraps = wide and left == 0
        demand(wraps or most << left < _SUMS // 2, "the size of its sums")


def _shapes(
    filters: int, inputs: int, memory: int, units: int, read: Sequence[Shape]
) -> tuple[Shape, ...]:
    """Return the shapes of the output and of the next state; raise ValueError if they differ."""
    state = (filters, memory - 1)
    if filters % units or tuple(read) != ((inputs,), state):
        found = [list(shape) for shape in read]
        raise ValueError(f"reads {found}, expected a frame of {inputs} and a state {list(state)}")
    return (units,), state
