"""Compare calibration inputs with what batch normalization has recorded of the training inputs.

Each batch normalization holds the mean and the deviation that every channel had in training.
Inputs that are prepared otherwise, such as 0..255 for a network that was trained on 0..1, give
others.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from microlut.conversion.findings import Finding, Remedy
from microlut.graph.batch import Batch
from microlut.graph.evaluate import walk
from microlut.graph.ir import Graph
from microlut.ops.arrays import FloatArray
from microlut.ops.batch_norm import BatchNorm, ChannelStatistics
from microlut.quantize.quality import affordable_inputs

# Deviations behind inputs of the reference models are 0.8 to 1.2 times those of training, and means
# 0.2 deviations off at most. Inputs scaled wrongly by a factor of 2 and more are told by that.
MOST_RATIO = 2.0
MOST_SHIFT = 1.0  # in deviations
_FEWEST_INPUTS = 8  # whose deviation is known to a quarter
_COMPARED = 32  # inputs; the medians over all channels hardly change with more
_BATCH = 8
_DEAD = 1e-3  # of the largest deviation of a layer's channels


def compared_inputs(graph: Graph) -> int:
    """Return how many calibration inputs to compare."""
    return max(_FEWEST_INPUTS, min(_COMPARED, affordable_inputs(graph)))


def training_findings(samples: Batch, graph: Graph) -> Iterator[Finding]:
    """Yield a finding if inputs contradict the statistics that batch normalization recorded.

    The first one behind each input tells the scale of the input. Those behind it tell in their
    majority, for each of them follows the ones before it.

    Args:
        samples: [n, ...] some calibration inputs that differ, without outliers.
        graph: The network as it was imported, with its batch normalizations.
    """
    if len(samples) < _FEWEST_INPUTS:
        return
    seen = _seen(graph, samples)
    unlike = [layer for layer in seen if layer.differs()]
    told: set[str] = set()  # inputs with such a layer behind them
    wrong: set[str] = set()
    for layer in seen:
        is_first = not layer.inputs <= told
        told |= layer.inputs
        if is_first and layer in unlike and not wrong & layer.inputs:
            wrong |= layer.inputs
            yield _contradiction(layer, 1)
    if not wrong and 2 * len(unlike) > len(seen):
        yield _contradiction(unlike[0], len(unlike))


@dataclass(slots=True, eq=False)
class _Seen:
    """The values behind a batch normalization, and what it recorded in training."""

    layer: str
    inputs: frozenset[str]
    recorded: ChannelStatistics
    count: int = 0
    total: NDArray[np.float64] | float = 0.0
    squares: NDArray[np.float64] | float = 0.0

    def add(self, values: FloatArray) -> None:
        """Add values [batch, ..., channels]."""
        flat = values.reshape(-1, values.shape[-1]).astype(np.float64)
        self.count += len(flat)
        self.total = self.total + flat.sum(axis=0)
        self.squares = self.squares + np.einsum("ij,ij->j", flat, flat)

    def unlikeness(self) -> tuple[float, float]:
        """Return the medians over channels of the ratio of deviations, and of the means' shift."""
        mean = self.total / self.count
        deviation = np.sqrt(np.maximum(self.squares / self.count - mean**2, 0.0))
        recorded = self.recorded.deviation.astype(np.float64)
        alive = recorded > _DEAD * recorded.max()
        shift = np.abs(mean - self.recorded.mean)[alive] / recorded[alive]
        return float(np.median(deviation[alive] / recorded[alive])), float(np.median(shift))

    def differs(self) -> bool:
        """Return whether the values contradict what training has recorded."""
        ratio, shift = self.unlikeness()
        return not 1 / MOST_RATIO <= ratio <= MOST_RATIO or shift > MOST_SHIFT


def _seen(graph: Graph, samples: Batch) -> list[_Seen]:
    """Return what the batch normalizations see of inputs [n, ...], in the order of the layers."""
    found: dict[str, _Seen] = {}
    reached = {tensor.name: frozenset((tensor.name,)) for tensor in graph.inputs}
    for node in graph.nodes:
        inputs = frozenset(i for name in node.inputs for i in reached.get(name, ()))
        reached.update((tensor.name, inputs) for tensor in node.outputs)
        if (recorded := _recorded(node.op)) is not None and inputs:
            found[node.output] = _Seen(node.name, inputs, recorded)
    with np.errstate(over="ignore", invalid="ignore"):
        for start in range(0, len(samples), _BATCH) if found else ():
            for _, made in walk(graph, samples[start : start + _BATCH]):
                for name in made.keys() & found:
                    found[name].add(made[name])
    return list(found.values())


def _recorded(op: object) -> ChannelStatistics | None:
    """Return the statistics of a batch normalization, unless it has never been trained."""
    if not isinstance(op, BatchNorm) or op.statistics is None:
        return None
    fresh = not op.offset.any() and np.ptp(op.scale) == 0 and np.ptp(op.statistics.deviation) == 0
    return None if fresh or not op.statistics.deviation.any() else op.statistics


def _contradiction(seen: _Seen, layers: int) -> Finding:
    ratio, shift = seen.unlikeness()
    also = f" and {layers - 1} more" if layers > 1 else ""
    hint = "" if 1 / MOST_RATIO <= ratio <= MOST_RATIO else f"; they seem {_times(ratio)}"
    return Finding(
        code="unlike-training",
        place=min(seen.inputs),
        text=(
            "calibration inputs contradict what the network was trained on: behind layer "
            f"{seen.layer!r}{also} values spread {ratio:.3g} times as far as its batch "
            f"normalization recorded in training, around means that are {shift:.3g} deviations "
            f"off (limits {1 / MOST_RATIO:g} to {MOST_RATIO:g} times, {MOST_SHIFT:g} "
            f"deviation){hint}"
        ),
        figures={
            "deviation_ratio": ratio,
            "limit_deviation_ratio": MOST_RATIO,
            "mean_shift": shift,
            "limit_mean_shift": MOST_SHIFT,
            "layers": layers,
        },
        remedies=(
            Remedy("prepare them exactly as for training, such as x / 255 for a network of 0..1"),
            Remedy("if they are, train longer, for its statistics have not settled"),
        ),
    )


def _times(ratio: float) -> str:
    """Return how much too large or too small inputs are."""
    if ratio > 1.0:
        return f"{ratio:.3g} times too large"
    return f"{1.0 / ratio:.3g} times too small" if ratio else "to be all the same"
