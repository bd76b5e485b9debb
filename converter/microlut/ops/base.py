"""The contract of operators: what an operator is, on real and on integer tensors.

Every operator is a module of this package with at least one class for each of the two forms that it
has. What it costs and how it is called on the device is `microlut.plan.kernels`.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar, Literal

from microlut.errors import UnsupportedModel
from microlut.ops.arrays import FloatArray, IntArray, Shape
from microlut.ops.builtin import Builtin
from microlut.ops.tensor import DType, Quantization, Tensor
from microlut.support.shown import Shown

# How the scale of an operator's output follows: from the values that it takes ("own"), from its
# input, whose values it passes on ("same"), from all its inputs, which then share one scale
# ("unify"), or it is fixed by the specification.
ScaleRule = Literal["own", "same", "unify"] | Quantization


@dataclass(frozen=True, slots=True)
class Keras:
    """What Keras calls an operator that one layer is translated to.

    Attributes:
        layers: Classes of layers.
        functions: Operations of keras.ops, and functions of TensorFlow in Keras 2 models.
        activation: Name of the function as an `activation=` option.
        options: The layer's options and their defaults.
    """

    layers: tuple[str, ...] = ()
    functions: tuple[str, ...] = ()
    activation: str | None = None
    options: Mapping[str, Any] = field(default_factory=dict)


class FloatOp(Shown, ABC):
    """An operator on real tensors; arrays have a leading batch dimension, shapes have none."""

    __slots__ = ()
    becomes: ClassVar[str]  # the kind of the integer form
    scale_rule: ClassVar[ScaleRule] = "own"
    operands: ClassVar[int | None] = 1  # how many tensors it reads; None: any number
    keras: ClassVar[Keras] = Keras()

    @abstractmethod
    def shapes(self, inputs: Sequence[Shape]) -> tuple[Shape, ...]:
        """Return the shapes of the outputs; raise ValueError if inputs of these shapes cannot be.

        The message completes "layer NAME ...".
        """

    @abstractmethod
    def evaluate(self, inputs: Sequence[FloatArray]) -> tuple[FloatArray, ...]:
        """Return the outputs [batch, ...] for inputs [batch, ...]."""

    @abstractmethod
    def train(self, tf: Any, inputs: Sequence[Any]) -> tuple[Any, ...]:  # noqa: ANN401
        """Return the outputs as tensors of TensorFlow, the module `tf`, which gradients pass."""

    @abstractmethod
    def quantize(self, inputs: Sequence[Tensor], outputs: Sequence[Tensor]) -> IntegerOp:
        """Return the integer form between quantized tensors.

        Raises:
            UnsupportedModel: It has none; the message tells why, without the layer's name.
        """

    def smallest_scale(self, inputs: Sequence[float]) -> float:
        """Return the output scale below which 32 bits do not hold what the engine computes.

        Sums that cancel out on all samples leave ranges of that kind. `inputs` are the scales of
        the inputs.
        """
        del inputs
        return 0.0

    @classmethod
    def from_keras(cls, options: Mapping[str, Any], inputs: Sequence[Shape]) -> FloatOp:
        """Return the operator that a layer with these options is; raise ValueError if none is.

        Args:
            options: By the names in `keras.options`.
            inputs: Shapes of what the layer reads.
        """
        del options, inputs
        return cls()


class FloatOnly(FloatOp):
    """An operator that the passes take away, so that it needs no integer form."""

    __slots__ = ()
    becomes: ClassVar[str] = ""

    def quantize(self, inputs: Sequence[Tensor], outputs: Sequence[Tensor]) -> IntegerOp:
        """Raise UnsupportedModel."""
        raise UnsupportedModel(f"{type(self).__name__} has no integer form; run the passes first")


class IntegerOp(Shown, ABC):
    """An operator on quantized tensors; everything that the engine needs is an integer here."""

    __slots__ = ()
    kind: str  # names the operator in files, templates and the engine
    dtypes: ClassVar[tuple[DType, ...]] = ("int8",)

    @abstractmethod
    def shapes(self, inputs: Sequence[Shape]) -> tuple[Shape, ...]:
        """Return the shapes of the outputs; raise ValueError if inputs cannot have these."""

    @abstractmethod
    def evaluate(
        self, arrays: Sequence[IntArray], inputs: Sequence[Tensor], outputs: Sequence[Tensor]
    ) -> tuple[IntArray, ...]:
        """Return the outputs [batch, ...] for input arrays [batch, ...], as the engine does."""

    @abstractmethod
    def tflite(self, inputs: Sequence[Tensor], outputs: Sequence[Tensor]) -> tuple[Builtin, ...]:
        """Return the operators of TensorFlow Lite that compute the same bytes."""

    @abstractmethod
    def check(self, inputs: Sequence[Tensor], outputs: Sequence[Tensor]) -> None:
        """Raise ValueError, naming the part, unless the engine's numbers are sound.

        Shapes and element types have been checked before.
        """


def demand(sound: bool, what: str) -> None:
    """Raise ValueError unless a part of an operator is sound."""
    if not sound:
        raise ValueError(what)


def one_shape(inputs: Sequence[Shape]) -> Shape:
    """Return the shape of an operator's only input."""
    if len(inputs) != 1:
        raise ValueError(f"reads {len(inputs)} tensors, expected 1")
    return inputs[0]


def picture(inputs: Sequence[Shape]) -> tuple[int, int, int]:
    """Return the shape [height, width, channels] of an operator's only input."""
    shape = one_shape(inputs)
    if len(shape) != 3:
        raise ValueError(f"reads shape {list(shape)}, expected [height, width, channels]")
    return shape[0], shape[1], shape[2]


def is_int8(*values: int) -> bool:
    """Return whether all values are those of an int8."""
    return all(-128 <= value <= 127 for value in values)
