"""Types of all operator handlers: the use of an operator, and the steps that they return."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from microlut.importers.tflite.file import FileOperator, FileTensor
from microlut.ops.activation import ActivationKind
from microlut.ops.arrays import FloatArray, Shape, frozen_array
from microlut.ops.base import FloatOp, IntegerOp
from microlut.ops.tensor import Activation, Quantization, Tensor

PREVIOUS = -1

Exact = Callable[[Sequence[Tensor], Sequence[Tensor]], IntegerOp]


def without_batch(shape: Shape) -> Shape:
    """Return the shape of a tensor in the graph: without a first dimension of 1.

    A tensor without it has all its dimensions; one of a single value has one.
    """
    if len(shape) > 1 and shape[0] == 1:
        return shape[1:]
    return shape or (1,)


@dataclass(frozen=True, slots=True)
class Memory:
    """What an operator keeps from run to run: a step reads it last, and makes the next one last.

    Attributes:
        shape: Its shape in the graph.
        index: The operator's input that it is in the file, whose quantization it has.
        kind: Its type and quantization, if these are others.
    """

    shape: Shape
    index: int
    kind: tuple[Activation, Quantization] | None = None


@dataclass(frozen=True, slots=True)
class Step:
    """One operator of the graph.

    Attributes:
        op: The operator.
        inputs: Which of the operator's inputs it reads; PREVIOUS is the step before it, and
            PREVIOUS - n the one n steps before that.
        output: Which output of the operator it makes; None: one that only further steps read.
        like: The operator's input with whose quantization it is made if there is no output; None:
            that of the first output.
        exact: Makes its integer form of the tensors of an integer file, unless that of the operator
            is right.
        suffix: Suffix to the operator's name if there is no output.
        full: Shape of the output with its batch; None: the one that the file says.
        kind: Type and quantization of the output if there is none and `like` does not say them.
        memory: What it keeps from run to run, if anything.
    """

    op: FloatOp
    inputs: tuple[int, ...] = (0,)
    output: int | None = 0
    like: int | None = None
    exact: Exact | None = None
    suffix: str = ""
    full: Shape | None = None
    kind: tuple[Activation, Quantization] | None = None
    memory: Memory | None = None


@dataclass(frozen=True, eq=False, slots=True)
class Value:
    """A tensor that an operator reads.

    Attributes:
        source: The tensor of the file.
        shape: With the batch dimension.
        name: Its name in the graph; "" for a constant.
        constant: The integers or real numbers of a constant.
    """

    source: FileTensor
    shape: Shape
    name: str = ""
    constant: NDArray[Any] | None = None

    @property
    def is_integer(self) -> bool:
        """Whether it holds integers that stand for real numbers."""
        return self.source.scales.size > 0 and self.source.dtype in ("int8", "uint8", "int16")

    def real(self) -> FloatArray:
        """Return the real values of a constant."""
        assert self.constant is not None
        return dequantized(self.source, self.constant)


def dequantized(source: FileTensor, values: NDArray[Any]) -> FloatArray:
    """Return the real values of a constant, which may be integers with scales."""
    if not source.scales.size or source.dtype in ("float32", "float16"):
        return frozen_array(values)
    shape = [1] * values.ndim
    if source.scales.size > 1:
        shape[source.axis] = -1
    points = source.zero_points.reshape(shape if shape else ())
    centered = (values.astype(np.int64) - points).astype(np.float32)
    return frozen_array(centered * source.scales.reshape(shape if shape else ()))


@dataclass(frozen=True, eq=False, slots=True)
class Use:
    """The input of a handler.

    Attributes:
        operator: The operator.
        inputs: What it reads, in order; None for an optional input that is left out.
        outputs: The tensors that it makes.
        is_integer: Whether it computes between integers.
    """

    operator: FileOperator
    inputs: tuple[Value | None, ...]
    outputs: tuple[FileTensor, ...]
    is_integer: bool = False

    def option(self, name: str, default: Any = 0) -> Any:  # noqa: ANN401
        """Return an option by its name in the schema."""
        return self.operator.options.get(name, default)

    def given(self, index: int) -> Value:
        """Return an input; raise InvalidInput if it is not there."""
        found = self.inputs[index] if index < len(self.inputs) else None
        if found is None:
            raise self.operator.invalid(f"has no input {index}")
        return found

    def tensor(self, index: int = 0) -> Value:
        """Return an input that must be neither a constant nor empty."""
        found = self.given(index)
        if found.constant is not None:
            raise self.operator.unsupported(
                f"input {index} is a constant", "supported is a tensor of the network there"
            )
        if 0 in found.shape:
            raise self.operator.invalid(f"reads shape {list(found.shape)}, which has no values")
        return found

    def shape(self, index: int = 0) -> Shape:
        """Return the shape of such an input without the batch."""
        return without_batch(self.tensor(index).shape)

    def constant(self, index: int) -> NDArray[Any]:
        """Return the values of an input that must be a constant, as they are in the file."""
        found = self.given(index).constant
        if found is None:
            raise self.operator.unsupported(
                f"input {index} is computed by the network", "supported is a constant there"
            )
        return found

    def real(self, index: int) -> FloatArray:
        """Return the real values of an input that must be a constant."""
        self.constant(index)
        return self.given(index).real()

    def integers(self, index: int) -> tuple[int, ...]:
        """Return a constant list of integers."""
        values = self.constant(index)
        if values.dtype.kind not in "iu" or values.size > 1 << 20:
            raise self.operator.invalid(f"input {index} is no list of integers")
        return tuple(values.reshape(-1).tolist())

    def offset(self, index: int = 0) -> int:
        """Return by how many an input's dimensions in the file are before those in the graph."""
        shape = self.tensor(index).shape
        return len(shape) - len(without_batch(shape)) if shape else 0

    def axis(self, axis: int, index: int = 0) -> int:
        """Return a dimension of an input in the graph; raise UnsupportedModel for the batch."""
        rank, offset = len(self.tensor(index).shape), self.offset(index)
        if not -rank <= axis < rank:
            raise self.operator.invalid(f"axis {axis} of {rank} dimensions")
        if axis % rank < offset:
            raise self.operator.unsupported(
                f"axis {axis} is the batch", "supported are other dimensions: the batch is 1"
            )
        return axis % rank - offset

    def activation(self) -> ActivationKind:
        """Return the fused activation."""
        known = {0: ActivationKind.LINEAR, 1: ActivationKind.RELU, 3: ActivationKind.RELU6}
        kind = self.option("FusedActivationFunction")
        if kind not in known:
            names = {2: "RELU_N1_TO_1", 4: "TANH", 5: "SIGN_BIT"}
            raise self.operator.unsupported(
                f"fuses {names.get(kind, kind)}", "supported are NONE, RELU and RELU6"
            )
        return known[kind]

    def picture(self, index: int = 0) -> tuple[int, int, int]:
        """Return the shape of an input that must be [1, height, width, channels]."""
        shape = self.tensor(index).shape
        if len(shape) != 4:
            raise self.operator.invalid(f"reads shape {list(shape)}, expected a picture")
        if shape[0] != 1:
            raise self.operator.unsupported(
                f"reads {shape[0]} pictures", "supported is a batch of 1: convert the model with it"
            )
        return shape[1], shape[2], shape[3]


Handler = Callable[[Use], tuple[Step, ...]]
_LIMITS: dict[Handler, str] = {}


def limited(text: str) -> Callable[[Handler], Handler]:
    """Return a decorator that declares what a handler supports of an operator, or refuses.

    docs/reference/tflite-operators.md shows it.
    """

    def decorate(handler: Handler) -> Handler:
        _LIMITS[handler] = text
        return handler

    return decorate


def limits_of(handler: Handler) -> str:
    """Return what is declared of a handler; "" if it supports all that TensorFlow Lite does."""
    return _LIMITS.get(handler, "")
