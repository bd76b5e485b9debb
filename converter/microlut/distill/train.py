"""Train an integer network so that it errs less.

Reconstruction (`quantize`) looks at one layer at a time. Here the scales, biases, levels and the
assignment to levels of all layers change together, so that the outputs approach those of the float
network (Hinton et al. 2015, "distillation"). The float network provides the targets: no labels are
needed, and inputs can be augmented (`distill.variety`).
"""

from __future__ import annotations

from typing import Any

import numpy as np
import tensorflow as tf

from microlut.distill.decision import BATCH
from microlut.distill.slices import Learner, Powers, float_tensors, guides, step_of
from microlut.distill.student import Student, Tensor
from microlut.distill.tuning import RATE
from microlut.distill.variety import varied
from microlut.graph.batch import Batch
from microlut.graph.ir import Graph
from microlut.integer import QuantizedGraph
from microlut.quantize.quality import judged
from microlut.quantize.weights import LayerConfigs
from microlut.support.progress import Progress

_WARM_UP = 20  # steps until the full learning rate
_SEED = 0


def distill(
    graph: Graph,
    quantized: QuantizedGraph,
    configs: LayerConfigs,
    inputs: Batch,
    steps: int,
    progress: Progress,
) -> QuantizedGraph:
    """Return the integer network after training.

    Args:
        graph: The float network after the passes.
        quantized: Its integer form.
        configs: How its layers were quantized, by name.
        inputs: [n, ...] calibration inputs.
        steps: Number of batches to train with.
        progress: Called with ("distill", steps done, steps).
    """
    student = Student(graph, quantized, configs)

    def loss(powers: Powers, x: dict[str, Tensor]) -> Tensor:
        return loss_of(graph, float_tensors(graph, x), student.tensors(x), powers)

    step = step_of(graph, student, optimizer_of(student, steps, RATE), loss)
    batches = varied(inputs, graph, BATCH, np.random.default_rng(_SEED))
    for done in range(steps):
        progress("distill", done, steps)
        step(dict(next(batches).arrays))
    return student.quantized()


def optimizer_of(student: Learner, steps: int, rate: float) -> Any:  # noqa: ANN401
    """Return what moves the student's variables in some steps.

    Its rate, in units of the variables, rises to `rate` and decays to zero by half a cosine.
    """
    schedule = tf.keras.optimizers.schedules.CosineDecay(
        0.0, max(1, steps - _WARM_UP), warmup_target=rate, warmup_steps=_WARM_UP
    )
    optimizer = tf.keras.optimizers.Adam(schedule, epsilon=1e-8)
    optimizer.build(student.variables)
    return optimizer


def loss_of(
    graph: Graph, wanted: dict[str, Tensor], found: dict[str, Tensor], powers: Powers
) -> Tensor:
    """Return the loss of a network's tensors against the targets.

    It is the relative squared error of the softmax's inputs (or of the outputs), plus the mean
    relative squared error of the sums where branches meet (or of all layers), which guides early
    layers better than the outputs do, plus the Kullback-Leibler divergence of a softmax. Errors are
    relative to `powers`, or else to what the targets have.
    """
    loss = tf.zeros(())
    for output in graph.outputs:
        last, classes = judged(graph, output)
        loss += _relative(wanted[last], found[last], powers.get(last))
        if classes:
            p, q = (tf.nn.log_softmax(tensors[last]) for tensors in (wanted, found))
            divergences = tf.reduce_sum(tf.exp(p) * (p - q), axis=-1)
            loss += tf.reduce_mean(divergences)
    inner = guides(graph)
    for name in inner:
        loss += _relative(wanted[name], found[name], powers.get(name)) / len(inner)
    return loss


def _relative(wanted: Tensor, found: Tensor, power_of_one: Tensor | None) -> Tensor:
    """Return squared error over squared deviation from the channels' means."""
    if power_of_one is None:
        others = tuple(range(len(wanted.shape) - 1))
        mean = tf.reduce_mean(wanted, axis=others, keepdims=True)
        power = tf.reduce_sum(tf.square(wanted - mean))
    else:
        power = power_of_one * tf.cast(tf.shape(wanted)[0], tf.float32)
    return tf.reduce_sum(tf.square(wanted - found)) / (power + 1e-12)
