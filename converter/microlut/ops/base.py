"""The interface of operators, on real and on integer tensors.

Every operator is a module of this package with at least one class per form, float and integer. Its
cost and its call on the device are described in `microlut.plan.kernels`.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar, Literal

from microlut.errors import UnsupportedModel
from microlut.ops.arrays import FloatArray, IntArray, Shape
from microlut.ops.builtin import Builtin
from microlut.ops.tensor import DType, FixedRange, Tensor
from microlut.support.shown import Shown

# How the scale of an operator's output is chosen: by the range of its values ("own"), as that of
# its input, whose values it passes on ("same") or multiplies by a number ("times"), as one scale
# for the output and all inputs ("unify"), by the range of its values, while that of its input
# follows from it ("units"), or as the specification fixes it.
ScaleRule = Literal["own", "same", "times", "unify", "units"] | FixedRange


@dataclass(frozen=True, slots=True)
class Keras:
    """The names in Keras of an operator to which a single layer is translated.

    Attributes:
        layers: Classes of layers.
        functions: Operations of keras.ops, and functions of TensorFlow in Keras 2 models.
        activation: Name of the function as an `activation=` option.
        synonyms: Its other names there.
        options: The options of all of these, in the order of a call's arguments, and their
            defaults.
        renamed: Options that some of these call by another name.
        defaults: Defaults that differ, by the name of the layer or function.
        limits: What is supported of the options, if not all; for docs/reference/layers.md.
    """

    layers: tuple[str, ...] = ()
    functions: tuple[str, ...] = ()
    activation: str | None = None
    synonyms: tuple[str, ...] = ()
    options: Mapping[str, Any] = field(default_factory=dict)
    renamed: Mapping[str, str] = field(default_factory=dict)
    defaults: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    limits: str = ""


class FloatOp(Shown, ABC):
    """An operator on real tensors; arrays have a leading batch dimension, shapes have none."""

    __slots__ = ()
    becomes: ClassVar[str]  # the kind of the integer form
    wide: ClassVar[str | None] = None  # that between int16 tensors if it is another; "": none
    scale_rule: ClassVar[ScaleRule] = "own"
    operands: ClassVar[int | None] = 1  # how many tensors it reads; None: any number
    keras: ClassVar[Keras] = Keras()

    @abstractmethod
    def shapes(self, inputs: Sequence[Shape]) -> tuple[Shape, ...]:
        """Return the shapes of the outputs, without the batch.

        Raises:
            ValueError: Inputs cannot have these shapes. The message completes "layer NAME ...".
        """

    @abstractmethod
    def evaluate(self, inputs: Sequence[FloatArray]) -> tuple[FloatArray, ...]:
        """Return the outputs [batch, ...] for inputs [batch, ...]."""

    @abstractmethod
    def train(self, tf: Any, inputs: Sequence[Any]) -> tuple[Any, ...]:  # noqa: ANN401
        """Return the outputs as TensorFlow tensors with gradients; `tf` is TensorFlow."""

    @abstractmethod
    def quantize(self, inputs: Sequence[Tensor], outputs: Sequence[Tensor]) -> IntegerOp:
        """Return the integer form between quantized tensors.

        Raises:
            UnsupportedModel: It has none. The message says why, without the layer's name.
        """

    def smallest_scale(self, inputs: Sequence[float]) -> float:
        """Return the output scale below which the engine's 32-bit numbers overflow.

        Ranges become that small where sums cancel out on all samples.

        Args:
            inputs: Scales of the inputs; of int16, those with which int8 covers the same.
        """
        del inputs
        return 0.0

    @classmethod
    def from_keras(cls, options: Mapping[str, Any], inputs: Sequence[Shape]) -> FloatOp:
        """Return the operator for a layer with these options.

        Args:
            options: By the names in `keras.options`.
            inputs: Shapes of the tensors that the layer reads.

        Raises:
            ValueError: There is none. The message completes "layer NAME ...".
        """
        del options, inputs
        return cls()

    @classmethod
    def example(cls, inputs: Sequence[Shape]) -> FloatOp:
        """Return an operator for inputs of these shapes, whose cost is measured."""
        return cls.from_keras(cls.keras.options, inputs)


class FloatOnly(FloatOp):
    """An operator that the passes remove, so it needs no integer form."""

    __slots__ = ()
    becomes: ClassVar[str] = ""

    def quantize(self, inputs: Sequence[Tensor], outputs: Sequence[Tensor]) -> IntegerOp:
        """Raise UnsupportedModel."""
        raise UnsupportedModel(f"{type(self).__name__} has no integer form; run the passes first")


class IntegerOp(Shown, ABC):
    """An operator on quantized tensors; all numbers that the engine needs are integers."""

    __slots__ = ()
    kind: str  # names the operator in files, templates and the engine
    dtypes: ClassVar[tuple[DType, ...]] = ("int8",)
    mixes_types: ClassVar[bool] = False  # whether its tensors may have different ones of these

    @property
    def own_variables(self) -> bool:
        """Whether its form in TensorFlow Lite holds the states that it reads and makes itself."""
        return False

    @abstractmethod
    def shapes(self, inputs: Sequence[Shape]) -> tuple[Shape, ...]:
        """Return the shapes of the outputs; raise ValueError if inputs cannot have these shapes."""

    @abstractmethod
    def evaluate(
        self, arrays: Sequence[IntArray], inputs: Sequence[Tensor], outputs: Sequence[Tensor]
    ) -> tuple[IntArray, ...]:
        """Return the outputs [batch, ...] for input arrays [batch, ...], as the engine does."""

    @abstractmethod
    def tflite(self, inputs: Sequence[Tensor], outputs: Sequence[Tensor]) -> tuple[Builtin, ...]:
        """Return the operators of TensorFlow Lite that compute the same bytes."""

    def in_tflite(self, inputs: Sequence[Tensor], outputs: Sequence[Tensor]) -> bool:
        """Return whether TensorFlow Lite has operators that compute the same bytes."""
        del inputs, outputs
        return True

    @abstractmethod
    def check(self, inputs: Sequence[Tensor], outputs: Sequence[Tensor]) -> None:
        """Raise ValueError, naming the part, unless the engine accepts all numbers.

        Shapes and element types have been checked before.
        """


class OwnOp(IntegerOp):
    """An operator that TensorFlow Lite lacks: docs/reference/format.md defines its integers."""

    __slots__ = ()

    def in_tflite(self, inputs: Sequence[Tensor], outputs: Sequence[Tensor]) -> bool:
        """Return that it has none."""
        del inputs, outputs
        return False

    def tflite(self, inputs: Sequence[Tensor], outputs: Sequence[Tensor]) -> tuple[Builtin, ...]:
        """Raise UnsupportedModel."""
        raise no_builtin(self.kind, outputs)


def no_builtin(kind: str, outputs: Sequence[Tensor]) -> UnsupportedModel:
    """Return the error for an operator that TensorFlow Lite lacks."""
    return UnsupportedModel(
        f"{outputs[0].name}: TensorFlow Lite has no operator for {kind}; export the sources in C "
        "instead of a .tflite file"
    )


def demand(sound: bool, what: str) -> None:
    """Raise ValueError with the part's name unless that part of an operator is valid."""
    if not sound:
        raise ValueError(what)


def one_shape(inputs: Sequence[Shape]) -> Shape:
    """Return the shape of an operator's only input; raise ValueError if there are several."""
    if len(inputs) != 1:
        raise ValueError(f"reads {len(inputs)} tensors, expected 1")
    return inputs[0]


class SameShape:
    """What operators share whose only output has the shape of their only input."""

    __slots__ = ()

    def shapes(self, inputs: Sequence[Shape]) -> tuple[Shape, ...]:
        """Return the output's shape; raise ValueError if there are several inputs."""
        return (one_shape(inputs),)


def picture(inputs: Sequence[Shape]) -> tuple[int, int, int]:
    """Return [height, width, channels] of an operator's only input, or raise ValueError."""
    shape = one_shape(inputs)
    if len(shape) != 3:
        raise ValueError(f"reads shape {list(shape)}, expected [height, width, channels]")
    return shape[0], shape[1], shape[2]
