"""Translate Dot of a vector with one or more vectors: products and their sum."""

from __future__ import annotations

from collections.abc import Mapping
from math import prod

from microlut.importers.keras import options
from microlut.importers.keras.layer_use import PREVIOUS, Handler, LayerUse, Step, limited
from microlut.ops.arrays import Shape
from microlut.ops.base import FloatOp
from microlut.ops.mul import Mul
from microlut.ops.reduce import ReduceSum
from microlut.ops.reshape import Reshape
from microlut.ops.transpose import Transpose
from microlut.ops.unit_normalization import UnitNormalization


@limited("one input is a vector: no product of two matrices")
def _dot(use: LayerUse) -> tuple[Step, ...]:
    layer = use.layer
    if len(use.shapes) != 2:
        raise layer.invalid(f"reads {len(use.shapes)} tensors, expected 2")
    axes = _axes(use)
    lengths = [shape[axis] for shape, axis in zip(use.shapes, axes, strict=True)]
    others = [_without(shape, axis) for shape, axis in zip(use.shapes, axes, strict=True)]
    if lengths[0] != lengths[1]:
        raise layer.invalid(f"multiplies vectors of {lengths[0]} and {lengths[1]} values")
    if prod(others[0]) > 1 and prod(others[1]) > 1:
        found = " and ".join(str(list(shape)) for shape in use.shapes)
        raise layer.unsupported(
            f"multiplies matrices, of shapes {found}",
            "supported are products of one vector with one or more: one of its inputs must have no "
            "other dimension than that of axes",
        )
    count = max(map(prod, others))
    left, right = (_vectors(use, number, axis) for number, axis in enumerate(axes))
    first = PREVIOUS - len(right) if left else 0
    made = (*others[0], *others[1]) or (1,)
    return (
        *left,
        *right,
        Step(Mul(), (count, lengths[0]), (first, PREVIOUS if right else 1), "_products"),
        Step(ReduceSum((1,)), (count,), (PREVIOUS,), "_sums"),
        Step(Reshape(made), made, (PREVIOUS,)),
    )


def _axes(use: LayerUse) -> tuple[int, int]:
    """Return the dimension of each input that is summed over, without the batch."""
    value = use.layer.config.get("axes")
    both = value if isinstance(value, list) else [value, value]
    found = []
    for axis, shape in zip(both, use.shapes, strict=False):
        rank = len(shape)
        if type(axis) is not int or not -rank <= axis <= rank or axis == 0:
            raise use.layer.unsupported(
                f"axes={str(value)[:40]}",
                f"supported are dimensions of both inputs without the batch, such as {rank}",
            )
        found.append(axis - 1 if axis > 0 else axis + rank)
    if len(both) != 2:
        raise use.layer.invalid(f"option axes is {str(value)[:40]}, expected one or two numbers")
    return found[0], found[1]


def _vectors(use: LayerUse, number: int, axis: int) -> tuple[Step, ...]:
    """Return the steps that make an input [vectors, values], which are none if it is."""
    shape = use.shapes[number]
    order = (*(i for i in range(len(shape)) if i != axis), axis)
    ops: list[FloatOp] = []
    if order != tuple(range(len(shape))):
        ops.append(Transpose(order))
    if len(shape) != 2:
        ops.append(Reshape((prod(_without(shape, axis)), shape[axis])))
    if options.flag(use.layer, "normalize", False):
        ops.append(UnitNormalization())
    steps: list[Step] = []
    for op in ops:
        (shape,) = op.shapes((shape,))
        inputs = (PREVIOUS,) if steps else (number,)
        steps.append(Step(op, shape, inputs, f"_{('left', 'right')[number]}{len(steps)}"))
    return tuple(steps)


def _without(shape: Shape, axis: int) -> Shape:
    return (*shape[:axis], *shape[axis + 1 :])


DOT: Mapping[str, Handler] = {"Dot": _dot}
