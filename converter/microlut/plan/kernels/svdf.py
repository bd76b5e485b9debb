"""Filters over time: a row is decoded at a time, and meets the frame and the filter's memory."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping

import numpy as np

from microlut.ops.svdf import QSvdf, Svdf
from microlut.plan.buffers import aligned
from microlut.plan.kernels.base import Alias, Call, Kernel, Shapes, Size, Tile

_MOST = (1 << 16) - 1


class SvdfKernel(Kernel[QSvdf, Svdf]):
    """The kernels mlut_svdf, and mlut_svdf_16 for filters of 16 bits."""

    def tiles(self, call: Call[QSvdf]) -> Iterator[Tile]:
        """Yield the tile of one row; weights of 8 bits need no decoding."""
        weights = call.op.weights
        yield Tile(1, 0 if weights.codebook is None else aligned(weights.shape[1]))

    def overwrites(self, call: Call[QSvdf]) -> Iterable[int]:
        """Return none, since every filter reads the whole frame."""
        return ()

    def aliases(self, call: Call[QSvdf]) -> Iterable[Alias]:
        """Return that the state changes where it is: no other operator reads it."""
        return (Alias(1, 0, 1),)

    def function(self, call: Call[QSvdf]) -> str:
        """Return the function for the bits of filters."""
        return "svdf" if call.op.time is None else "svdf_16"

    def work(self, call: Call[QSvdf], tile: Tile, core: str) -> Counter[str]:
        """Count units, filters, products, and decoded weights."""
        op, rows = call.op, call.op.filters
        wide = op.time is not None
        decodes = 0 if op.weights.codebook is None else rows
        return Counter(
            {
                "svdf": 1.0,
                "svdf unit": len(op.bias),
                "svdf filter": rows,
                "svdf product": rows * (op.inputs + (0 if wide else op.memory)),
                "svdf wide product": rows * op.memory if wide else 0,
                "svdf decoded row": decodes,
                "svdf decoded weight": decodes * op.weights.shape[1],
            }
        )

    def sizes(self, op: QSvdf | Svdf, inputs: Shapes, outputs: Shapes) -> Iterable[Size]:
        """Return the numbers of inputs, units and frames."""
        yield "the number of features", inputs[0][0], _MOST
        yield "the number of units", outputs[0][0], _MOST
        yield "the number of filters", inputs[1][0], _MOST
        yield "the number of frames", op.memory, _MOST

    def fields(self, call: Call[QSvdf]) -> Mapping[str, object]:
        """Return the factors, and biases that raw values need."""
        op = call.op
        projected, summed = op.factors(call.inputs, call.output)
        sums = op.projection.astype(np.int64).sum(axis=1)
        return {
            "projected": (projected.multiplier, projected.shift),
            "summed": (summed.multiplier, summed.shift),
            "bias": (-call.inputs[0].zero_point * sums).astype(np.int32),
            "hidden_bias": op.unit_bias(call.inputs[1]).astype(np.int32),
        }
