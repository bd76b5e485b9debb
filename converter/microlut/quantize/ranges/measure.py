"""Measure the ranges of all tensors over sample inputs."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray

from microlut.errors import InvalidInput
from microlut.graph.batch import Arrays, by_name
from microlut.graph.evaluate import walk
from microlut.graph.ir import Graph, Node
from microlut.ops.tensor import Activation, Tensor
from microlut.quantize.ranges.inputs import ranged_inputs

_BATCH = 32
_FEWEST_KEPT = 8  # of the input, which in small networks has too few values for a share


@dataclass(frozen=True, slots=True)
class Ranges:
    """How tensors are to be quantized, by their names.

    Attributes:
        limits: Smallest and largest value of each tensor.
        types: Types of tensors other than int8.
    """

    limits: Mapping[str, tuple[float, float]]
    types: Mapping[str, Activation] = field(default_factory=dict)

    def __getitem__(self, tensor: str) -> tuple[float, float]:
        """Return (min, max) of a tensor; raises KeyError if there is none of that name."""
        return self.limits[tensor]

    def replaced(self, limits: Mapping[str, tuple[float, float]]) -> Ranges:
        """Return the same with other ranges for some tensors."""
        return replace(self, limits=MappingProxyType({**self.limits, **limits}))

    def typed(self, types: Mapping[str, Activation]) -> Ranges:
        """Return the same ranges of tensors with these types."""
        return replace(self, types=types)

    def type_of(self, tensor: str) -> Activation:
        """Return the type of a tensor."""
        return self.types.get(tensor, "int8")


@dataclass(frozen=True, slots=True)
class Tails:
    """The outermost values of a tensor over all samples.

    Attributes:
        low: [kept] smallest values, ascending.
        high: [kept] largest values, descending.
        count: Number of all values.
        nonzero: Number of values that are not zero.
    """

    low: NDArray[np.float32]
    high: NDArray[np.float32]
    count: int
    nonzero: int

    def within(self, share: float) -> tuple[float, float]:
        """Return the range beyond which a `share` of the values lies at either end.

        0 gives the minimum and the maximum; a larger share than recorded gives the innermost range.
        """
        beyond = min(_beyond(share, self.count), len(self.low) - 1)
        return float(self.low[beyond]), float(self.high[beyond])


@dataclass(slots=True)
class _Stream:
    """The `kept` outermost values, at either end, of a stream of arrays."""

    kept: int
    low: NDArray[np.float32]
    negated_high: NDArray[np.float32]
    count: int = 0
    nonzero: int = 0

    def add(self, values: NDArray[np.float32]) -> None:
        flat = values.ravel()
        self.low = _smallest(self.low, flat, self.kept)
        self.negated_high = _smallest(self.negated_high, -flat, self.kept)
        self.count += flat.size
        self.nonzero += int(np.count_nonzero(flat))

    def tails(self) -> Tails:
        return Tails(np.sort(self.low), -np.sort(self.negated_high), self.count, self.nonzero)


def _smallest(
    so_far: NDArray[np.float32], values: NDArray[np.float32], count: int
) -> NDArray[np.float32]:
    if len(so_far) == count:
        values = values[values < so_far.max()]  # few remain after the first batches
    both = np.concatenate([so_far, values])
    return both if len(both) <= count else np.partition(both, count - 1)[:count]


def calibrate(graph: Graph, samples: Arrays, tail: float = 0.0) -> Ranges:
    """Return the ranges of the input and of every node's output over sample inputs.

    Args:
        graph: The network, usually after the passes.
        samples: inputs [samples, ...], like those in use.
        tail: Share of each tensor's values that may lie beyond either end of its range; 0 gives the
            minimum and maximum.

    Raises:
        InvalidInput: As for `measure`.
    """
    tails = measure(graph, samples, tail)
    return Ranges(MappingProxyType({name: t.within(tail) for name, t in tails.items()}))


def measure(graph: Graph, samples: Arrays, tail: float) -> Mapping[str, Tails]:
    """Return the outermost values of the input and of every node's output over sample inputs.

    Args:
        graph: The network, usually after the passes.
        samples: inputs [samples, ...], like those in use.
        tail: Share of each tensor's values to record at either end, besides the outermost one.

    Raises:
        InvalidInput: There are no samples, they have another shape, NaN or infinity, or the output
            of a layer overflows.
    """
    for tensor in graph.inputs:
        _check_samples(graph, tensor, by_name(graph.inputs, samples)[tensor.name])
    streams = {
        name: _stream(1 + _beyond(tail, len(samples) * tensor.size))
        for name, tensor in graph.tensors().items()
    }
    for one in ranged_inputs(graph):
        kept = streams[one.tensor].kept
        streams[one.tensor].kept = max(kept, _FEWEST_KEPT) if tail else kept
    for start in range(0, len(samples), _BATCH):
        # Overflow is reported below, with the layer's name.
        with np.errstate(over="ignore", invalid="ignore"):
            for node_or_input, made in walk(graph, samples[start : start + _BATCH]):
                for name, values in made.items():
                    if not np.isfinite(values).all():
                        raise _not_finite(graph, node_or_input)
                    streams[name].add(values)
    return {name: stream.tails() for name, stream in streams.items() if stream.count}


def outermost(values: NDArray[np.float32], tail: float) -> Tails:
    """Return the outermost values of an input, as `measure` does."""
    stream = _stream(max(1 + _beyond(tail, values.size), _FEWEST_KEPT))
    stream.add(values)
    return stream.tails()


def _check_samples(graph: Graph, tensor: Tensor, samples: NDArray[np.float32]) -> None:
    if samples.shape[1:] != tensor.shape or len(samples) == 0:
        expected = ", ".join(map(str, tensor.shape))
        raise InvalidInput(
            f"calibration samples of shape {list(samples.shape)}; model {graph.name} expects "
            f"[samples, {expected}] with at least one sample"
        )


def _beyond(share: float, count: int) -> int:
    return math.floor(share * count)


def _stream(kept: int) -> _Stream:
    return _Stream(kept, np.empty(0, np.float32), np.empty(0, np.float32))


def _not_finite(graph: Graph, node: Node | None) -> InvalidInput:
    if node is None:
        return InvalidInput(
            "calibration samples hold NaN or infinite values; remove or repair those samples"
        )
    return InvalidInput(
        f"model {graph.name}: layer {node.name!r} gives NaN or infinite values for the calibration "
        "samples; check that they are scaled as in training, or train the model again"
    )
