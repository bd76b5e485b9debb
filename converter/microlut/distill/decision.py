"""Decide whether a network is worth training, without TensorFlow.

TensorFlow takes seconds and 600 MB, and many networks need no training.
"""

from __future__ import annotations

from dataclasses import dataclass

from microlut.graph.batch import Arrays
from microlut.graph.ir import Graph
from microlut.integer import QuantizedGraph
from microlut.quantize.quality import (
    affordable_inputs,
    integer_quality,
    products,
    spread,
)
from microlut.quantize.weights import LayerConfigs

BATCH = 50
_LOSSLESS_BITS = 6  # per weight; what these lose is not worth a minute of training
_STEPS = 600
# Over the inputs, at most; with fewer inputs, more passes overfit. So the fewest steps need 63
# inputs: _FEWEST_STEPS * BATCH / _PASSES.
_PASSES = 80
_FEWEST_STEPS = 100  # fewer steps are not worthwhile
# Multiplications of the float network: some 40 seconds on two cores. That is all steps for 13
# million per inference (ResNet8 has 12.5), and the fewest for 78 million: _PRODUCTS / (BATCH *
# _FEWEST_STEPS). It is a limit of time alone, whatever the classes.
_PRODUCTS = _STEPS * BATCH * 13_000_000
# Divergence from the float outputs, about half a point. That holds with ten classes and with a
# thousand: MobileNetV1-0.25 for ImageNet lost 4.3 points at 0.149, which is 0.6 at this. Training
# that starts below it tends to overfit: of five on two models, four did harm on held-out inputs; of
# seven above it, none.
_LITTLE = 0.02
_LITTLE_ERROR = 1e-3  # the same for networks without a softmax: squared error over squared outputs


@dataclass(frozen=True, slots=True)
class Training:
    """How to train a network that is worth training.

    Attributes:
        steps: Number of batches to train with.
        judges: Inputs [n, ...] that decide whether it helped.
        divergence: Divergence from the float network on them before training.
    """

    steps: int
    judges: Arrays
    divergence: float


@dataclass(frozen=True, slots=True)
class Distilled:
    """The result of training.

    Attributes:
        quantized: The integer network after training; None if it is no nearer on the judges.
        before: Divergence from the float network on them before training.
        after: The same after training.
    """

    quantized: QuantizedGraph | None
    before: float
    after: float


def may_lose(configs: LayerConfigs) -> bool:
    """Return whether any layer has so few bits that training may help."""
    return any(c.needs_data and c.bits < _LOSSLESS_BITS for c in configs.values())


def worthwhile_training(
    graph: Graph, quantized: QuantizedGraph, inputs: Arrays, aside: Arrays | None = None
) -> Training | None:
    """Return how to train a network.

    None if the network has states, is too large to train, the inputs are too few, or its outputs
    already are close to the float network's.

    Args:
        graph: The float network after the passes.
        quantized: Its integer form.
        inputs: [n, ...] calibration inputs.
        aside: [n, ...] inputs that do not train, to judge on; by default the calibration inputs.
    """
    if graph.states:
        return None
    affordable = _PRODUCTS // (BATCH * products(graph))
    steps = min(_STEPS, affordable, _PASSES * len(inputs) // BATCH)
    if steps < _FEWEST_STEPS:
        return None
    judges = spread(inputs if aside is None else aside, affordable_inputs(graph))
    found = integer_quality(graph, quantized, judges)
    if found.divergence < (_LITTLE_ERROR if found.agreement is None else _LITTLE):
        return None
    return Training(steps, judges, found.divergence)
