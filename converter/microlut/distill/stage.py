"""Train an integer network if it is worthwhile, and import TensorFlow only then."""

from __future__ import annotations

from typing import Protocol

from microlut.distill.decision import (
    AHEAD,
    TRAINED,
    UNTRAINED,
    Distilled,
    Training,
    error_of,
    may_lose,
    trains_ahead,
    worthwhile_training,
)
from microlut.graph.batch import Batch
from microlut.graph.ir import Graph
from microlut.integer import QuantizedGraph
from microlut.quantize.ranges.measure import Ranges
from microlut.quantize.stage import Revise
from microlut.quantize.weights import LayerConfigs
from microlut.support.progress import Progress
from microlut.support.tensorflow import load_tensorflow

_STEPS_AHEAD = 2  # times those of distillation; the steps after a few layers each are few
_PURPOSE = "distillation (--no-distill leaves it out)"


class Trainable(Protocol):
    """A float network that can be quantized and trained: `conversion.prepared.Prepared`."""

    @property
    def graph(self) -> Graph:
        """The float network after the passes."""

    @property
    def ranges(self) -> Ranges:
        """Ranges of all its tensors."""

    @property
    def samples(self) -> Batch | None:
        """Calibration inputs [n, ...], if any."""

    @property
    def aside(self) -> Batch | None:
        """Inputs kept aside, that decide whether training helps; without them the others do."""

    def quantize(self, configs: LayerConfigs, revise: Revise | None = None) -> QuantizedGraph:
        """Return the integer network; `revise` may change layers that are not yet quantized."""


def training_for(
    prepared: Trainable, quantized: QuantizedGraph, configs: LayerConfigs
) -> Training | None:
    """Return how to train a network, or None if it is not worthwhile; without TensorFlow.

    Args:
        prepared: The float network, its inputs, and how it is quantized.
        quantized: Its integer form.
        configs: How its layers were quantized, by name.
    """
    inputs = prepared.samples
    if inputs is None or not may_lose(configs):
        return None
    return worthwhile_training(prepared.graph, quantized, inputs, prepared.aside)


def distilled(
    prepared: Trainable,
    quantized: QuantizedGraph,
    configs: LayerConfigs,
    training: Training,
    progress: Progress,
) -> Distilled:
    """Return what training gives.

    Args:
        prepared: The float network, its inputs, and how it is quantized.
        quantized: Its integer form.
        configs: How its layers were quantized, by name.
        training: How to train it.
        progress: Called with (what, done, total).

    Raises:
        ToolMissing: TensorFlow cannot be loaded.
    """
    graph, inputs = prepared.graph, prepared.samples
    assert inputs is not None
    load_tensorflow(_PURPOSE)
    from microlut.distill.ahead import Ahead
    from microlut.distill.train import distill

    ways = {
        UNTRAINED: quantized,
        TRAINED: distill(graph, quantized, configs, inputs, training.steps, progress),
    }
    if trains_ahead(graph):
        steps = _STEPS_AHEAD * training.steps
        ahead = Ahead(graph, prepared.ranges, inputs, steps, progress)
        start = prepared.quantize(configs, ahead)
        ways[AHEAD] = distill(graph, start, configs, inputs, training.steps, progress)
    errors = {name: error_of(graph, made, training.judges) for name, made in ways.items()}
    chosen = min(errors, key=lambda name: errors[name])
    return Distilled(None if chosen == UNTRAINED else ways[chosen], chosen, errors)
