"""Networks of filters over time, with all of their integers."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from microlut.graph.network import State
from microlut.integer import QNode, QuantizedGraph
from microlut.integer.check import check_graph
from microlut.ops.arrays import frozen_array
from microlut.ops.svdf import QSvdf
from microlut.ops.tensor import DType, Quantization, Tensor
from microlut.ops.weights import QuantizedWeights


@dataclass(frozen=True, eq=False)
class Case:
    """Two operators in a row, of a type of filters.

    Attributes:
        name: A C identifier.
        dtype: Type of the filters.
        sizes: Inputs, and units of both.
        rank: Filters per unit.
        memory: Frames.
        points: Zero points of the input and of the filters.
        reach: Standard deviation of filters in steps.
    """

    name: str
    dtype: DType
    sizes: tuple[int, int, int]
    rank: int
    memory: int
    points: tuple[int, int] = (-3, 0)
    reach: float = 40.0

    @cached_property
    def graph(self) -> QuantizedGraph:
        """The network, with weights of 8 bits."""
        rng = np.random.default_rng(list(self.name.encode()))
        x = Tensor("x", self.sizes[:1], "int8", _quantization(rng, self.points[0]))
        first, second = x, Tensor("y0", self.sizes[1:2], "int8", _quantization(rng, 4))
        nodes, states = [], []
        for i in range(2):
            node, state = self._node(rng, i, first, second)
            nodes.append(node)
            states.append(state)
            first, second = second, Tensor("y1", self.sizes[2:], "int8", _quantization(rng, -7))
        made = QuantizedGraph(self.name, (x,), tuple(nodes), ("y0", "y1"), tuple(states))
        check_graph(made)
        return made

    def _node(self, rng: Any, i: int, x: Tensor, output: Tensor) -> tuple[QNode, State]:
        wide, filters = self.dtype == "int16", output.shape[0] * self.rank
        reach = self.reach * (200 if wide else 1)
        scales = rng.uniform(0.005, 0.02, 2).astype(np.float32)
        steps = 37 * 75 * np.sqrt(x.shape[0]) * float(scales[0]) * x.scale / reach
        kept = Quantization(float(np.float32(steps)), 0 if wide else self.points[1])
        state = Tensor(f"kept{i}", (filters, self.memory - 1), self.dtype, kept)
        time = rng.integers(-9000 if wide else -100, 9000 if wide else 100, (filters, self.memory))
        columns = x.shape[0] + (0 if wide else self.memory)
        rows = rng.integers(-127, 128, (filters, columns)).astype(np.int8)
        if not wide:
            rows[:, x.shape[0] :] = time
        bias = rng.integers(-3000, 3000, output.shape[0]) * (80 if wide else 1)
        sums = reach * np.sqrt(self.memory * self.rank) * (5200 if wide else 58)
        unit = 50 * output.scale / (sums * state.scale)
        op = QSvdf(
            QuantizedWeights(
                rows.shape, 8, rows.view(np.uint8), None, np.full(filters, scales[0], np.float32)
            ),
            frozen_array(bias, np.int32),
            self.memory,
            float(np.float32(unit)),
            frozen_array(time, np.int16) if wide else None,
        )
        outputs = output, Tensor(f"next{i}", state.shape, self.dtype, kept)
        return QNode(output.name, op, (x.name, state.name), outputs), State(state, f"next{i}")


def _quantization(rng: Any, zero_point: int) -> Quantization:
    return Quantization(float(np.float32(rng.uniform(0.01, 0.05))), zero_point)


CASES = (
    Case("usual", "int8", (10, 6, 5), 1, 8, (-128, 10)),
    Case("wide", "int16", (10, 6, 5), 1, 8, (-128, 0)),
    Case("ranks", "int8", (7, 4, 3), 3, 5, (5, -50)),
    Case("wide_ranks", "int16", (9, 3, 4), 2, 6),
    Case("two_frames", "int8", (3, 2, 2), 1, 2, (0, 0)),
    Case("wide_two_frames", "int16", (4, 1, 2), 1, 2),
    Case("wraps", "int8", (12, 5, 4), 1, 4, (9, 90), reach=90.0),
    Case("wraps_below", "int8", (12, 5, 4), 2, 3, (9, -77), reach=90.0),
    Case("wide_saturates", "int16", (33, 8, 8), 1, 40, reach=160.0),
)
