"""Train an integer network if it is worthwhile, and import TensorFlow only then."""

from __future__ import annotations

from typing import Protocol

from microlut.distill.decision import (
    AHEAD,
    TRAINED,
    UNTRAINED,
    Distilled,
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
from microlut.support.tensorflow import check_tensorflow, load_tensorflow

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


def check_trainer(samples: Batch | None, configs: LayerConfigs | None) -> None:
    """Raise ToolMissing if training may be worth while and nothing can train.

    This is checked before minutes are spent on quantization, so it does not import TensorFlow.

    Args:
        samples: [n, ...] calibration inputs, if any.
        configs: How the layers will be quantized, by name; None if a budget decides.
    """
    if samples is not None and (configs is None or may_lose(configs)):
        check_tensorflow(_PURPOSE)


def distilled(
    prepared: Trainable,
    quantized: QuantizedGraph,
    configs: LayerConfigs,
    progress: Progress,
) -> Distilled | None:
    """Return what training gives, or None if it is not worthwhile.

    Args:
        prepared: The float network, its inputs, and how it is quantized.
        quantized: Its integer form.
        configs: How its layers were quantized, by name.
        progress: Called with (what, done, total).
    """
    inputs = prepared.samples
    if inputs is None or not may_lose(configs):
        return None
    graph = prepared.graph
    training = worthwhile_training(graph, quantized, inputs, prepared.aside)
    if training is None:
        return None
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
