"""The types of a quantized graph.

Everything the C engine needs is already an integer here; the scales are kept to describe the
tensors.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import ConfigDict, Field

from microlut.graph.ir import Padding, Shape, Window
from microlut.integer.arrays import (
    Float32Array,
    Int8Array,
    Int32Array,
    OptionalInt8Array,
    UInt8Array,
)

Granularity = Literal["tensor", "channel"]
_CONFIG = ConfigDict(arbitrary_types_allowed=True, extra="forbid")


@dataclass(frozen=True, slots=True)
class Quantization:
    """real = scale * (quantized - zero_point); `scale` is exact in single precision."""

    scale: float
    zero_point: int
    __pydantic_config__ = _CONFIG


@dataclass(frozen=True, slots=True)
class FitReport:
    """What is known about a layer's codebook; errors are relative to the weights' mean square.

    `predicted_error` is what the chosen density promises, before levels are rounded to int8.
    """

    density: str
    ks_gaussian: float
    ks_laplace: float
    predicted_error: float
    error: float
    __pydantic_config__ = _CONFIG


@dataclass(frozen=True, slots=True)
class QuantizedWeights:
    """Codebook weights: int8 weight = codebook[index], real weight = scale[channel] * int8 weight.

    Attributes:
        shape: TensorFlow Lite's layout: [out, height, width, in], [height, width, channels] for
            depthwise, [units, inputs] for dense.
        bits: Bits a weight; 8 means that `indices` holds the int8 weights themselves.
        indices: [rows, columns]; a row is an output channel, or a kernel position if depthwise.
        codebook: [2^index_bits] levels, ascending without overlap; None at 8 bits.
        scales: One per output channel (all equal at granularity "tensor").
        overlap: Bits that an index has in common with those before it in its row: its lower ones
            are their upper ones, as a window moves along a bit stream by `bits` (Tseng et al. 2024,
            "QTIP"). At a row's start they are zeros.
    """

    shape: Shape
    bits: int
    indices: UInt8Array
    codebook: OptionalInt8Array
    scales: Float32Array
    fit: FitReport | None = None
    overlap: int = 0
    __pydantic_config__ = _CONFIG

    @property
    def index_bits(self) -> int:
        """Bits of an index, those that others have too counted."""
        return self.bits + self.overlap

    @property
    def fields(self) -> str:
        """How indices lie in a row, as the names of engine functions tell it: "4", or "4_6"."""
        return f"{self.bits}_{self.index_bits}" if self.overlap else f"{self.bits}"

    def int8(self) -> NDArray[np.int8]:
        """Return the decoded int8 weights in `shape`."""
        if self.codebook is None:
            return self.indices.view(np.int8).reshape(self.shape)
        return self.codebook[self.indices].reshape(self.shape)


@dataclass(frozen=True, slots=True)
class OutputStage:
    """How 32-bit accumulators become int8: bias, double-rounded multiplier, clamp.

    `bias`, `multiplier` and `shift` have one value a channel; the output zero point is the node's.
    """

    bias: Int32Array
    multiplier: Int32Array
    shift: Int8Array
    minimum: int
    maximum: int
    __pydantic_config__ = _CONFIG


@dataclass(frozen=True, slots=True)
class QConv2D:
    """Convolution with codebook weights."""

    weights: QuantizedWeights
    output: OutputStage
    window: Window
    kind: Literal["conv2d"] = "conv2d"
    __pydantic_config__ = _CONFIG


@dataclass(frozen=True, slots=True)
class QDepthwiseConv2D:
    """Depthwise convolution with codebook weights."""

    weights: QuantizedWeights
    output: OutputStage
    window: Window
    depth_multiplier: int
    kind: Literal["depthwise_conv2d"] = "depthwise_conv2d"
    __pydantic_config__ = _CONFIG


@dataclass(frozen=True, slots=True)
class QDense:
    """Fully connected layer with codebook weights, over the last dimension."""

    weights: QuantizedWeights
    output: OutputStage
    kind: Literal["dense"] = "dense"
    __pydantic_config__ = _CONFIG


@dataclass(frozen=True, slots=True)
class QAdd:
    """Sum of two tensors: each input is shifted left by 20 bits and scaled to a common scale.

    The three pairs are (multiplier, shift) of input 0, input 1 and the output.
    """

    input_multipliers: tuple[tuple[int, int], tuple[int, int]]
    output_multiplier: tuple[int, int]
    minimum: int
    maximum: int
    kind: Literal["add"] = "add"
    __pydantic_config__ = _CONFIG


@dataclass(frozen=True, slots=True)
class QPool2D:
    """Maximum or mean over a window, input and output of equal quantization."""

    mode: Literal["max", "average"]
    window: Window
    minimum: int
    maximum: int
    kind: Literal["pool2d"] = "pool2d"
    __pydantic_config__ = _CONFIG


@dataclass(frozen=True, slots=True)
class QMean:
    """Mean of every channel over the picture: its sum less that of zero points, times a factor.

    The factor, input scale over output scale and pixels, is multiplier * 2^(shift - 31).
    """

    multiplier: int
    shift: int
    kind: Literal["mean"] = "mean"
    __pydantic_config__ = _CONFIG


@dataclass(frozen=True, slots=True)
class QClamp:
    """A ReLU or ReLU6 that stands alone, input and output of equal quantization."""

    minimum: int
    maximum: int
    kind: Literal["clamp"] = "clamp"
    __pydantic_config__ = _CONFIG


@dataclass(frozen=True, slots=True)
class QPad:
    """Padding with the zero point."""

    padding: Padding
    kind: Literal["pad"] = "pad"
    __pydantic_config__ = _CONFIG


@dataclass(frozen=True, slots=True)
class QSoftmax:
    """Softmax over the last dimension; differences below `minimum_difference` count as zero."""

    multiplier: int
    left_shift: int
    minimum_difference: int
    kind: Literal["softmax"] = "softmax"
    __pydantic_config__ = _CONFIG


@dataclass(frozen=True, slots=True)
class QReshape:
    """Another view of the same bytes."""

    kind: Literal["reshape"] = "reshape"
    __pydantic_config__ = _CONFIG


WeightedOp = QConv2D | QDepthwiseConv2D | QDense
QOp = WeightedOp | QAdd | QPool2D | QMean | QClamp | QPad | QSoftmax | QReshape


@dataclass(frozen=True, slots=True)
class QNode:
    """One operator on int8 tensors; `quantization` is its output's."""

    name: str
    op: Annotated[QOp, Field(discriminator="kind")]
    inputs: tuple[str, ...]
    shape: Shape
    quantization: Quantization
    __pydantic_config__ = _CONFIG


@dataclass(frozen=True, slots=True)
class QuantizedGraph:
    """A network whose tensors are int8; `nodes` are in execution order."""

    name: str
    input_name: str
    input_shape: Shape
    input_quantization: Quantization
    nodes: tuple[QNode, ...]
    output_name: str
    source: str = ""
    source_sha256: str = ""
    __pydantic_config__ = _CONFIG

    def node(self, name: str) -> QNode:
        """Return the node of that name; raises KeyError when there is none."""
        for node in self.nodes:
            if node.name == name:
                return node
        raise KeyError(name)

    def shape_of(self, tensor: str) -> Shape:
        """Return a tensor's shape."""
        return self.input_shape if tensor == self.input_name else self.node(tensor).shape

    def quantization_of(self, tensor: str) -> Quantization:
        """Return a tensor's scale and zero point."""
        if tensor == self.input_name:
            return self.input_quantization
        return self.node(tensor).quantization

    @property
    def output_quantization(self) -> Quantization:
        """Scale and zero point of the network's output."""
        return self.quantization_of(self.output_name)

    @property
    def output_shape(self) -> Shape:
        """Shape of the network's output."""
        return self.shape_of(self.output_name)

    def weighted(self) -> tuple[tuple[QNode, WeightedOp], ...]:
        """Return the nodes that have weights, with their operators."""
        return tuple(
            (node, node.op)
            for node in self.nodes
            if isinstance(node.op, QConv2D | QDepthwiseConv2D | QDense)
        )


def weights_by_channel(op: WeightedOp) -> NDArray[np.int64]:
    """Return the decoded weights [output channels, products an output value is the sum of]."""
    levels = op.weights.int8().astype(np.int64)
    axis = levels.ndim - 1 if isinstance(op, QDepthwiseConv2D) else 0
    return np.moveaxis(levels, axis, 0).reshape(levels.shape[axis], -1)
