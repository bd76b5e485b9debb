"""Decide whether a network is worth training, without TensorFlow.

TensorFlow takes seconds and 600 MB, and many networks need no training.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from microlut.graph.batch import Arrays
from microlut.graph.ir import Graph
from microlut.integer import QuantizedGraph
from microlut.ops.depthwise_conv2d import DepthwiseConv2D
from microlut.quantize.figures import Quality
from microlut.quantize.quality import (
    affordable_inputs,
    integer_quality,
    products,
    spread,
    without_softmax,
)
from microlut.quantize.shared import kernel_owners
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
_PRODUCTS_AHEAD = 13_000_000  # those with which distillation takes 40 seconds with all its steps
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
    """

    steps: int
    judges: Arrays


@dataclass(frozen=True, slots=True)
class Distilled:
    """The result of training.

    Attributes:
        quantized: The nearest integer network on the judges; None if it is the one before training.
        chosen: The name of its way in `errors`.
        errors: What `error_of` says by way: "not trained", "trained" and, if it was tried, "trained
            ahead, too".
    """

    quantized: QuantizedGraph | None
    chosen: str
    errors: Mapping[str, float]


UNTRAINED, TRAINED, AHEAD = "not trained", "trained", "trained ahead, too"


def may_lose(configs: LayerConfigs) -> bool:
    """Return whether any layer has so few bits that training may help."""
    return any(c.needs_data and c.bits < _LOSSLESS_BITS for c in configs.values())


def trains_ahead(graph: Graph) -> bool:
    """Return whether layers are also trained while those before them are quantized.

    The few weights of a depthwise layer can hardly make up for the errors before it, but the layers
    behind it can. Without such layers, reconstruction alone does better. Layers that share weights
    would part. It takes two to three times as long as distillation, so large networks are left out.
    """
    deep = any(isinstance(node.op, DepthwiseConv2D) for node in graph.nodes)
    own = all(name == owner for name, owner in kernel_owners(graph).items())
    return deep and own and products(graph) <= _PRODUCTS_AHEAD


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
    if loses_little(integer_quality(graph, quantized, judges)):
        return None
    return Training(steps, judges)


def loses_little(found: Quality) -> bool:
    """Return whether a network is so near to its float network that training tends to harm it."""
    return found.divergence < (_LITTLE_ERROR if found.agreement is None else _LITTLE)


def error_of(graph: Graph, quantized: QuantizedGraph, judges: Arrays) -> float:
    """Return the relative squared error of the outputs, or of what a final softmax reads.

    The divergence of a softmax comes from the few inputs between two classes: on 40 inputs it told
    nothing of four networks, which this had in the order of their divergence on 400 others.
    """
    return integer_quality(without_softmax(graph), quantized, judges).divergence
