"""The use of an operator as its handler reads it, and the float graph that handlers build."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from math import prod
from typing import Any

import numpy as np
from numpy.typing import NDArray

from microlut.graph.ir import Node, single
from microlut.importers.movements import reordered
from microlut.importers.onnx.node import Operator
from microlut.importers.onnx.values import Live, Stored, Value, inner
from microlut.importers.translation import LARGEST_TENSOR
from microlut.ops.arrays import FloatArray, Shape, frozen_array
from microlut.ops.base import FloatOp
from microlut.ops.concatenate import Concatenate
from microlut.ops.gather import Gather
from microlut.ops.identity import Identity
from microlut.ops.move import Moving
from microlut.ops.pad import Pad
from microlut.ops.pool2d import AveragePool2D, MaxPool2D
from microlut.ops.relu import Relu
from microlut.ops.reshape import Reshape
from microlut.ops.saturating import HardSigmoid
from microlut.ops.sigmoid import Sigmoid
from microlut.ops.softmax import Softmax
from microlut.support.texts import plain
from microlut.support.unused_names import Taken

_KEEPS_SIGNS = (AveragePool2D, Concatenate, Gather, Identity, MaxPool2D, Moving, Pad, Reshape)
_NOT_NEGATIVE = (HardSigmoid, Relu, Sigmoid, Softmax)
_MATRIX = 2  # dimensions
_NARROW = 8  # bits
_CHANGE = "change the network and export it again"
_COMPUTED = "supported are constants here: fold them before the export, or change the network"


@dataclass(slots=True)
class Building:
    """The float graph so far.

    Attributes:
        several: The size of the batch, if the model was made for a fixed one other than 1.
        is_wide: Whether the model quantizes tensors to 16 bits.
        nodes: The nodes by name.
        shapes: Shapes of all tensors.
        taken: Their names.
    """

    several: int | None = None
    is_wide: bool = False
    nodes: dict[str, Node] = field(default_factory=dict)
    shapes: dict[str, Shape] = field(default_factory=dict)
    taken: Taken = field(default_factory=Taken)

    def is_rectified(self, tensor: str) -> bool:
        """Return whether a tensor is an input, or has no negative values for all that is known."""
        seen, left = {tensor}, [tensor]
        while left:
            node = self.nodes.get(left.pop())
            if node is None:
                continue  # an input, which is quantized to the range anyway
            if isinstance(node.op, Identity) and node.op.limits is not None:
                if node.op.limits[0] < 0.0:
                    return False
            elif isinstance(node.op, _KEEPS_SIGNS):
                left += [name for name in node.inputs if name not in seen]
                seen.update(node.inputs)
            elif not isinstance(node.op, _NOT_NEGATIVE):
                return False
        return True

    def take(self, wanted: str) -> str:
        """Return a name that no tensor has: the wanted one, or that with a number."""
        return self.taken.take(plain(wanted).strip("/") or "tensor")


@dataclass(frozen=True, slots=True)
class Use:
    """The input of a handler.

    Attributes:
        operator: The operator.
        values: What it reads; None for inputs that are left out.
        wanted: For each output, whether anything reads it.
        building: The float graph.
    """

    operator: Operator
    values: tuple[Value | None, ...]
    wanted: tuple[bool, ...]
    building: Building

    # What it reads.

    def live(self, index: int = 0) -> Live:
        """Return an input that depends on the network's inputs."""
        value = self.values[index] if index < len(self.values) else None
        if isinstance(value, Live):
            return value.real
        if value is None:
            raise self.operator.invalid(f"input {index} is missing")
        raise self.operator.unsupported(f"input {index} is a constant", _CHANGE)

    def lives(self) -> list[Live]:
        """Return all inputs, none of which may be a constant."""
        return [self.live(i) for i in range(len(self.values))]

    def constant(self, index: int, what: str) -> NDArray[Any]:
        """Return an input that must be a constant; `what` names it in errors."""
        found = self.maybe(index, what)
        if found is None:
            raise self.operator.invalid(f"{what} is missing")
        return found

    def maybe(self, index: int, what: str) -> NDArray[Any] | None:
        """Return an input that must be a constant if it is there."""
        value = self.values[index] if index < len(self.values) else None
        if isinstance(value, Live):
            raise self.operator.unsupported(f"{what} depends on the network's inputs", _COMPUTED)
        return value

    def integers(self, index: int, what: str) -> list[int] | None:
        """Return an input of integers, if it is there."""
        found = self.maybe(index, what)
        return None if found is None else [int(n) for n in np.asarray(found).ravel()]

    def weights(self, index: int, what: str, shape: Shape | None = None) -> FloatArray:
        """Return an input of finite real numbers."""
        found = np.asarray(self.constant(index, what))
        return self.checked(found, what, shape)

    def checked(self, found: NDArray[Any], what: str, shape: Shape | None = None) -> FloatArray:
        """Return finite real numbers as float32; raise InvalidInput if they are none."""
        if shape is not None and found.shape != shape:
            raise self.operator.invalid(
                f"{what} has shape {list(found.shape)}, expected {list(shape)}"
            )
        with np.errstate(over="ignore", invalid="ignore"):
            made = frozen_array(found.astype(np.float64))
        if not np.isfinite(made).all():
            raise self.operator.invalid(
                f"{what} holds NaN or infinite values",
                "train the model again (a lower learning rate helps)",
            )
        return made

    def option(self, name: str, default: Any) -> Any:  # noqa: ANN401 - any type of attribute
        """Return an attribute."""
        return self.operator.attributes.get(name, default)

    def axes(self, index: int, rank: int, name: str = "axes") -> list[int] | None:
        """Return dimensions that are an attribute, or an input in later versions; None: all."""
        found = self.option(name, None)
        given = self.integers(index, name) if found is None else list(found)
        return None if given is None else sorted({self.axis(axis, rank) for axis in given})

    def axis(self, axis: int, rank: int) -> int:
        """Return a dimension counted from the first one."""
        if not -rank <= axis < rank:
            raise self.operator.invalid(f"axis {axis} is none of {rank} dimensions")
        return axis % rank

    # What it makes.

    def add(self, op: FloatOp, *read: str, suffix: str = "") -> str:
        """Add an operator to the float graph, and return the name of its output."""
        try:
            (shape,) = op.shapes([self.building.shapes[name] for name in read])
        except ValueError as error:
            raise self.operator.unsupported(str(error), _CHANGE) from error
        if prod(shape) > LARGEST_TENSOR:
            raise self.operator.unsupported(
                f"its output has shape {list(shape)}",
                f"tensors may have {LARGEST_TENSOR} elements: use a smaller model",
            )
        name = self.building.take(self.operator.name + suffix)
        self.building.nodes[name] = single(name, op, read, shape)
        self.building.shapes[name] = shape
        return name

    def chain(self, tensor: str, *ops: FloatOp, suffix: str = "") -> str:
        """Add operators one after the other, without reshapes that change nothing."""
        for op in ops:
            if not isinstance(op, Reshape) or op.shape != self.building.shapes[tensor]:
                tensor = self.add(op, tensor, suffix=suffix)
        return tensor

    def given(self, tensor: str, shape: Shape, batch: int | None = None) -> Live:
        """Return a tensor of the float graph as one of ONNX."""
        wanted = inner(shape, batch)
        return Live(self.chain(tensor, Reshape(wanted), suffix="_view"), shape, batch)

    def like(self, tensor: str, live: Live) -> Live:
        """Return a tensor with the shape and batch of another one."""
        return self.given(tensor, live.shape, live.batch)

    def applied(self, live: Live, *ops: FloatOp) -> Live:
        """Return what operators that keep the shape make of a tensor."""
        return self.like(self.chain(live.tensor, *ops), live)

    def whole(self, live: Live) -> Live:
        """Return a tensor whose batch is a dimension of 1 like others."""
        if live.batch is not None:
            self.check_one()
        return replace(self.given(live.tensor, live.shape), stored=live.stored)

    def check_one(self) -> None:
        """Refuse to treat the batch as any dimension if the model was made for several inputs."""
        if self.building.several is not None:
            raise self.operator.unsupported(
                "mixes the inputs of a batch, or needs its size",
                "firmware computes one input at a time: export the model with a batch of 1",
            )

    def batched(self, live: Live, axis: int = 0) -> Live:
        """Return a tensor of which one dimension, of size 1, is the batch."""
        if live.batch == axis:
            return live
        if live.batch is not None:
            self.check_one()
        if axis >= len(live.shape) or live.shape[axis] != 1:
            raise self.operator.unsupported(
                f"reads shape {list(live.shape)}, of which dimension {axis} is the batch",
                "firmware computes one input at a time: export the model with a batch of 1",
            )
        return self.given(live.tensor, live.shape, axis)

    def transposed(self, tensor: str, order: Sequence[int]) -> str:
        """Return a tensor of the float graph with its dimensions in another order."""
        if list(order) == sorted(order):
            return tensor
        return self.add(reordered(self.building.shapes[tensor], order), tensor, suffix="_moved")

    def reordered(self, live: Live, order: Sequence[int]) -> Live:
        """Return a tensor with its dimensions, and the batch among them, in another order."""
        batch = None if live.batch is None else order.index(live.batch)
        inner = [live.axis(i) for i in order if i != live.batch]
        shape = tuple(live.shape[i] for i in order)
        return self.given(
            self.transposed(live.tensor, inner) if inner else live.tensor, shape, batch
        )

    def turned(self, live: Live) -> Live:
        """Return a matrix, or several, with rows as columns."""
        rank = len(live.shape)
        if rank < _MATRIX:
            raise self.operator.invalid(f"reads shape {list(live.shape)}, expected a matrix")
        return self.reordered(live, [*range(rank - 2), rank - 1, rank - 2])

    # Pictures, whose channels ONNX has first.

    def picture(self, live: Live) -> tuple[str, Live]:
        """Return a tensor as [height, width, channels], and the same as ONNX has it.

        Sequences [channels, steps] become pictures of height 1.
        """
        live = self.batched(live)
        rank = len(live.shape)
        if rank not in (3, 4):
            raise self.operator.unsupported(
                f"reads shape {list(live.shape)}",
                "supported are [batch, channels, steps] and [batch, channels, height, width]",
            )
        moved = self.transposed(live.tensor, [*range(1, rank - 1), 0])
        picture = (1, *self.building.shapes[moved])[-3:]
        return self.chain(moved, Reshape(picture), suffix="_picture"), live

    def unpictured(self, picture: str, rank: int) -> Live:
        """Return a picture [height, width, channels] as ONNX has it, with channels first."""
        shape = self.building.shapes[picture][4 - rank :]
        moved = self.chain(picture, Reshape(shape), suffix="_sequence")
        tensor = self.transposed(moved, [rank - 2, *range(rank - 2)])
        return self.given(tensor, (1, *self.building.shapes[tensor]), 0)

    def ranged(self, live: Live, stored: Stored) -> Live:
        """Return a tensor that a file stores as integers.

        Quantizers leave out a ReLU where the integers begin at zero.
        """
        kind = stored.rectifier
        self.building.is_wide |= np.iinfo(stored.dtype).bits > _NARROW
        if kind is not None and not self.building.is_rectified(live.tensor):
            live = self.applied(live, Relu(kind))
        tensor = self.add(Identity(stored.limits), live.tensor, suffix="_range")
        return replace(live, tensor=tensor, stored=stored)


Handler = Callable[[Use], Iterable[Value | None]]
