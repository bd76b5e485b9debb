"""Transposed convolution of pictures: each input pixel adds a weighted kernel to the output."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, ClassVar, Literal

import numpy as np

from microlut.ops.activation import ActivationKind
from microlut.ops.arrays import FloatArray, Real, Shape
from microlut.ops.base import Keras, demand, picture
from microlut.ops.builtin import Builtin, Constant, version
from microlut.ops.linear import Linear, QLinear
from microlut.ops.movement import Axis, taken
from microlut.ops.movement import whole as all_of
from microlut.ops.movement_builtins import builtins
from microlut.ops.tensor import CONFIG, DType, Tensor, integer_limits
from microlut.ops.weights import OutputStage, QuantizedWeights
from microlut.ops.windows import Window, patches, same_padding

_Size = tuple[int, int]


@dataclass(frozen=True, slots=True, repr=False)
class TransposeConv2D(Linear):
    """Transposed convolution; `kernel` is [filters, height, width, in_channels], `bias` [filters].

    Pixel y of the input adds to pixels y * stride - padding + i of the output, for all rows i of
    the kernel. Attributes:
        window: The window of the convolution that makes the input's size of the output's.
        size: Height and width of the output.
    """

    kernel: FloatArray
    bias: FloatArray
    window: Window
    size: _Size
    activation: ActivationKind = ActivationKind.LINEAR
    becomes: ClassVar[str] = "transpose_conv2d"
    keras: ClassVar[Keras] = Keras(layers=("Conv1DTranspose", "Conv2DTranspose"))

    def shapes(self, inputs: Sequence[Shape]) -> tuple[Shape, ...]:
        """Return the output's shape."""
        return (_shape(self.window, self.size, self.kernel.shape, inputs),)

    def fields(self, x: FloatArray) -> FloatArray:
        """Return what each output pixel reads: [batch, height, width, *kernel, channels]."""
        return _fields(x, self.window, self.size)

    def linear(self, inputs: Sequence[FloatArray]) -> FloatArray:
        """Return the output before the activation."""
        y: FloatArray = _products(self.fields(inputs[0]), self.kernel) + self.bias
        return y

    @property
    def columns(self) -> int:
        """Number of weights per output value."""
        return int(self.kernel[0].size)

    def receptive_fields(self, x: FloatArray) -> FloatArray:
        """Return the receptive fields: [1, positions, columns]."""
        return self.fields(x).reshape(1, -1, self.columns)

    def train_linear(self, tf: Any, x: Any, kernel: Any, bias: Any) -> Any:  # noqa: ANN401
        """Return the output before the activation as a TensorFlow tensor."""
        filters = tf.transpose(kernel, (1, 2, 0, 3))
        moved, shape = self.window, [tf.shape(x)[0]]
        for n, k, s in zip(x.shape[1:3], moved.size, moved.strides, strict=True):
            shape.append((n - 1) * s + k)
        whole = [*shape, len(self.kernel)]
        y = tf.nn.conv2d_transpose(x, filters, whole, moved.strides, "VALID")
        rest = [[0, 0]]
        for n, before, size in zip(
            shape[1:], (moved.padding.top, moved.padding.left), self.size, strict=True
        ):
            rest.append([0, max(0, before + size - n)])
        y = tf.pad(y, [*rest, [0, 0]])
        top, left = moved.padding.top, moved.padding.left
        return y[:, top : top + self.size[0], left : left + self.size[1]] + bias

    def integer(self, weights: QuantizedWeights, stage: OutputStage) -> QTransposeConv2D:
        """Return the integer form."""
        return QTransposeConv2D(weights, stage, self.window, self.size)


@dataclass(frozen=True, slots=True, repr=False)
class QTransposeConv2D(QLinear):
    """Transposed convolution with codebook weights."""

    weights: QuantizedWeights
    output: OutputStage
    window: Window
    size: _Size
    kind: Literal["transpose_conv2d"] = "transpose_conv2d"
    dtypes: ClassVar[tuple[DType, ...]] = ("int8", "int16")
    __pydantic_config__ = CONFIG

    def shapes(self, inputs: Sequence[Shape]) -> tuple[Shape, ...]:
        """Return the output's shape."""
        return (_shape(self.window, self.size, self.weights.shape, inputs),)

    def sums(self, x: Real, weights: Real) -> Real:
        """Return the sums of products [batch, height, width, filters]."""
        return _products(_fields(x, self.window, self.size), weights)

    def tflite(self, inputs: Sequence[Tensor], outputs: Sequence[Tensor]) -> tuple[Builtin, ...]:
        """Return TRANSPOSE_CONV; a clamp comes after it, because devices do not fuse it.

        Padding of neither of TensorFlow's two kinds is cut off the output.
        """
        (output,), stage = outputs, self.output
        limits = integer_limits(output.dtype)
        clamped = (stage.minimum, stage.maximum) != limits
        cut = replace(output, name=f"{output.name}/cut") if clamped else output
        padding, made, after = self._cut(inputs[0], cut)
        shape = Constant("shape", np.array([1, *made.shape], np.int32))
        kernel, bias = self.parameters(inputs[0], self.weights.int8())
        fields = {
            "padding": padding,
            "strideH": self.window.strides[0],
            "strideW": self.window.strides[1],
        }
        read = (shape, kernel, inputs[0], bias)
        sums = Builtin("TRANSPOSE_CONV", 3, read, (made,), "TransposeConvOptions", fields)
        if not clamped:
            return sums, *after
        name = "RELU6" if stage.maximum < limits[1] else "RELU"
        return sums, *after, Builtin(name, version(output, 2, 3), (cut,), (output,))

    def _cut(self, source: Tensor, output: Tensor) -> tuple[str, Tensor, tuple[Builtin, ...]]:
        """Return the kind of padding, the tensor that has the sums, and what is cut off it."""
        window, p = self.window, self.window.padding
        same = same_padding(self.size, window.size, window.strides, (1, 1))
        sizes = zip(source.shape[:2], self.size, window.strides, strict=True)
        if not p:
            return "VALID", output, ()
        if p == same and all(n == -(-size // stride) for n, size, stride in sizes):
            return "SAME", output, ()
        size = (p.top + self.size[0], p.left + self.size[1])
        whole = replace(output, name=f"{output.name}/whole", shape=(*size, output.shape[2]))
        axes = (Axis(p.top, 1, self.size[0]), Axis(p.left, 1, self.size[1]))
        movement = taken(whole.shape, (*axes, all_of(output.shape[2])))
        return "VALID", whole, builtins(movement, whole, output)

    def check(self, inputs: Sequence[Tensor], outputs: Sequence[Tensor]) -> None:
        """Raise ValueError, naming the part, unless weights and output stage are valid."""
        # A class with slots is made anew, so super() without arguments would not find it.
        QLinear.check(self, inputs, outputs)
        demand(self.window.dilation == (1, 1), "its dilation")


def _fields(x: Real, window: Window, size: _Size) -> Real:
    """Return, for each output pixel, the inputs that the taps of the kernel bring to it.

    Those are patches of the input with zeros between its pixels, read backwards.
    """
    reach = [k - 1 for k in window.size]
    tall, wide = (n + k for n, k in zip(size, reach, strict=True))
    wider = np.zeros((len(x), tall, wide, x.shape[3]), x.dtype)
    down, across = window.strides
    top, left = reach[0] - window.padding.top, reach[1] - window.padding.left
    room = wider[:, top::down, left::across]
    rows, columns = min(room.shape[1], x.shape[1]), min(room.shape[2], x.shape[2])
    room[:, :rows, :columns] = x[:, :rows, :columns]
    return patches(wider, Window(window.size), 0)[:, :, :, ::-1, ::-1]


def _products(fields: Real, kernel: Real) -> Real:
    """Return the sums over fields [batch, height, width, *kernel, channels], by filters."""
    filters = len(kernel)
    columns = fields.reshape(-1, kernel[0].size)
    return (columns @ kernel.reshape(filters, -1).T).reshape(*fields.shape[:3], filters)


def _shape(window: Window, size: _Size, kernel: Shape, inputs: Sequence[Shape]) -> Shape:
    source = picture(inputs)
    if len(kernel) != 4 or kernel[3] != source[2] or kernel[1:3] != window.size:
        raise ValueError(f"has a kernel of shape {list(kernel)} for an input {list(source)}")
    before = (window.padding.top, window.padding.left)
    if any(n > k - 1 for n, k in zip(before, window.size, strict=True)):
        raise ValueError("has more padding than its kernel reaches")
    if window.shape((*size, kernel[0]), source[2]) != source:
        raise ValueError(f"makes {list(size)} pixels of {list(source[:2])}, which do not fit")
    return (*size, kernel[0])
