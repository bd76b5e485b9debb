"""Apply operators over the last dimension along other ones: dimensions are moved, and back."""

from __future__ import annotations

from collections.abc import Sequence
from math import prod

from microlut.importers.keras.config import Json
from microlut.importers.keras.layer_use import PREVIOUS, Step
from microlut.ops.arrays import Shape
from microlut.ops.base import FloatOp
from microlut.ops.reshape import Reshape
from microlut.ops.transpose import Transpose


def steps_along(
    op: FloatOp,
    axes: Sequence[int],
    shape: Shape,
    inputs: tuple[int, ...] = (0,),
    suffix: str = "",
) -> tuple[Step, ...]:
    """Return the steps that apply an operator along some dimensions, as if they were one.

    Args:
        op: An operator over the last dimension that keeps the shape.
        axes: The dimensions, ascending and counted without the batch.
        shape: Shape of what is read.
        inputs: What the first step reads.
        suffix: Suffix of the last step.
    """
    order = [i for i in range(len(shape)) if i not in axes] + list(axes)
    moved = tuple(shape[i] for i in order)
    flat = (*moved[: len(moved) - len(axes)], prod(moved[len(moved) - len(axes) :]))
    back = [order.index(i) for i in range(len(shape))]
    steps: list[Step] = []
    for each in (
        reordered(shape, order),
        Reshape(flat),
        op,
        Reshape(moved),
        reordered(moved, back),
    ):
        (made,) = each.shapes((shape,))
        if made != shape or not isinstance(each, Reshape):
            name = f"{suffix}_part{len(steps) + 1}"
            steps.append(Step(each, made, (PREVIOUS,) if steps else inputs, name))
        shape = made
    last = steps.pop()
    return (*steps, Step(last.op, last.shape, last.inputs, suffix))


def reordered(shape: Shape, order: Sequence[int]) -> FloatOp:
    """Return what puts dimensions into another order: a view if only those of size 1 move."""
    moving = [i for i in order if shape[i] != 1]
    if moving == sorted(moving):
        return Reshape(tuple(shape[i] for i in order))
    return Transpose(tuple(order))


def from_the_end(config: Json, rank: int) -> Json:
    """Return the options of a layer with each axis, that of its activation too, counted from -1.

    So they keep their meaning where the layer reads more dimensions before these. An axis that is
    none of them becomes 0, the batch, which is refused.

    Args:
        config: The options.
        rank: The number of dimensions from which they count, without the batch.
    """
    found = dict(config)
    if "axis" in found:
        axis = found["axis"]
        many = [_from_the_end(n, rank) for n in axis] if isinstance(axis, list) else None
        found["axis"] = _from_the_end(axis, rank) if many is None else many
    inner = found.get("activation")
    if isinstance(inner, dict) and isinstance(inner.get("config"), dict):
        found["activation"] = {**inner, "config": from_the_end(inner["config"], rank)}
    return found


def _from_the_end(axis: object, rank: int) -> object:
    if not isinstance(axis, int | float) or axis != int(axis):
        return axis
    ends = int(axis) if axis < 0 else int(axis) - rank - 1
    return ends if -rank <= ends < 0 else 0
