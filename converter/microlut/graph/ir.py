"""The float graph: frozen operators, nodes and tensors that every stage before quantization shares.

Shapes are NHWC with the batch dimension dropped. A tensor has the name of the node that makes it.
Weight layouts are TensorFlow Lite's, so that nothing is transposed after import.
"""

from __future__ import annotations

import math
import mmap
from dataclasses import dataclass
from enum import StrEnum

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float32]
Shape = tuple[int, ...]

_OWN_MEMORY_BYTES = 1 << 18


class ActivationKind(StrEnum):
    """Activations that can be fused into the operator before them."""

    LINEAR = "linear"
    RELU = "relu"
    RELU6 = "relu6"


@dataclass(frozen=True, slots=True)
class Padding:
    """Explicit padding of the two spatial dimensions, in pixels."""

    top: int = 0
    bottom: int = 0
    left: int = 0
    right: int = 0

    def __bool__(self) -> bool:
        """Return whether anything is padded at all."""
        return any((self.top, self.bottom, self.left, self.right))


@dataclass(frozen=True, slots=True)
class Window:
    """How a kernel or a pool moves over its input: sizes are (height, width)."""

    size: tuple[int, int]
    strides: tuple[int, int] = (1, 1)
    padding: Padding = Padding()
    dilation: tuple[int, int] = (1, 1)

    def output_size(self, height: int, width: int) -> tuple[int, int]:
        """Return the output (height, width) for an input of `height` x `width` pixels."""
        spans = [(k - 1) * d + 1 for k, d in zip(self.size, self.dilation, strict=True)]
        padded = (
            height + self.padding.top + self.padding.bottom,
            width + self.padding.left + self.padding.right,
        )
        out = [(n - s) // st + 1 for n, s, st in zip(padded, spans, self.strides, strict=True)]
        return out[0], out[1]


@dataclass(frozen=True, slots=True)
class Conv2D:
    """Convolution; `kernel` is [filters, height, width, in_channels], `bias` [filters]."""

    kernel: FloatArray
    bias: FloatArray
    window: Window
    activation: ActivationKind = ActivationKind.LINEAR


@dataclass(frozen=True, slots=True)
class DepthwiseConv2D:
    """Depthwise convolution; `kernel` is [height, width, in_channels * depth_multiplier].

    Output channel c reads input channel c // depth_multiplier, as in Keras and TensorFlow Lite.
    """

    kernel: FloatArray
    bias: FloatArray
    window: Window
    depth_multiplier: int = 1
    activation: ActivationKind = ActivationKind.LINEAR


@dataclass(frozen=True, slots=True)
class Dense:
    """Fully connected over the last dimension; `kernel` is [units, inputs], `bias` [units]."""

    kernel: FloatArray
    bias: FloatArray
    activation: ActivationKind = ActivationKind.LINEAR


@dataclass(frozen=True, slots=True)
class ChannelStatistics:
    """Mean and standard deviation [channels] of a tensor's values over the training data."""

    mean: FloatArray
    deviation: FloatArray


@dataclass(frozen=True, slots=True)
class BatchNorm:
    """Inference-time batch normalization of the last dimension: y = x * scale + offset.

    `statistics` are those of y, which training has left behind in its parameters.
    """

    scale: FloatArray
    offset: FloatArray
    statistics: ChannelStatistics | None = None


@dataclass(frozen=True, slots=True)
class Relu:
    """A ReLU or ReLU6 that stands alone."""

    activation: ActivationKind


@dataclass(frozen=True, slots=True)
class Softmax:
    """Softmax over the last dimension."""


@dataclass(frozen=True, slots=True)
class Add:
    """Element-wise sum of two tensors of equal shape."""

    activation: ActivationKind = ActivationKind.LINEAR


@dataclass(frozen=True, slots=True)
class Pad:
    """Zero padding of the spatial dimensions."""

    padding: Padding


@dataclass(frozen=True, slots=True)
class MaxPool2D:
    """Maximum over a window; padded positions never win."""

    window: Window
    activation: ActivationKind = ActivationKind.LINEAR


@dataclass(frozen=True, slots=True)
class AveragePool2D:
    """Mean over the window's positions inside the input (padded positions do not count)."""

    window: Window
    activation: ActivationKind = ActivationKind.LINEAR


@dataclass(frozen=True, slots=True)
class Mean:
    """Mean of every channel over the whole picture, which has so many pixels."""

    pixels: int


@dataclass(frozen=True, slots=True)
class Reshape:
    """Another view of the same values in the same order; the node's shape is the new one."""


@dataclass(frozen=True, slots=True)
class Identity:
    """Does nothing at inference (Dropout, a linear activation)."""


Op = (
    Conv2D
    | DepthwiseConv2D
    | Dense
    | BatchNorm
    | Relu
    | Softmax
    | Add
    | Pad
    | MaxPool2D
    | AveragePool2D
    | Mean
    | Reshape
    | Identity
)


Weighted = Conv2D | DepthwiseConv2D | Dense


def channel_axis(op: Weighted) -> int:
    """Return which axis of a kernel in TensorFlow Lite's layout has the output channels."""
    return op.kernel.ndim - 1 if isinstance(op, DepthwiseConv2D) else 0


@dataclass(frozen=True, slots=True)
class Node:
    """One operator: its name is also its output tensor's; `shape` is that tensor's shape.

    `statistics` are the output's before its activation, where a folded batch normalization tells.
    """

    name: str
    op: Op
    inputs: tuple[str, ...]
    shape: Shape
    statistics: ChannelStatistics | None = None


@dataclass(frozen=True, slots=True)
class Graph:
    """A network with one input and one output; `nodes` are in an order that can be executed."""

    name: str
    input_name: str
    input_shape: Shape
    nodes: tuple[Node, ...]
    output_name: str

    def shape_of(self, tensor: str) -> Shape:
        """Return the shape of a tensor; raises KeyError when there is none of that name."""
        if tensor == self.input_name:
            return self.input_shape
        for node in self.nodes:
            if node.name == tensor:
                return node.shape
        raise KeyError(tensor)

    def weighted(self) -> tuple[tuple[Node, Weighted], ...]:
        """Return the nodes that have weights, with their operators, in execution order."""
        return tuple((node, node.op) for node in self.nodes if isinstance(node.op, Weighted))

    def consumers(self, tensor: str) -> tuple[Node, ...]:
        """Return the nodes that read a tensor, in execution order."""
        return tuple(node for node in self.nodes if tensor in node.inputs)


def frozen_array(values: object, dtype: type[np.generic] = np.float32) -> NDArray[np.generic]:
    """Return `values` as a read-only, contiguous array of its own."""
    source = np.asarray(values)
    array = _empty(source.shape, np.dtype(dtype))
    array[...] = source
    array.setflags(write=False)
    return array


def _empty(shape: Shape, dtype: np.dtype[np.generic]) -> NDArray[np.generic]:
    """Return an uninitialized array; a large one has memory of its own.

    That goes back to the system when the array is freed, as it is after each rewrite of the graph:
    on the heap, live arrays around it could keep it, which takes 50 MB more at 25 million weights.
    """
    size_bytes = math.prod(shape) * dtype.itemsize
    if size_bytes < _OWN_MEMORY_BYTES:
        return np.empty(shape, dtype)
    return np.frombuffer(mmap.mmap(-1, size_bytes), dtype).reshape(shape)


def same_padding(
    size: tuple[int, int],
    window: tuple[int, int],
    strides: tuple[int, int],
    dilation: tuple[int, int],
) -> Padding:
    """Return TensorFlow's "same" padding for an input of `size` (height, width) pixels.

    The output has ceil(size / stride) pixels; an odd pixel of padding goes to the bottom or right.
    """
    before, after = [], []
    for n, k, s, d in zip(size, window, strides, dilation, strict=True):
        total = max((-(-n // s) - 1) * s + (k - 1) * d + 1 - n, 0)
        before.append(total // 2)
        after.append(total - total // 2)
    return Padding(before[0], after[0], before[1], after[1])
