"""Addition of two tensors, which can also be part of a convolution, see `conv2d`."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import ClassVar

from microlut.ops.add import Add, QAdd
from microlut.plan.kernels.base import Call, Division, ElementwiseKernel, Shapes, Size, Tile
from microlut.plan.kernels.binary import BinaryKernel
from microlut.plan.rounding import FULL_RANGE, shifts_quickly

_EXACT_HALF = (1 << 30, 0)


@dataclass(frozen=True, slots=True)
class Sum:
    """An addition as the struct of the engine has it, with a left and a right term.

    Attributes:
        op: The operator.
        count: Number of values per term.
        order: Indices of the left and of the right input.
        left: Name of the tensor that is the left term.
        zero_points: Those of left, right and output.
        quick: Whether the quick form may be used.
    """

    op: QAdd
    count: int
    order: tuple[int, int]
    left: str
    zero_points: tuple[int, int, int]
    quick: bool


class AddKernel(ElementwiseKernel[QAdd, Add]):
    """The kernel mlut_add, of tensors of equal shape; others become a `QBinary`."""

    divided_by: ClassVar[Division] = "values"

    def sizes(self, op: QAdd | Add, inputs: Shapes, outputs: Shapes) -> Iterable[Size]:
        """Return those of `binary` for an operator that may become one."""
        return BinaryKernel().sizes(op, inputs, outputs) if isinstance(op, Add) else ()

    def work(self, call: Call[QAdd], tile: Tile, core: str) -> Counter[str]:
        """Count values."""
        kind = "quick" if adds_quickly(call.op) else "any"
        return Counter({"add": 1.0, f"add {kind}": call.output.size})

    def fields(self, call: Call[QAdd]) -> Mapping[str, object]:
        """Return the addition."""
        return {"sum": sum_of(call)}


def sum_of(call: Call[QAdd]) -> Sum:
    """Return an addition as the struct of the engine has it."""
    left = left_term(call.op)
    order = (left, 1 - left)
    points = [call.inputs[i].zero_point for i in order]
    return Sum(
        op=call.op,
        count=call.output.size,
        order=order,
        left=call.inputs[left].name,
        zero_points=(points[0], points[1], call.output.zero_point),
        quick=adds_quickly(call.op),
    )


def left_term(op: QAdd) -> int:
    """Return the index of the left input: the one whose factor is 1/2, if there is one."""
    return int(op.input_multipliers[0] != _EXACT_HALF)


def adds_quickly(op: QAdd) -> bool:
    """Return whether the quick form of the addition may be used."""
    left = left_term(op)
    shifts = (op.input_multipliers[1 - left][1], op.output_multiplier[1])
    return (
        op.input_multipliers[left] == _EXACT_HALF
        and shifts_quickly(shifts)
        and (op.minimum, op.maximum) == FULL_RANGE
    )
