"""Fully connected layer of int16 values: one row of weights is decoded at a time."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from math import prod
from typing import ClassVar

from microlut.ops.dense import Dense, QDense
from microlut.ops.tensor import DType
from microlut.plan.buffers import aligned
from microlut.plan.kernels.base import Call, Division, PlainKernel, Shapes, Size, Tile
from microlut.plan.kernels.dense import DenseKernel


class Dense16Kernel(PlainKernel[QDense, Dense]):
    """The kernel mlut_dense_16."""

    divided_by: ClassVar[Division] = "units"
    dtypes: ClassVar[tuple[DType, ...]] = ("int16",)

    def tiles(self, call: Call[QDense]) -> Iterator[Tile]:
        """Yield the only tile; its scratch holds a decoded row."""
        inputs, decoded = call.op.weights.shape[1], call.op.weights.codebook is not None
        yield Tile(1, aligned(inputs) if decoded else 0)

    def work(self, call: Call[QDense], tile: Tile, core: str) -> Counter[str]:
        """Count rows, weights, products and outputs."""
        weights = call.op.weights
        (units, inputs), vectors = weights.indices.shape, prod(call.shape[:-1])
        return Counter(
            {
                "dense 16": 1.0,
                "dense row 16": units,
                "dense decode 16": units * inputs if weights.codebook is not None else 0,
                "dense output 16": vectors * units,
                "dense product 16": vectors * units * inputs,
            }
        )

    def sizes(self, op: QDense | Dense, inputs: Shapes, outputs: Shapes) -> Iterable[Size]:
        """Return the numbers of inputs and units."""
        return DenseKernel().sizes(op, inputs, outputs)
