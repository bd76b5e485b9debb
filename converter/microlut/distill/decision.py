"""Decide whether a network is worth training. TensorFlow is not needed for that.

TensorFlow takes seconds and 600 MB, and many networks need no training.
"""

from __future__ import annotations

from dataclasses import dataclass

from microlut.graph.ir import FloatArray, Graph
from microlut.integer import QuantizedGraph
from microlut.quantize.quality import (
    affordable_inputs,
    integer_quality,
    judged,
    products,
    spread,
)
from microlut.quantize.weights import LayerConfigs

BATCH = 50
_LOSSLESS_BITS = 6  # a weight; what these lose is not worth a minute of training
_STEPS = 600
_PASSES = 80  # times that an input is seen at most; few inputs are learned by heart sooner
_FEWEST_STEPS = 100  # less is not worth while
_PRODUCTS = _STEPS * BATCH * 13_000_000  # multiplications of the float network: some 40 seconds
# Divergence from the float outputs, some half a point. Training from below it rather learns the
# inputs by heart: of five on two models four did harm on inputs kept aside, of seven above it none.
_LITTLE = 0.02
_LITTLE_ERROR = 1e-3  # the same of networks without a softmax: squared error over squared outputs


@dataclass(frozen=True, slots=True)
class Training:
    """Training that is worth while.

    Attributes:
        steps: How many batches to train with.
        judges: The inputs [n, ...] that tell whether it helped.
        divergence: How far the network is from the float one on them before training.
    """

    steps: int
    judges: FloatArray
    divergence: float


def may_lose(configs: LayerConfigs) -> bool:
    """Return whether any layer has bits so few that training may win something back."""
    return any(c.method != "fitted" and c.bits < _LOSSLESS_BITS for c in configs.values())


def worthwhile_training(
    graph: Graph, quantized: QuantizedGraph, inputs: FloatArray
) -> Training | None:
    """Return what training to do.

    None: the network is too large to be trained, the inputs are too few, or it answers much as the
    float network already.

    Args:
        graph: The float network after the passes.
        quantized: Its integer form.
        inputs: [n, ...] calibration inputs.
    """
    affordable = _PRODUCTS // (BATCH * products(graph))
    steps = min(_STEPS, affordable, _PASSES * len(inputs) // BATCH)
    if steps < _FEWEST_STEPS:
        return None
    judges = spread(inputs, affordable_inputs(graph))
    divergence = integer_quality(graph, quantized, judges).divergence
    if divergence < (_LITTLE if judged(graph)[1] else _LITTLE_ERROR):
        return None
    return Training(steps, judges, divergence)
