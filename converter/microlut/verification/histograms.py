"""Histograms of the weights of a converted model, with the levels that they were given."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from microlut.graph.ir import Graph
from microlut.integer import QuantizedGraph
from microlut.integer.packing import stored_weights
from microlut.ops.arrays import FloatArray
from microlut.ops.linear import Linear
from microlut.ops.weights import QuantizedWeights
from microlut.support.shown import Shown

_FEWEST_BINS, _MOST_BINS = 16, 96
_REACH = 128.0  # of bytes: weights beyond are clipped in any case, and must not fill the axis


@dataclass(frozen=True, slots=True, repr=False)
class WeightHistogram(Shown):
    """The weights of a layer, each divided by the scale of its channel: levels are then bytes.

    Attributes:
        layer: The layer.
        bits: Bits per weight.
        overlap: Bits that neighbouring indices share. With them, the levels that a weight may have
            depend on the weight before, so there are no thresholds.
        weights: Number of weights.
        original: Whether they are those of the float model, else the levels that were chosen.
        edges: [bins + 1] limits of the bins.
        densities: [bins] share of the weights per unit, by bin.
        deviation: Their root mean square.
        levels: The levels, ascending; none at 8 bits, where all bytes are.
        used: How many weights have each level.
        beyond: Weights outside of the bins.
        density: "gaussian" or "laplace", for which the levels are optimal, or "pruned"; None if
            unknown.
    """

    layer: str
    bits: int
    overlap: int
    weights: int
    original: bool
    edges: tuple[float, ...]
    densities: tuple[float, ...]
    deviation: float
    levels: tuple[int, ...]
    used: tuple[int, ...]
    beyond: int
    density: str | None

    def as_json(self) -> dict[str, object]:
        """Return the histogram as JSON values."""
        return {name: getattr(self, name) for name in self.__dataclass_fields__}

    @property
    def thresholds(self) -> tuple[float, ...]:
        """The middles between neighbouring levels; none where indices overlap."""
        levels = sorted(set(self.levels))
        if self.overlap:
            return ()
        return tuple((a + b) / 2 for a, b in pairwise(levels))


def weight_histograms(
    quantized: QuantizedGraph, graph: Graph | None
) -> tuple[WeightHistogram, ...]:
    """Return a histogram per layer that owns its weights.

    Args:
        quantized: The integer network.
        graph: The float network with the same layers, if it is known.
    """
    kernels = {} if graph is None else _kernels(graph)
    return tuple(
        _histogram(name, weights, kernels.get(name))
        for name, weights in stored_weights(quantized).items()
    )


def _kernels(graph: Graph) -> dict[str, tuple[FloatArray, int]]:
    """Return the kernels of layers by name, with the axis of their output channels."""
    nodes = ((node.name, node.op) for node in graph.nodes)
    return {name: (op.kernel, op.channel_axis) for name, op in nodes if isinstance(op, Linear)}


def _histogram(
    name: str, weights: QuantizedWeights, known: tuple[FloatArray, int] | None
) -> WeightHistogram:
    integers = weights.int8()
    values = integers.astype(np.float64).ravel()
    original = known is not None and known[0].shape == weights.shape
    if known is not None and original:
        kernel, axis = known
        scales = weights.scales.reshape([-1 if i == axis else 1 for i in range(kernel.ndim)])
        values = (kernel.astype(np.float64) / scales).ravel()
    deviation = float(np.sqrt(np.mean(values**2)))
    least, most = max(values.min(), -_REACH), min(values.max(), _REACH)
    low, high = min(float(integers.min()), least), max(float(integers.max()), most)
    bins = int(np.clip(2 * np.sqrt(values.size), _FEWEST_BINS, _MOST_BINS))
    counts, edges = np.histogram(values, bins, (low - 0.5, high + 0.5))
    heights = counts / (values.size * np.diff(edges))
    book = np.unique(weights.codebook) if weights.codebook is not None else np.empty(0, np.int8)
    found, used = np.unique(integers, return_counts=True)
    times = dict(zip(found.tolist(), used.tolist(), strict=True))
    return WeightHistogram(
        layer=name,
        bits=weights.bits,
        overlap=weights.overlap,
        weights=values.size,
        original=original,
        edges=tuple(edges.round(4).tolist()),
        densities=tuple(heights.round(6).tolist()),
        deviation=deviation,
        levels=tuple(book.tolist()),
        used=tuple(times.get(level, 0) for level in book.tolist()),
        beyond=int(values.size - counts.sum()),
        density=None if weights.fit is None else weights.fit.density,
    )
