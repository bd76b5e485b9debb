"""Depthwise convolution: every output channel reads one input channel."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Literal, TypeVar

import numpy as np
from numpy.typing import NDArray

from microlut.ops.activation import ActivationKind
from microlut.ops.arrays import FloatArray, Real, Shape
from microlut.ops.base import Keras, picture
from microlut.ops.builtin import Builtin, version
from microlut.ops.linear import Linear, QLinear, padded_source, window_fields
from microlut.ops.tensor import CONFIG, DType, Tensor
from microlut.ops.weights import OutputStage, QuantizedWeights
from microlut.ops.windows import Window, patches, train_depthwise

_Number = TypeVar("_Number", bound=np.floating[Any])


@dataclass(frozen=True, slots=True, repr=False)
class DepthwiseConv2D(Linear):
    """Depthwise convolution; `kernel` is [height, width, in_channels * depth_multiplier].

    Output channel c reads input channel c // depth_multiplier, as in Keras and TensorFlow Lite.
    """

    kernel: FloatArray
    bias: FloatArray
    window: Window
    depth_multiplier: int = 1
    activation: ActivationKind = ActivationKind.LINEAR
    channel_axis: ClassVar[int] = 2
    becomes: ClassVar[str] = "depthwise_conv2d"
    keras: ClassVar[Keras] = Keras(layers=("DepthwiseConv1D", "DepthwiseConv2D"))

    def shapes(self, inputs: Sequence[Shape]) -> tuple[Shape, ...]:
        """Return the output's shape."""
        return (_shape(self.window, self.depth_multiplier, self.kernel.shape, inputs),)

    def linear(self, inputs: Sequence[FloatArray]) -> FloatArray:
        """Return the output before the activation."""
        return _sums(inputs[0], self.kernel, self.window, self.depth_multiplier, self.bias)

    @property
    def columns(self) -> int:
        """Number of weights per output value."""
        return math.prod(self.window.size)

    @property
    def reads(self) -> int:
        """Number of input values that one output position reads."""
        return int(self.kernel.size) // self.depth_multiplier

    def receptive_fields(self, x: FloatArray) -> FloatArray:
        """Return the receptive fields: [input channels, positions, columns]."""
        by_channel = np.moveaxis(patches(x, self.window, 0.0), -1, 0)
        return by_channel.reshape(len(by_channel), -1, self.columns)

    def train_linear(self, tf: Any, x: Any, kernel: Any, bias: Any) -> Any:  # noqa: ANN401
        """Return the output before the activation as a TensorFlow tensor."""
        filters = tf.reshape(kernel, (*self.window.size, -1, self.depth_multiplier))
        return train_depthwise(tf, x, filters, self.window) + bias

    def integer(self, weights: QuantizedWeights, stage: OutputStage) -> QDepthwiseConv2D:
        """Return the integer form."""
        return QDepthwiseConv2D(weights, stage, self.window, self.depth_multiplier)


@dataclass(frozen=True, slots=True, repr=False)
class QDepthwiseConv2D(QLinear):
    """Depthwise convolution with codebook weights."""

    weights: QuantizedWeights
    output: OutputStage
    window: Window
    depth_multiplier: int
    kind: Literal["depthwise_conv2d"] = "depthwise_conv2d"
    dtypes: ClassVar[tuple[DType, ...]] = ("int8", "int16")
    channel_axis: ClassVar[int] = 2
    __pydantic_config__ = CONFIG

    def shapes(self, inputs: Sequence[Shape]) -> tuple[Shape, ...]:
        """Return the output's shape."""
        return (_shape(self.window, self.depth_multiplier, self.weights.shape, inputs),)

    @property
    def rows(self) -> int:
        """Rows of the indices: kernel positions."""
        return math.prod(self.weights.shape[:2])

    def sums(self, x: Real, weights: Real) -> Real:
        """Return the sums of products [batch, height, width, channels]."""
        return _sums(x, weights, self.window, self.depth_multiplier, np.zeros_like(weights[0, 0]))

    def tflite(self, inputs: Sequence[Tensor], outputs: Sequence[Tensor]) -> tuple[Builtin, ...]:
        """Return DEPTHWISE_CONV_2D, after a PAD where it has no such padding."""
        before, source, padding = padded_source(inputs[0], outputs[0].name, self.window)
        fields = window_fields(self.window, padding, self.fused(outputs[0]))
        return (
            *before,
            Builtin(
                "DEPTHWISE_CONV_2D",
                version(source, 3, 5),
                (source, *self.parameters(inputs[0], self.weights.int8()[None])),
                (outputs[0],),
                "DepthwiseConv2DOptions",
                {**fields, "depthMultiplier": self.depth_multiplier},
            ),
        )


def _sums(
    x: NDArray[_Number],
    kernel: NDArray[_Number],
    window: Window,
    multiplier: int,
    bias: NDArray[_Number],
) -> NDArray[_Number]:
    """Return the sums of products and bias, one kernel position after the other.

    This takes half the time of `numpy.einsum` and no copy of all patches.
    """
    seen = patches(x if multiplier == 1 else np.repeat(x, multiplier, axis=-1), window, 0)
    y = np.empty((*seen.shape[:3], seen.shape[-1]), dtype=x.dtype)
    y[...] = bias
    for row in range(seen.shape[3]):
        for column in range(seen.shape[4]):
            y += seen[:, :, :, row, column] * kernel[row, column]
    return y


def _shape(window: Window, multiplier: int, kernel: Shape, inputs: Sequence[Shape]) -> Shape:
    source = picture(inputs)
    fits = len(kernel) == 3 and kernel[2] == source[2] * multiplier and kernel[:2] == window.size
    if not fits:
        raise ValueError(f"has a kernel of shape {list(kernel)} for an input {list(source)}")
    return window.shape(source, kernel[2])
