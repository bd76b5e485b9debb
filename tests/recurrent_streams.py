"""Streamed networks with recurrent layers, which go on where the last run ended."""

from __future__ import annotations

import numpy as np

from microlut.graph.ir import Graph, single
from microlut.integer import QuantizedGraph
from microlut.ops.base import FloatOp
from microlut.ops.cells import GATES, Cell
from microlut.ops.conv2d import Conv2D
from microlut.ops.dense import Dense
from microlut.ops.recurrent import Recurrent
from microlut.ops.reshape import Reshape
from microlut.ops.tensor import Activation, Tensor
from microlut.ops.windows import Padding, Window
from microlut.quantize.ranges.measure import calibrate
from microlut.quantize.stage import quantize
from microlut.quantize.weights import WeightConfig

STEPS, FEATURES, UNITS = 12, 4, 5


def network(
    name: str,
    *cells: Cell,
    before: int | None = None,
    stride: int = 1,
    sequences: bool = False,
    backwards: bool = False,
    types: tuple[int, Activation] = (8, "int8"),
) -> QuantizedGraph:
    """Return a network of recurrent layers, one behind the other, and a dense one.

    Args:
        name: Its name.
        cells: Of its layers.
        before: Frames that a convolution of 3 pads, which then comes first.
        stride: Stride of the convolution.
        sequences: Whether the last layer gives the states of all steps, too.
        backwards: Whether the last layer reads the steps from the end.
        types: Bits per weight, and the type of its activations.
    """
    bits, dtype = types
    rng = np.random.default_rng(list(name.encode()))
    ops: list[FloatOp] = []
    width = FEATURES
    if before is not None:
        kernel = rng.normal(size=(3, 1, 3, FEATURES)).astype(np.float32)
        window = Window((1, 3), (1, stride), Padding(left=before))
        steps = window.output_size(1, STEPS)[1]
        convolution = Conv2D(kernel, np.ones(3, np.float32), window)
        ops += [Reshape((1, STEPS, FEATURES)), convolution, Reshape((steps, 3))]
        width = 3
    for i, cell in enumerate(cells):
        last = i == len(cells) - 1
        ops.append(_layer(rng, cell, width, sequences or not last, backwards and last))
        width = UNITS
    ops.append(Dense(rng.normal(size=(3, UNITS)).astype(np.float32), np.zeros(3, np.float32)))
    nodes, shape, read = [], (STEPS, FEATURES), f"{name}_x"
    for i, op in enumerate(ops):
        (shape,) = op.shapes([shape])
        nodes.append(single(f"{name}_{i}", op, (read,), shape))
        read = nodes[-1].name
    graph = Graph(name, (Tensor(f"{name}_x", (STEPS, FEATURES)),), tuple(nodes), (read,))
    x = rng.normal(size=(6, STEPS, FEATURES)).astype(np.float32)
    ranges = calibrate(graph, x).typed(dict.fromkeys(graph.tensors(), dtype))
    return quantize(graph, ranges, x, WeightConfig(bits))


def _layer(
    rng: np.random.Generator, cell: Cell, inputs: int, sequences: bool, backwards: bool
) -> Recurrent:
    rows = GATES[cell] * UNITS
    kernel = 0.6 * rng.normal(size=(rows, inputs + UNITS)).astype(np.float32)
    bias = 0.3 * rng.normal(size=rows).astype(np.float32)
    recurrent_bias = np.zeros(rows, np.float32)
    if cell == "gru":
        recurrent_bias[2 * UNITS :] = 0.3 * rng.normal(size=UNITS)
    return Recurrent(kernel, bias, recurrent_bias, cell, sequences, backwards)


def every_cell(dtype: Activation = "int8") -> list[QuantizedGraph]:
    """Return a network for each cell, with 4 and with 8 bits, some of them behind convolutions."""
    name = "steps" if dtype == "int8" else "wide"
    return [
        network(
            f"{name}_{cell}_{bits}",
            cell,
            "gru",
            before=2 if bits == 4 else None,
            types=(bits, dtype),
        )
        for cell in GATES
        for bits in (4, 8)
    ]
