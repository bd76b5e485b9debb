"""How frames flow through a network: which ones a run makes of a tensor, and which a layer reads.

Frames are counted as in the window that the network was trained on, from its first one on. Those
before it are zeros: states begin with them.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from microlut.ops.arrays import Shape
from microlut.ops.base import IntegerOp


@dataclass(frozen=True, slots=True)
class Timed:
    """A tensor of which each run makes the next frames.

    Run c, from 0 on, makes `count` frames beginning with c * count - delay, where count is the
    frames per run divided by the rate. A negative delay is that of zero padding: the frames before
    the first one that is made are zeros.

    Attributes:
        axis: The dimension along which the frames lie.
        length: Frames in a whole window.
        rate: Frames of the input per frame of this tensor.
        delay: Frames that a run lags behind.
    """

    axis: int
    length: int
    rate: int = 1
    delay: int = 0


@dataclass(frozen=True, slots=True)
class Beat:
    """What all runs have in common: frames of the input per run, and runs per whole window."""

    frames: int
    runs: int

    def count(self, timed: Timed) -> int:
        """Return the frames of a tensor that a run makes."""
        return self.frames // timed.rate


@dataclass(frozen=True, slots=True)
class Slide:
    """The frames that a layer reads in each run: those that the window at `first` sees.

    Windows begin at frame c * count + first of run c, and every `stride` frames from there on.
    """

    first: int
    stride: int = 1
    span: int = 1

    def range(self, timed: Timed, beat: Beat) -> tuple[int, int]:
        """Return the first frame and the one after the last, less c * count."""
        return self.first, self.first + beat.count(timed) - self.stride + self.span


@dataclass(frozen=True, slots=True)
class Take:
    """Frames of a whole window, which are complete in its last run."""

    first: int
    count: int

    def range(self, timed: Timed, beat: Beat) -> tuple[int, int]:
        """Return the first frame and the one after the last, less c * count."""
        begin = self.first - (beat.runs - 1) * beat.count(timed)
        return begin, begin + self.count


@dataclass(frozen=True, slots=True)
class Steps:
    """The new frames, of which all up to the last run's last one make up a whole window."""

    def range(self, timed: Timed, beat: Beat) -> tuple[int, int]:
        """Return the first frame and the one after the last, less c * count."""
        return 0, beat.count(timed)


Read = Slide | Take | Steps


@dataclass(frozen=True, slots=True)
class Course:
    """How an operator runs in each run.

    Attributes:
        reads: What it reads of each input; None for what is complete in every run.
        output: What it makes; None for what is complete in every run.
        remade: Returns the operator for the shapes of what it reads.
    """

    reads: tuple[Read | None, ...]
    output: Timed | None
    remade: Callable[[Sequence[Shape]], IntegerOp]


def whole(op: IntegerOp, inputs: Sequence[Timed | None]) -> Course:
    """Return the course of an operator that combines all frames of a window."""
    reads = tuple(None if timed is None else Take(0, timed.length) for timed in inputs)
    return Course(reads, None, lambda _: op)


def each_frame(op: IntegerOp, inputs: Sequence[Timed], axis: int) -> Course:
    """Return the course of an operator that makes each frame of those at the same time.

    Args:
        op: The operator, which is the same for any number of frames.
        inputs: What it reads; the frames of all lie at the same time.
        axis: The dimension of the output along which its frames lie.

    Raises:
        ValueError: Frames of one input last longer than those of another.
    """
    if len({timed.length for timed in inputs}) > 1:
        return whole(op, inputs)
    rates = sorted({timed.rate for timed in inputs})
    if len(rates) > 1:
        raise ValueError(
            f"it joins tensors with a frame per {rates[0]} and per {rates[1]} frames of the input; "
            "give both branches the same strides"
        )
    delay = max(0, *(timed.delay for timed in inputs), 0)
    made = Timed(axis, inputs[0].length, rates[0], delay)
    return Course(tuple(Slide(-delay) for _ in inputs), made, lambda _: op)


def sliding(
    timed: Timed, span: int, stride: int, before: int, length: int, axis: int
) -> tuple[Slide, Timed]:
    """Return what windows over frames read in each run, and what is made of them.

    Args:
        timed: The input.
        span: Frames that a window spans.
        stride: Frames between two windows.
        before: Frames before the first one at which the first window begins.
        length: Windows in a whole window of the network.
        axis: The dimension along which the results lie.
    """
    delay = max(0, math.ceil((timed.delay + span - before) / stride) - 1)
    made = Timed(axis, length, timed.rate * stride, delay)
    return Slide(-delay * stride - before, stride, span), made


def kept_axis(shape: Shape, axis: int, new: Shape) -> int | None:
    """Return the dimension that one of a tensor is in another view of it, or None."""
    before = math.prod(shape[:axis])
    found = (
        i for i, size in enumerate(new) if size == shape[axis] and math.prod(new[:i]) == before
    )
    return next(found, None)


def resized(shape: Shape, axis: int, count: int) -> Shape:
    """Return a shape with another number of frames."""
    return (*shape[:axis], count, *shape[axis + 1 :])
