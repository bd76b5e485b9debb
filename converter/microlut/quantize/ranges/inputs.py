"""The inputs of a graph in the units that their scales are chosen in."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from microlut.graph.ir import Graph
from microlut.ops.arrays import FloatArray
from microlut.ops.relabel import Relabel
from microlut.ops.tensor import DType, Quantization


@dataclass(frozen=True, slots=True)
class RangedInput:
    """An input, and the tensor whose range sets its scale.

    Attributes:
        name: The input.
        tensor: Itself or, if its features have scales of their own, what it is in common units.
        label: The operator that makes these units of it, if any.
    """

    name: str
    tensor: str
    label: Relabel | None = None

    def scaled(self, x: FloatArray) -> FloatArray:
        """Return values [n, ...] of the input in the units of the tensor."""
        return x if self.label is None else self.label.evaluate([x])[0]

    def saturated(self, x: FloatArray, limits: tuple[float, float]) -> FloatArray:
        """Return values of the input clipped to a range of the tensor, as the device clips them."""
        if self.label is None:
            return saturated(x, limits)
        scale, offset = (a.astype(np.float64) for a in (self.label.scale, self.label.offset))
        ends = np.sort((np.array(limits)[:, None] - offset) / scale, axis=0).astype(np.float32)
        return np.clip(x, ends[0], ends[1])

    def source(self, tensor: Quantization, dtype: DType) -> Quantization:
        """Return the input's quantization for that of the tensor."""
        return tensor if self.label is None else self.label.source(tensor, dtype)


def ranged_inputs(graph: Graph) -> tuple[RangedInput, ...]:
    """Return the inputs of a graph.

    A label with one scale for all features is not among them: the input's own range sets its scale.
    """
    labels = {
        node.inputs[0]: RangedInput(node.inputs[0], node.output, node.op)
        for node in graph.nodes
        if isinstance(node.op, Relabel) and not node.op.is_uniform
    }
    return tuple(labels.get(t.name, RangedInput(t.name, t.name)) for t in graph.inputs)


def saturated(samples: FloatArray, limits: tuple[float, float]) -> FloatArray:
    """Return inputs [n, ...] clipped to a range, as int8 clips them on the device."""
    low, high = np.float32(limits[0]), np.float32(limits[1])
    if samples.min() >= low and samples.max() <= high:
        return samples
    return np.clip(samples, low, high)
