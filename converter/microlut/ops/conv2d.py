"""Convolution of pictures."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

from microlut.ops.activation import ActivationKind
from microlut.ops.arrays import FloatArray, Real, Shape
from microlut.ops.base import Keras, picture
from microlut.ops.builtin import Builtin, version
from microlut.ops.linear import Linear, QLinear, padded_source, window_fields
from microlut.ops.tensor import CONFIG, DType, Tensor
from microlut.ops.weights import OutputStage, QuantizedWeights
from microlut.ops.windows import Window, patches, train_pad, train_spread


@dataclass(frozen=True, slots=True, repr=False)
class Conv2D(Linear):
    """Convolution; `kernel` is [filters, height, width, in_channels], `bias` [filters]."""

    kernel: FloatArray
    bias: FloatArray
    window: Window
    activation: ActivationKind = ActivationKind.LINEAR
    becomes: ClassVar[str] = "conv2d"
    keras: ClassVar[Keras] = Keras(
        layers=("Conv1D", "Conv2D", "SeparableConv1D", "SeparableConv2D")
    )

    def shapes(self, inputs: Sequence[Shape]) -> tuple[Shape, ...]:
        """Return the output's shape."""
        return (_shape(self.window, self.kernel.shape, inputs),)

    def linear(self, inputs: Sequence[FloatArray]) -> FloatArray:
        """Return the output before the activation."""
        seen = patches(inputs[0], self.window, 0.0)
        filters = len(self.kernel)
        columns = seen.reshape(-1, self.columns)
        y: FloatArray = columns @ self.kernel.reshape(filters, -1).T + self.bias
        return y.reshape(*seen.shape[:3], filters)

    @property
    def columns(self) -> int:
        """Number of weights per output value."""
        return int(self.kernel[0].size)

    def receptive_fields(self, x: FloatArray) -> FloatArray:
        """Return the receptive fields: [1, positions, columns]."""
        return patches(x, self.window, 0.0).reshape(1, -1, self.columns)

    def train_linear(self, tf: Any, x: Any, kernel: Any, bias: Any) -> Any:  # noqa: ANN401
        """Return the output before the activation as a TensorFlow tensor."""
        filters = train_spread(tf, tf.transpose(kernel, (1, 2, 3, 0)), self.window.dilation)
        x = train_pad(tf, x, self.window.padding)
        return tf.nn.conv2d(x, filters, self.window.strides, "VALID") + bias

    def integer(self, weights: QuantizedWeights, stage: OutputStage) -> QConv2D:
        """Return the integer form."""
        return QConv2D(weights, stage, self.window)


@dataclass(frozen=True, slots=True, repr=False)
class QConv2D(QLinear):
    """Convolution with codebook weights."""

    weights: QuantizedWeights
    output: OutputStage
    window: Window
    kind: Literal["conv2d"] = "conv2d"
    dtypes: ClassVar[tuple[DType, ...]] = ("int8", "int16")
    __pydantic_config__ = CONFIG

    def shapes(self, inputs: Sequence[Shape]) -> tuple[Shape, ...]:
        """Return the output's shape."""
        return (_shape(self.window, self.weights.shape, inputs),)

    def sums(self, x: Real, weights: Real) -> Real:
        """Return the sums of products [batch, height, width, filters]."""
        columns = patches(x, self.window, 0)
        return columns.reshape(*columns.shape[:3], -1) @ weights.reshape(len(weights), -1).T

    def tflite(self, inputs: Sequence[Tensor], outputs: Sequence[Tensor]) -> tuple[Builtin, ...]:
        """Return CONV_2D, after a PAD where it has no such padding."""
        before, source, padding = padded_source(inputs[0], outputs[0].name, self.window)
        return (
            *before,
            Builtin(
                "CONV_2D",
                version(source, 3, 4),
                (source, *self.parameters(inputs[0], self.weights.int8())),
                (outputs[0],),
                "Conv2DOptions",
                window_fields(self.window, padding, self.fused(outputs[0])),
            ),
        )


def _shape(window: Window, kernel: Shape, inputs: Sequence[Shape]) -> Shape:
    source = picture(inputs)
    if len(kernel) != 4 or kernel[3] != source[2] or kernel[1:3] != window.size:
        raise ValueError(f"has a kernel of shape {list(kernel)} for an input {list(source)}")
    return window.shape(source, kernel[0])
