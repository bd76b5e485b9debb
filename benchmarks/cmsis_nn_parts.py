"""What networks of one operator are made of, of the numbers of a unit test of CMSIS-NN."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from cmsis_nn_data import Case
from numpy.typing import NDArray

from microlut.graph.batch import Batch
from microlut.integer import QuantizedGraph
from microlut.integer.graph import QNode
from microlut.ops.arrays import Shape
from microlut.ops.base import IntegerOp
from microlut.ops.tensor import DType, Quantization, Tensor
from microlut.ops.windows import Padding, Window

INPUTS = ("input", "input_data", "input_tensor")
OUTPUTS = ("output_ref", "output", "output_ref_data")

Ints = NDArray[np.int64]
Made = tuple[QuantizedGraph, Batch, Ints]


class Unlike(Exception):
    """A case that no operator of microlut is; the text says why."""


def chain(
    case: Case, ops: Sequence[IntegerOp], inputs: Sequence[Tensor], made: Sequence[Tensor], x: Ints
) -> Made:
    """Return a network in which each operator reads what the one before it makes."""
    nodes, read = [], tuple(tensor.name for tensor in inputs)
    for op, tensor in zip(ops, made, strict=True):
        nodes.append(node(op, read, tensor))
        read = (tensor.name,)
    return network(case, nodes, inputs, x)


def node(op: IntegerOp, read: Sequence[str], made: Tensor) -> QNode:
    """Return a node, which has the name of its output."""
    return QNode(made.name, op, tuple(read), (made,))  # type: ignore[arg-type]


def network(case: Case, nodes: Sequence[QNode], inputs: Sequence[Tensor], x: Ints) -> Made:
    """Return a network, its inputs, and the outputs that the last node has to make."""
    graph = QuantizedGraph(f"case_{case.name}", tuple(inputs), tuple(nodes), (nodes[-1].name,))
    sizes = [tensor.size for tensor in inputs]
    parts = np.split(x.reshape(-1, sum(sizes)), np.cumsum(sizes)[:-1], axis=1)
    given = {
        t.name: p.reshape(-1, *t.shape).astype(t.dtype) for t, p in zip(inputs, parts, strict=True)
    }
    return graph, Batch(given), case.array(*OUTPUTS)


def tensor_of(
    name: str, shape: Shape, dtype: str, zero_point: int = 0, scale: float = 1.0
) -> Tensor:
    """Return a tensor of int8 or int16."""
    kind: DType = "int16" if dtype == "int16" else "int8"
    if kind == "int8" and dtype != "int8":
        raise Unlike(f"has tensors of type {dtype}")
    limits = np.iinfo(kind)
    if not limits.min <= zero_point <= limits.max:
        raise Unlike(f"has a zero point of {zero_point}, beyond {kind}")
    return Tensor(name, shape, kind, Quantization(scale, zero_point))


def ends(case: Case, source: Shape, made: Shape) -> tuple[Tensor, Tensor]:
    """Return the input and the output of a case."""
    dtypes = [case.dtypes[case.key(*names)] for names in (INPUTS, OUTPUTS)]
    if dtypes[0] != dtypes[1]:
        raise Unlike(f"makes {dtypes[1]} of {dtypes[0]}, which its operator does not")
    return (
        tensor_of("x", source, dtypes[0], -case.number("INPUT_OFFSET", 0)),
        tensor_of("y", made, dtypes[1], case.number("OUTPUT_OFFSET", 0)),
    )


def pair(case: Case, name: str, default: int) -> tuple[int, int]:
    """Return the numbers of height and width."""
    down, across = ("Y", "X") if f"{name}_Y" in case.numbers else ("H", "W")
    return case.number(f"{name}_{down}", default), case.number(f"{name}_{across}", default)


def picture(case: Case, prefix: str, channels: int) -> Shape:
    """Return the shape of an input or output."""
    return (case.number(f"{prefix}_H"), case.number(f"{prefix}_W"), channels)


def window_of(case: Case, source: Shape, made: Shape, size: tuple[int, int]) -> Window:
    """Return the window by which a picture becomes another one."""
    strides, dilation = pair(case, "STRIDE", 1), pair(case, "DILATION", 1)
    first = pair(case, "PADDING" if "PADDING_H" in case.numbers else "PAD", 0)
    last = [
        max((m - 1) * s + (k - 1) * d + 1 - n - a, 0)
        for n, m, k, s, d, a in zip(source, made, size, strides, dilation, first, strict=False)
    ]
    return Window(size, strides, Padding(first[0], last[0], first[1], last[1]), dilation)
