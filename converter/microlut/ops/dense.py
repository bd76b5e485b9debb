"""Fully connected layer over the last dimension."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

from microlut.ops.activation import ActivationKind
from microlut.ops.arrays import FloatArray, Real, Shape
from microlut.ops.base import Keras, one_shape
from microlut.ops.builtin import Builtin, Constant, version
from microlut.ops.linear import Linear, QLinear
from microlut.ops.tensor import CONFIG, DType, Tensor
from microlut.ops.weights import OutputStage, QuantizedWeights


@dataclass(frozen=True, slots=True, repr=False)
class Dense(Linear):
    """Fully connected over the last dimension; `kernel` is [units, inputs], `bias` [units]."""

    kernel: FloatArray
    bias: FloatArray
    activation: ActivationKind = ActivationKind.LINEAR
    becomes: ClassVar[str] = "dense"
    keras: ClassVar[Keras] = Keras(layers=("Dense",))

    def shapes(self, inputs: Sequence[Shape]) -> tuple[Shape, ...]:
        """Return the output's shape."""
        return (_shape(self.kernel.shape, inputs),)

    def linear(self, inputs: Sequence[FloatArray]) -> FloatArray:
        """Return the output before the activation."""
        y: FloatArray = inputs[0] @ self.kernel.T + self.bias
        return y

    @property
    def columns(self) -> int:
        """Number of weights per output value."""
        return int(self.kernel.shape[1])

    def receptive_fields(self, x: FloatArray) -> FloatArray:
        """Return the receptive fields: [1, positions, columns]."""
        return x.reshape(1, -1, x.shape[-1])

    def train_linear(self, tf: Any, x: Any, kernel: Any, bias: Any) -> Any:  # noqa: ANN401
        """Return the output before the activation as a TensorFlow tensor."""
        return tf.linalg.matmul(x, kernel, transpose_b=True) + bias

    def integer(self, weights: QuantizedWeights, stage: OutputStage) -> QDense:
        """Return the integer form."""
        return QDense(weights, stage)


@dataclass(frozen=True, slots=True, repr=False)
class QDense(QLinear):
    """Fully connected layer with codebook weights, over the last dimension."""

    weights: QuantizedWeights
    output: OutputStage
    kind: Literal["dense"] = "dense"
    dtypes: ClassVar[tuple[DType, ...]] = ("int8", "int16")
    __pydantic_config__ = CONFIG

    def shapes(self, inputs: Sequence[Shape]) -> tuple[Shape, ...]:
        """Return the output's shape."""
        return (_shape(self.weights.shape, inputs),)

    @property
    def reads(self) -> int:
        """Number of input values that one output position reads."""
        return self.weights.shape[-1]

    def sums(self, x: Real, weights: Real) -> Real:
        """Return the sums of products [batch, ..., units]."""
        return x @ weights.T

    def in_tflite(self, inputs: Sequence[Tensor], outputs: Sequence[Tensor]) -> bool:
        """Return whether it has the multipliers of FULLY_CONNECTED with a bias, or without one."""
        scales = inputs[0].scale, outputs[0].scale
        if self.multiplies_by(*scales):
            return True
        return not self.output.bias.any() and self.has_multipliers(*scales)

    def tflite(self, inputs: Sequence[Tensor], outputs: Sequence[Tensor]) -> tuple[Builtin, ...]:
        """Return FULLY_CONNECTED."""
        keep = len(outputs[0].shape) > 1
        parameters: tuple[Constant | None, ...] = self.parameters(inputs[0], self.weights.int8())
        if not self.multiplies_by(inputs[0].scale, outputs[0].scale):
            scale = self.weights.scales[:1]
            parameters = Constant("kernel", self.weights.int8(), scale), None
        return (
            Builtin(
                "FULLY_CONNECTED",
                version(inputs[0], 5 if keep else 4, 7),
                (inputs[0], *parameters),
                (outputs[0],),
                "FullyConnectedOptions",
                {"fusedActivationFunction": self.fused(outputs[0]), "keepNumDims": keep},
            ),
        )


def _shape(kernel: Shape, inputs: Sequence[Shape]) -> Shape:
    source = one_shape(inputs)
    if len(kernel) != 2 or not source or kernel[1] != source[-1]:
        raise ValueError(f"has a kernel of shape {list(kernel)} for an input {list(source)}")
    return (*source[:-1], kernel[0])
