"""Train the layers that are not yet quantized to make up for those that are.

Layers are quantized in execution order. After some of them, the layers behind, still with real
weights, are trained so that the network answers like the float network (as QuIP#, Tseng et al.
2024, does with the layers of a language model). Unlike distillation, which comes after it, this can
decide on indices that overlap.

`decision.trains_ahead` says for which networks.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import tensorflow as tf

from microlut.distill.decision import BATCH
from microlut.distill.slices import Powers, float_tensors, step_of
from microlut.distill.student import BIAS_UNIT, Tensor, rounded_to
from microlut.distill.train import loss_of, optimizer_of
from microlut.distill.variety import varied
from microlut.graph.batch import Batch
from microlut.graph.ir import Graph
from microlut.ops.linear import Linear, QLinear
from microlut.ops.softmax import Softmax
from microlut.quantize.ranges.activations import quantized_tensors
from microlut.quantize.ranges.measure import Ranges
from microlut.quantize.weight_error import real_kernel
from microlut.support.progress import Progress

_RATE = 0.02  # of weights, in deviations of their layer's weights
_MOST_STEPS, _FEWEST_STEPS = 60, 30  # after one layer
_SEED = 1


class Ahead:
    """Layers before the one that is quantized next, as quantized, and those behind it to train."""

    def __init__(
        self, graph: Graph, ranges: Ranges, inputs: Batch, steps: int, progress: Progress
    ) -> None:
        """Begin with the float network.

        Args:
            graph: It, after the passes.
            ranges: Ranges of all its tensors.
            inputs: [n, ...] calibration inputs.
            steps: Number of batches to train with at most, after all layers together.
            progress: Called with ("train ahead", layers done, layers).
        """
        self._graph, self._progress = graph, progress
        self._tensors = quantized_tensors(graph, ranges)
        self._batches = varied(inputs, graph, BATCH, np.random.default_rng(_SEED))
        outputs = {node.name: node.output for node, _ in graph.weighted()}
        self._layers = {
            node.name: _layer(op, self._tensors[outputs[node.name]].quantized.scale)
            for node, op in graph.weighted()
            if isinstance(op, Linear)
        }
        count = len(self._layers) - 1  # nothing is behind the last one
        self._steps = max(_FEWEST_STEPS, min(_MOST_STEPS, steps // max(1, count)))
        some = np.linspace(0, count - 1, max(1, min(count, steps // self._steps))).round()
        names = list(self._layers)
        self._after = {names[int(place)] for place in some} if count > 0 else set()
        self.variables: list[Any] = [v for layer in self._layers.values() for v in layer.moved]
        self._optimizer = optimizer_of(self, self._steps, _RATE)
        self._step = step_of(graph, self, self._optimizer, self._loss)

    def __call__(self, name: str, found: QLinear) -> Mapping[str, Linear]:
        """Take a layer as it was quantized, train those behind it, and return these."""
        names = list(self._layers)
        self._progress("train ahead", names.index(name), len(names))
        layer, x = self._layers[name], self._graph.node(name).inputs[0]
        unit = self._tensors[x].quantized.scale * found.weights.scales.astype(np.float64)
        kernel = real_kernel(found.weights, layer.op.channel_axis)
        layer.fix(kernel, (found.output.bias * unit).astype(np.float32))
        if name not in self._after:
            return {}
        for variable in self._optimizer.variables:
            variable.assign(tf.zeros_like(variable))
        for _ in range(self._steps):
            self._step(dict(next(self._batches).arrays))
        left = names[names.index(name) + 1 :]
        return {key: self._layers[key].trained() for key in left}

    def _loss(self, powers: Powers, x: dict[str, Tensor]) -> Tensor:
        return loss_of(self._graph, float_tensors(self._graph, x), self.tensors(x), powers)

    def tensors(self, x: dict[str, Tensor]) -> dict[str, Tensor]:
        """Return every tensor by name, rounded, for inputs [batch, ...] by name."""
        found = {name: rounded_to(self._tensors[name], values) for name, values in x.items()}
        for node in self._graph.nodes:
            inputs = [found[name] for name in node.inputs]
            layer = self._layers.get(node.name)
            made = node.op.train(tf, inputs) if layer is None else (layer.output(inputs[0]),)
            for tensor, y in zip(node.outputs, made, strict=True):
                softmax = isinstance(node.op, Softmax)
                found[tensor.name] = y if softmax else rounded_to(self._tensors[tensor.name], y)
        return found

    def limit(self) -> None:
        """Real weights have no limits."""


@dataclass(slots=True)
class _Layer:
    """A layer whose weights move until it is quantized.

    Attributes:
        op: The layer in the float network.
        start: Its kernel and bias, which are those to keep once it is quantized.
        moved: How far they have moved, in `units`.
        units: What the optimizer's 1 is worth.
        free: 1 while they may move, then 0.
    """

    op: Linear
    start: tuple[Tensor, Tensor]
    moved: tuple[Tensor, Tensor]
    units: tuple[float, float]
    free: Tensor

    def values(self) -> tuple[Tensor, Tensor]:
        """Return the kernel and the bias."""
        each = zip(self.start, self.moved, self.units, strict=True)
        kernel, bias = (start + self.free * unit * moved for start, moved, unit in each)
        return kernel, bias

    def output(self, x: Tensor) -> Tensor:
        """Return the layer's output before rounding."""
        y = self.op.train_linear(tf, x, *self.values())
        return self.op.activation.train(tf, y)

    def trained(self) -> Linear:
        """Return the layer with the weights as they are."""
        kernel, bias = (value.numpy() for value in self.values())
        return self.op.with_weights(kernel, bias)

    def fix(self, *values: Any) -> None:  # noqa: ANN401
        """Keep a kernel and a bias from now on."""
        self.free.assign(0.0)
        for start, value in zip(self.start, values, strict=True):
            start.assign(value)


def _layer(op: Linear, step: float) -> _Layer:
    values = (op.kernel, op.bias)
    return _Layer(
        op,
        start=(tf.Variable(op.kernel), tf.Variable(op.bias)),
        moved=tuple(tf.Variable(tf.zeros(value.shape)) for value in values),
        units=(float(op.kernel.std()) or 1.0, BIAS_UNIT * step),
        free=tf.Variable(1.0),
    )
