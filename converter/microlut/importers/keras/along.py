"""Apply operators over the last dimension along other ones: dimensions are moved, and back."""

from __future__ import annotations

from collections.abc import Sequence

from microlut.importers.keras.config import Json
from microlut.importers.keras.layer_use import PREVIOUS, Step
from microlut.importers.movements import along
from microlut.ops.arrays import Shape
from microlut.ops.base import FloatOp


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
    steps: list[Step] = []
    for each in along(op, axes, shape):
        (shape,) = each.shapes((shape,))
        name = f"{suffix}_part{len(steps) + 1}"
        steps.append(Step(each, shape, (PREVIOUS,) if steps else inputs, name))
    last = steps.pop()
    return (*steps, Step(last.op, last.shape, last.inputs, suffix))


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
