"""Measures how far each tensor's values reach: `Graph` and sample inputs in, `Ranges` out."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray

from microlut.errors import InvalidInput
from microlut.interpreter.float_ops import walk
from microlut.ir import Graph, Node

_BATCH = 32


@dataclass(frozen=True, slots=True)
class Ranges:
    """Smallest and largest value of each tensor over all samples, by tensor name."""

    limits: Mapping[str, tuple[float, float]]

    def __getitem__(self, tensor: str) -> tuple[float, float]:
        """Return (min, max) of a tensor; raises KeyError when there is none of that name."""
        return self.limits[tensor]


@dataclass(slots=True)
class _Extremes:
    """The `count` smallest and largest values of a stream of arrays."""

    count: int
    low: NDArray[np.float32]
    high: NDArray[np.float32]

    def add(self, values: NDArray[np.float32]) -> None:
        flat = values.ravel()
        self.low = _smallest(np.concatenate([self.low, _smallest(flat, self.count)]), self.count)
        self.high = -_smallest(
            np.concatenate([-self.high, _smallest(-flat, self.count)]), self.count
        )

    def limits(self) -> tuple[float, float]:
        return float(self.low.max()), float(self.high.min())


def _smallest(values: NDArray[np.float32], count: int) -> NDArray[np.float32]:
    return values if len(values) <= count else np.partition(values, count - 1)[:count]


def calibrate(graph: Graph, samples: NDArray[np.float32], tail: float = 0.0) -> Ranges:
    """Return the ranges of the input and of every node's output over sample inputs.

    Args:
        graph: the network, usually after the passes.
        samples: inputs [samples, *graph.input_shape], such as the model sees in use.
        tail: share of each tensor's values, the input's excepted, that may lie beyond either end
            of its range; 0 gives the minimum and maximum.

    Raises:
        InvalidInput: no samples, another shape, NaN or infinite values in them, or a layer whose
            output overflows.
    """
    if samples.shape[1:] != graph.input_shape or len(samples) == 0:
        expected = ", ".join(map(str, graph.input_shape))
        raise InvalidInput(
            f"calibration samples of shape {list(samples.shape)}; model {graph.name} expects "
            f"[samples, {expected}] with at least one sample"
        )
    extremes = {graph.input_name: _no_extremes(1)}
    for node in graph.nodes:
        beyond = math.floor(tail * len(samples) * math.prod(node.shape))
        extremes[node.name] = _no_extremes(beyond + 1)
    for start in range(0, len(samples), _BATCH):
        # Overflow is reported below, with the layer's name.
        with np.errstate(over="ignore", invalid="ignore"):
            for node_or_input, values in walk(graph, samples[start : start + _BATCH]):
                if not np.isfinite(values).all():
                    raise _not_finite(graph, node_or_input)
                name = graph.input_name if node_or_input is None else node_or_input.name
                extremes[name].add(values)
    return Ranges(MappingProxyType({name: e.limits() for name, e in extremes.items()}))


def _no_extremes(count: int) -> _Extremes:
    return _Extremes(count, np.empty(0, np.float32), np.empty(0, np.float32))


def _not_finite(graph: Graph, node: Node | None) -> InvalidInput:
    if node is None:
        return InvalidInput(
            "calibration samples hold NaN or infinite values; remove or repair those samples"
        )
    return InvalidInput(
        f"model {graph.name}: layer {node.name!r} gives NaN or infinite values for the calibration "
        "samples; check that they are scaled as in training, or train the model again"
    )
