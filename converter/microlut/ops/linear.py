"""The base of convolutions and dense layers: a kernel, a bias, and codebook weights."""

from __future__ import annotations

import math
from abc import abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Self

import numpy as np
from numpy.typing import NDArray

from microlut.ops.activation import Fusing, fused_name
from microlut.ops.arrays import (
    FloatArray,
    Int64,
    IntArray,
    Real,
    Shape,
    by_slices,
    frozen_array,
)
from microlut.ops.base import IntegerOp, demand
from microlut.ops.builtin import Builtin, Constant, version
from microlut.ops.fixed_point import channel_multipliers, rounded_multipliers
from microlut.ops.tensor import DType, Quantization, Tensor
from microlut.ops.weighted import QWeighted, Weighted
from microlut.ops.weights import OutputStage, QuantizedWeights
from microlut.ops.windows import Window, same_padding

Array = NDArray[np.float64]
_BATCH_VALUES = 1 << 22  # values in flight, which bounds memory to some 32 MB per copy


class Linear(Weighted, Fusing):
    """A layer whose outputs are sums of products of its inputs and a kernel, plus a bias.

    A kernel is in TensorFlow Lite's layout; output channels are its axis `channel_axis`.
    """

    __slots__ = ()

    def with_weights(self, kernel: object, bias: object) -> Self:
        """Return the same layer with other weights."""
        return replace(  # type: ignore[type-var]
            self, kernel=frozen_array(kernel), bias=frozen_array(bias)
        )

    def by_channel(self, values: Array) -> Array:
        """Return [output channels] values in a shape that broadcasts with the kernel."""
        shape = [1] * self.kernel.ndim
        shape[self.channel_axis] = -1
        return values.reshape(shape)

    @property
    @abstractmethod
    def columns(self) -> int:
        """Number of weights per output value."""

    @property
    def reads(self) -> int:
        """Number of input values that one output position reads."""
        return self.columns

    def positions(self, shape: Shape) -> int:
        """Return how many output positions an input of this shape has."""
        return math.prod(self.shapes((shape,))[0][:-1])

    @abstractmethod
    def receptive_fields(self, x: FloatArray) -> FloatArray:
        """Return the receptive fields: [groups, positions, columns].

        A depthwise layer has one group per input channel, other layers have one group.
        """

    @abstractmethod
    def train_linear(self, tf: Any, x: Any, kernel: Any, bias: Any) -> Any:  # noqa: ANN401
        """Return the output before the activation as a TensorFlow tensor, for other weights."""

    def train(self, tf: Any, inputs: Sequence[Any]) -> tuple[Any, ...]:  # noqa: ANN401
        """Return the output as a TensorFlow tensor, with the layer's own weights."""
        with tf.init_scope():  # else each function that is traced has copies of them
            kernel, bias = tf.constant(self.kernel), tf.constant(self.bias)
        return (self.activation.train(tf, self.train_linear(tf, inputs[0], kernel, bias)),)

    @abstractmethod
    def integer(self, weights: QuantizedWeights, stage: OutputStage) -> QLinear:
        """Return the integer form with these weights and this output stage."""

    def quantize(self, inputs: Sequence[Tensor], outputs: Sequence[Tensor]) -> IntegerOp:
        """Raise TypeError: the weights of the integer form must be chosen, see `unbiased`."""
        raise TypeError(f"{type(self).__name__} is quantized with its weights")

    def unbiased(
        self,
        weights: QuantizedWeights,
        x: Quantization,
        output: Quantization,
        dtype: DType = "int8",
    ) -> QLinear:
        """Return the integer form between tensors of a type, with zero biases."""
        multiplier, shift = channel_multipliers(x.scale, weights.scales, output.scale)
        low, high = self.activation.limits(output, dtype)
        stage = OutputStage(np.zeros(len(shift), np.int32), multiplier, shift, low, high)
        return self.integer(weights, stage)

    def smallest_scale(self, inputs: Sequence[float]) -> float:
        """Return the output scale below which sums overflow 32 bits while they are scaled.

        |sum| * 2^shift < 2^31 with 2^shift <= 2 * factor requires 2^-30 of the largest sum. The
        rest is a margin: coarse levels can be several times larger than their weights.
        """
        others = tuple(i for i in range(self.kernel.ndim) if i != self.channel_axis)
        weights = np.abs(self.kernel).sum(axis=others, dtype=np.float64)
        largest = 255.0 * inputs[0] * weights + np.abs(self.bias)
        return 2.0**-26 * float(largest.max())


class QLinear(QWeighted):
    """A layer with codebook weights.

    Between int8 tensors sums have 32 bits; between int16 tensors as many as they need, up to 48.
    """

    __slots__ = ()
    if TYPE_CHECKING:

        @property
        def output(self) -> OutputStage:
            """The output stage, which turns sums into int8 or int16."""

    def with_output(self, stage: OutputStage) -> Self:
        """Return the same layer with another output stage."""
        return replace(self, output=stage)  # type: ignore[type-var]

    def weights_by_channel(self) -> Int64:
        """Return the decoded weights [output channels, products per output]."""
        levels = self.weights.int8().astype(np.int64)
        axis = self.channel_axis
        return np.moveaxis(levels, axis, 0).reshape(levels.shape[axis], -1)

    def positions(self, shape: Shape) -> int:
        """Return how many output positions an input of this shape has."""
        return math.prod(self.shapes((shape,))[0][:-1])

    @abstractmethod
    def sums(self, x: Real, weights: Real) -> Real:
        """Return the sums of products for centered inputs [batch, ...], without the bias."""

    @property
    def reads(self) -> int:
        """Largest number of input values that one output position reads."""
        return math.prod(self.weights.shape[-3:])

    def accumulate(self, x: IntArray, zero_point: int) -> IntArray:
        """Return the sums [batch, ..., channels] of weight * (input - zero point), without bias.

        Floating-point products compute them exactly, since the mantissa of the chosen type holds
        every sum.
        """
        products = math.prod(self.weights.shape) // len(self.output.bias)
        # While sums stay below 2^24, single precision is exact as well, and twice as fast.
        steps = np.iinfo(x.dtype).max - np.iinfo(x.dtype).min
        largest = products * steps * 127
        kind = np.dtype(np.float32 if largest < 1 << 24 else np.float64)
        whole = np.dtype(np.int32 if largest < 1 << 31 else np.int64)
        weights: Real = self.weights.int8().astype(kind)
        step = max(1, _BATCH_VALUES // (self.reads * self.positions(x.shape[1:])))
        batches = []
        for i in range(0, len(x), step):
            centered: Real = x[i : i + step].astype(kind)
            centered -= zero_point
            batches.append(self.sums(centered, weights).astype(whole))
        return np.concatenate(batches)

    def evaluate(
        self, arrays: Sequence[IntArray], inputs: Sequence[Tensor], outputs: Sequence[Tensor]
    ) -> tuple[IntArray, ...]:
        """Return the outputs [batch, ...] for inputs [batch, ...]."""
        return (self.finished(self.accumulate(arrays[0], inputs[0].zero_point), outputs[0]),)

    def finished(self, sums: IntArray, output: Tensor) -> IntArray:
        """Return the outputs [batch, ..., channels] for sums without the bias."""

        def scaled(part: IntArray) -> IntArray:
            total = part.astype(np.int64) + self.output.bias
            if output.dtype == "int16":
                return self.output.requantize_16(total)
            return self.output.requantize(total, output.zero_point)

        return by_slices(scaled, [sums])

    def largest_sums(self, x: Tensor) -> Int64:
        """Return the largest magnitudes [channels] of sums with their bias, for any input.

        Positive weights then meet one end of the input's values, and negative ones the other.
        """
        low, high = (end - x.zero_point for end in (np.iinfo(x.dtype).min, np.iinfo(x.dtype).max))
        weights = self.weights_by_channel()
        positive = weights.clip(min=0).sum(axis=1)
        negative = weights.sum(axis=1) - positive
        bias = self.output.bias.astype(np.int64)
        ends = positive * low + negative * high + bias, positive * high + negative * low + bias
        return np.asarray(np.maximum(*np.abs(ends)), np.int64)

    def fits_int16(self) -> bool:
        """Return whether the engine can hold all sums of int16 values: scaled, they have 32 bits.

        Before, they have less than 48, whatever the weights.
        """
        stage, weights = self.output, np.abs(self.weights_by_channel()).sum(axis=1)
        largest = np.abs(stage.bias.astype(np.float64)) + 2.0**15 * weights
        scaled = largest * np.ldexp(stage.multiplier + 65536.0, stage.shift.astype(int) - 31)
        return bool(largest.max() < 2.0**46 and scaled.max() < 2.0**30)

    def multiplies_by(self, input_scale: float, output_scale: float) -> bool:
        """Return whether TensorFlow Lite makes the multipliers of the stage of these scales."""
        found = channel_multipliers(input_scale, self.weights.scales, output_scale)
        return self.output.has(*found)

    def has_multipliers(self, input_scale: float, output_scale: float) -> bool:
        """Return whether the stage's multipliers are those of any kernel of TensorFlow Lite."""
        if self.multiplies_by(input_scale, output_scale):
            return True
        scales = self.weights.scales
        found = rounded_multipliers(input_scale, scales, output_scale)
        return bool(np.ptp(scales) == 0) and self.output.has(*found)

    def in_tflite(self, inputs: Sequence[Tensor], outputs: Sequence[Tensor]) -> bool:
        """Return whether the kernels of int8 have its multipliers; those of uint8 have others."""
        return self.multiplies_by(inputs[0].scale, outputs[0].scale)

    def check(self, inputs: Sequence[Tensor], outputs: Sequence[Tensor]) -> None:
        """Raise ValueError, naming the part, unless weights and output stage are valid."""
        self.weights.check()
        channels = outputs[0].shape[-1]
        self.output.check(channels, outputs[0])
        demand(outputs[0].dtype == "int8" or self.fits_int16(), "the size of its sums")
        demand(len(self.weights.indices) == self.rows, "the shape of its weights")
        demand(self.weights.scales.shape == (channels,), "its weight scales")

    @property
    def rows(self) -> int:
        """Rows of the indices."""
        return self.weights.shape[0]

    def parameters(self, source: Tensor, kernel: NDArray[np.int8]) -> tuple[Constant, Constant]:
        """Return kernel and bias for TensorFlow Lite; output channels are the first or last axis.

        The bias has the product of input and weight scales as its scale.
        """
        scales = self.weights.scales
        bias_scales = scales * np.float32(source.scale)
        axis = kernel.ndim - 1 if self.channel_axis else 0
        kind = np.int64 if source.dtype == "int16" else np.int32
        return (
            Constant("kernel", kernel, scales, axis),
            Constant("bias", self.output.bias.astype(kind), bias_scales),
        )

    def fused(self, output: Tensor) -> str:
        """Return TensorFlow Lite's name of the fused activation."""
        return fused_name(self.output.minimum, self.output.maximum, output)


def padded_source(
    source: Tensor, name: str, window: Window
) -> tuple[tuple[Builtin, ...], Tensor, str]:
    """Return operators that come first, the tensor that is convolved, and "SAME" or "VALID".

    Where neither kind of padding fits, a PAD comes first.
    """
    height, width, channels = source.shape
    p = window.padding
    if not p:
        return (), source, "VALID"
    if p == same_padding((height, width), window.size, window.strides, window.dilation):
        return (), source, "SAME"
    padded = replace(source, name=f"{name}/padded", shape=(*p.padded(height, width), channels))
    amounts = np.array([[0, 0], [p.top, p.bottom], [p.left, p.right], [0, 0]], np.int32)
    constant = Constant("padded/amounts", amounts)
    return (
        (Builtin("PAD", version(source, 2, 3), (source, constant), (padded,), "PadOptions"),),
        padded,
        "VALID",
    )


def window_fields(window: Window, padding: str, activation: str) -> Mapping[str, Any]:
    """Return the fields that the options of both convolutions of TensorFlow Lite have."""
    return {
        "padding": padding,
        "strideH": window.strides[0],
        "strideW": window.strides[1],
        "dilationHFactor": window.dilation[0],
        "dilationWFactor": window.dilation[1],
        "fusedActivationFunction": activation,
    }
