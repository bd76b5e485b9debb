"""Movements: which value of a tensor each value of another one is, by steps along dimensions."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import prod
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from microlut.ops.arrays import Shape

_Number = TypeVar("_Number", bound=np.generic)


@dataclass(frozen=True, slots=True)
class Axis:
    """The places `begin + step * i` along a dimension, for i below `size`; step 0 repeats one."""

    begin: int
    step: int
    size: int

    @property
    def last(self) -> int:
        """The last of the places."""
        return self.begin + self.step * (self.size - 1)

    @property
    def indices(self) -> list[int]:
        """All places in a row."""
        return [self.begin + self.step * i for i in range(self.size)]

    def is_all(self, size: int) -> bool:
        """Return whether these are all places of a dimension in their order."""
        return self == whole(size)

    def fits(self, size: int) -> bool:
        """Return whether there are such places in a dimension."""
        return self.size > 0 and 0 <= self.begin < size and 0 <= self.last < size


def whole(size: int) -> Axis:
    """Return all places of a dimension."""
    return Axis(0, 1, size)


@dataclass(frozen=True, slots=True)
class Strides:
    """A movement as loops, the outermost first.

    Attributes:
        start: Index of the first value that is read.
        loops: (size, step in values) of each; merged as far as possible, without loops of one.
    """

    start: int
    loops: tuple[tuple[int, int], ...]


@dataclass(frozen=True, slots=True)
class Movement:
    """A tensor made of the values of another one; nothing has a batch dimension.

    Attributes:
        source: Shape as which the input is read.
        axes: The places that are taken along each dimension of it.
        order: The order of these dimensions in the output.
        shape: The output's shape, in which their values lie in a row.
    """

    source: Shape
    axes: tuple[Axis, ...]
    order: tuple[int, ...]
    shape: Shape

    def check(self, shape: Shape) -> None:
        """Raise ValueError unless this moves values of a tensor of a shape."""
        fits = prod(self.source) == prod(shape) and min((*self.source, *self.shape), default=1) > 0
        fits &= len(self.axes) == len(self.source)
        fits &= all(axis.fits(n) for axis, n in zip(self.axes, self.source, strict=False))
        fits &= sorted(self.order) == list(range(len(self.source)))
        if not fits or prod(axis.size for axis in self.axes) != prod(self.shape):
            raise ValueError(f"moves values of {list(shape)} that are not there")

    def evaluate(self, x: NDArray[_Number]) -> NDArray[_Number]:
        """Return the moved values [batch, ...]."""
        x = x.reshape(len(x), *self.source)
        for i, (axis, size) in enumerate(zip(self.axes, self.source, strict=True), 1):
            if not axis.is_all(size):
                x = np.take(x, axis.indices, axis=i)
        x = x.transpose(0, *(i + 1 for i in self.order))
        return x.reshape(len(x), *self.shape)

    def train(self, tf: Any, x: Any) -> Any:  # noqa: ANN401
        """Return the moved values as a TensorFlow tensor."""
        x = tf.reshape(x, (-1, *self.source))
        for i, (axis, size) in enumerate(zip(self.axes, self.source, strict=True), 1):
            if not axis.is_all(size):
                x = tf.gather(x, axis.indices, axis=i)
        x = tf.transpose(x, (0, *(i + 1 for i in self.order)))
        return tf.reshape(x, (-1, *self.shape))

    @property
    def strides(self) -> Strides:
        """The movement as loops."""
        steps = [prod(self.source[i + 1 :]) for i in range(len(self.source))]
        start = sum(axis.begin * step for axis, step in zip(self.axes, steps, strict=True))
        loops: list[tuple[int, int]] = []
        for i in self.order:
            size, step = self.axes[i].size, self.axes[i].step * steps[i]
            if size == 1:
                continue
            if loops and loops[-1][1] == size * step:
                loops[-1] = (loops[-1][0] * size, step)
            else:
                loops.append((size, step))
        return Strides(start, tuple(loops))

    def merged(self) -> Movement:
        """Return the same movement with as few dimensions of the source as possible."""
        parts: list[tuple[int, Axis]] = []  # the source's size and the axis, in order
        place: dict[int, int] = {}  # in parts, by the source's dimension
        for i, (size, axis) in enumerate(zip(self.source, self.axes, strict=True)):
            if size == axis.size == 1:
                continue
            known = max(place, default=-1)
            joins = (
                known >= 0
                and axis.is_all(size)
                and parts[-1][1].is_all(parts[-1][0])
                and self._follow(known, i)
            )
            if joins:
                total = parts[-1][0] * size
                parts[-1] = (total, whole(total))
            else:
                parts.append((size, axis))
            place[i] = len(parts) - 1
        order = dict.fromkeys(place[i] for i in self.order if i in place)
        return Movement(
            tuple(size for size, _ in parts),
            tuple(axis for _, axis in parts),
            tuple(order),
            self.shape,
        )

    def _follow(self, first: int, second: int) -> bool:
        """Return whether a dimension follows another one, but for dimensions of one value."""
        order = [i for i in self.order if not self.source[i] == self.axes[i].size == 1]
        return order.index(second) == order.index(first) + 1


def taken(shape: Shape, axes: Sequence[Axis]) -> Movement:
    """Return the movement that takes places along the dimensions of a tensor."""
    sizes = tuple(axis.size for axis in axes)
    return Movement(shape, tuple(axes), tuple(range(len(shape))), sizes)


def transposed(shape: Shape, order: Sequence[int]) -> Movement:
    """Return the movement that puts the dimensions of a tensor into another order."""
    after = tuple(shape[i] for i in order)
    return Movement(shape, tuple(map(whole, shape)), tuple(order), after)


def repeated(shape: Shape, counts: Sequence[int], *, values: bool) -> Movement:
    """Return the movement that repeats each value, or all of them, along each dimension."""
    source: list[int] = []
    axes: list[Axis] = []
    for size, count in zip(shape, counts, strict=True):
        pair = (whole(size), Axis(0, 0, count))
        source += (size, 1) if values else (1, size)
        axes += pair if values else pair[::-1]
    after = tuple(size * count for size, count in zip(shape, counts, strict=True))
    return Movement(tuple(source), tuple(axes), tuple(range(len(source))), after)


def check_counts(counts: Sequence[int], shape: Shape) -> None:
    """Raise ValueError unless there is one count per dimension."""
    if len(counts) != len(shape) or min(counts, default=1) < 1:
        raise ValueError(
            f"repeats {list(shape)} by {list(counts)}, expected one number per dimension, of at "
            "least 1"
        )


def depth_to_space(shape: Shape, block: int) -> Movement:
    """Return the movement of channels to squares of `block` x `block` pixels."""
    height, width, channels = shape
    rest = channels // (block * block)
    source = (height, width, block, block, rest)
    after = (height * block, width * block, rest)
    return Movement(source, tuple(map(whole, source)), (0, 2, 1, 3, 4), after)


def space_to_depth(shape: Shape, block: int) -> Movement:
    """Return the movement of squares of `block` x `block` pixels to channels."""
    height, width, channels = shape
    source = (height // block, block, width // block, block, channels)
    after = (height // block, width // block, channels * block * block)
    return Movement(source, tuple(map(whole, source)), (0, 2, 1, 3, 4), after)
