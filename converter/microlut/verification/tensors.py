"""Compare every tensor of the integer network with the float network's, on the same inputs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from microlut.errors import InvalidInput
from microlut.graph.batch import Arrays
from microlut.graph.ir import Graph
from microlut.integer import QuantizedGraph
from microlut.ops.arrays import FloatArray, IntArray
from microlut.ops.tensor import Tensor, dequantize_array, quantize_array
from microlut.quantize.divided import Divided
from microlut.quantize.equalize import divided
from microlut.quantize.noise import decibels
from microlut.quantize.quality import walk_both
from microlut.quantize.types import with_conversions
from microlut.support.shown import Record, Shown

FAR = 4  # steps that the histogram tells apart, in both directions
_WORST_CHANNELS = 5


@dataclass(frozen=True, slots=True, repr=False)
class ChannelFigures(Shown):
    """A channel's signal-to-noise ratio in dB; None if it is exact."""

    channel: int
    snr_db: float | None


@dataclass(frozen=True, slots=True, repr=False)
class TensorFigures(Shown):
    """How near a layer's output is to the float network's, with everything before it quantized.

    Attributes:
        name: The layer.
        kind: Its operator.
        shape: Shape of its output.
        snr_db: Signal-to-noise ratio; None if it is exact.
        added_noise: Energy of the noise over that of the signal, minus the largest such ratio of
            the layer's inputs: what the layer adds; negative if it averages noise away.
        largest_error: Largest difference of real values.
        step: Difference of two neighbouring integers; `largest_error` is rarely below half of it.
        steps: Shares of values that are -4 (or less) to 4 (or more) steps away from the rounded
            float value.
        saturated: Share of values at an end of the integers whose float value lies beyond.
        worst: The channels with the lowest ratios, the worst first.
        firmware_differs: Bytes that differ in the firmware from the integer interpreter's, summed
            over its inputs; None if it was not run or the tensor is never whole in its memory.
    """

    name: str
    kind: str
    shape: tuple[int, ...]
    snr_db: float | None
    added_noise: float
    largest_error: float
    step: float
    steps: tuple[float, ...]
    saturated: float
    worst: tuple[ChannelFigures, ...]
    firmware_differs: int | None = None

    def records(self) -> list[Record]:
        """Return the figures as one record, without the channels and the histogram."""
        names = (
            "name",
            "kind",
            "shape",
            "snr_db",
            "added_noise",
            "largest_error",
            "step",
            "saturated",
        )
        found: Record = {name: getattr(self, name) for name in names}
        return [found | {"firmware_differs": self.firmware_differs}]

    def as_json(self) -> dict[str, object]:
        """Return the figures as JSON values."""
        return asdict(self)


class _Sums:
    """Collects the figures of one tensor, batch by batch."""

    def __init__(self, tensor: Tensor) -> None:
        self._tensor = tensor
        channels = tensor.shape[-1] if tensor.shape else 1
        self.signal, self.noise = np.zeros(channels), np.zeros(channels)
        self.largest = 0.0
        self.steps = np.zeros(2 * FAR + 1, np.int64)
        self.saturated = self.count = 0

    def add(self, real: FloatArray, integer: IntArray) -> None:
        own, dtype = self._tensor.quantized, self._tensor.dtype
        error = dequantize_array(integer, own).astype(np.float64) - real
        self.signal += np.square(real, dtype=np.float64).reshape(-1, len(self.signal)).sum(axis=0)
        self.noise += np.square(error).reshape(-1, len(self.noise)).sum(axis=0)
        self.largest = max(self.largest, float(np.abs(error).max(initial=0.0)))
        away = integer.astype(np.int64) - quantize_array(real, own, dtype)
        counts = np.bincount((np.clip(away, -FAR, FAR) + FAR).ravel(), minlength=2 * FAR + 1)
        self.steps += counts
        limits = np.iinfo(dtype)
        ends = ((integer == limits.min) | (integer == limits.max)) & (np.abs(error) > own.scale)
        self.saturated += int(np.count_nonzero(ends))
        self.count += integer.size

    @property
    def relative_noise(self) -> float:
        """Return the energy of the noise over that of the signal; of zeros, 1 or if equal 0."""
        signal, noise = float(self.signal.sum()), float(self.noise.sum())
        return noise / signal if signal else float(noise > 0.0)

    def figures(self, name: str, kind: str, before: float) -> TensorFigures:
        """Return the figures; `before` is the largest relative noise of the layer's inputs."""
        ratios = np.array([_ratio(*pair) for pair in zip(self.signal, self.noise, strict=True)])
        order = np.argsort(ratios, kind="stable")[:_WORST_CHANNELS]
        return TensorFigures(
            name=name,
            kind=kind,
            shape=self._tensor.shape,
            snr_db=_known(_ratio(self.signal.sum(), self.noise.sum())),
            added_noise=self.relative_noise - before,
            largest_error=self.largest,
            step=float(self._tensor.quantized.scale),
            steps=tuple((self.steps / max(1, self.count)).tolist()),
            saturated=self.saturated / max(1, self.count),
            worst=tuple(ChannelFigures(int(i), _known(float(ratios[i]))) for i in order),
        )


def tensor_figures(
    graph: Graph, quantized: QuantizedGraph, samples: Arrays
) -> tuple[TensorFigures, ...]:
    """Return the figures of every layer's first output, in execution order.

    Args:
        graph: The float network, with the tensors of the integer one; see `float_network`.
        quantized: The integer network.
        samples: Real inputs [n, ...].
    """
    tensors = quantized.tensors()
    sums: dict[str, _Sums] = {}
    for name, real, integer in walk_both(graph, quantized, samples):
        sums.setdefault(name, _Sums(tensors[name])).add(real, integer)
    kinds = {node.output: node.op.kind for node in quantized.nodes}
    found = []
    for node in graph.nodes:
        before = max(
            (sums[name].relative_noise for name in node.inputs if name in sums), default=0.0
        )
        found.append(sums[node.output].figures(node.name, kinds[node.output], before))
    return tuple(found)


def float_network(original: Graph, quantized: QuantizedGraph, report: Mapping[str, Any]) -> Graph:
    """Return the original float network, after the passes, with the integer network's tensors.

    Raises:
        InvalidInput: The network is streamed, or is not the original.
    """
    if quantized.stream is not None:
        raise InvalidInput(
            f"model {quantized.name}: takes some frames per run, the original whole windows; "
            "compare a conversion without --stream"
        )
    types = quantized.tensors()
    try:
        layers = [Divided(e["layer"], tuple(e["exponents"])) for e in report.get("equalized", ())]
        graph = divided(original, layers)
    except KeyError as error:
        raise _another(quantized) from error
    wide = {n: "int16" for n in graph.tensors() if n in types and types[n].dtype == "int16"}
    graph, _ = with_conversions(graph, wide)  # type: ignore[arg-type]
    if any(node.output not in types for node in graph.nodes):
        raise _another(quantized)
    return graph


def with_firmware(
    figures: Sequence[TensorFigures], differing: Mapping[str, int]
) -> tuple[TensorFigures, ...]:
    """Return the figures with the bytes that differ in the firmware, by layer."""
    return tuple(replace(each, firmware_differs=differing.get(each.name)) for each in figures)


def _ratio(signal: float, noise: float) -> float:
    """Return a ratio of energies in dB: 0 of zeros that are not exact, which JSON can hold."""
    return 0.0 if noise and not signal else decibels(signal, noise)


def _known(ratio: float) -> float | None:
    return ratio if np.isfinite(ratio) else None


def _another(quantized: QuantizedGraph) -> InvalidInput:
    return InvalidInput(
        f"model {quantized.name}: the given model has other layers than the one that was "
        "converted; give that one"
    )


def differing_bytes(found: NDArray[np.int8], wanted: IntArray) -> int:
    """Return how many bytes of a tensor differ from its values [...]."""
    little = np.ascontiguousarray(wanted.astype(wanted.dtype.newbyteorder("<")))
    return int(np.count_nonzero(found != little.reshape(-1).view(np.int8)))
