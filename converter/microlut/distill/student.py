"""The integer network as one that can be trained.

Activations are rounded to int8 as in the integer network, and weights are levels times scales.
Gradients pass straight through roundings (Bengio et al. 2013, "straight-through"). A weight with
few levels has a position on the line of its levels and is assigned the nearest one. Where indices
overlap, or weights are to stay zero, each keeps its index. Layers that share their weights share
these variables, so that their weights are stored once after training as before.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from microlut.graph.ir import Graph
from microlut.integer import QNode, QuantizedGraph
from microlut.integer.packing import weight_owners
from microlut.ops.arrays import FloatArray
from microlut.ops.linear import Linear, QLinear
from microlut.ops.softmax import Softmax
from microlut.ops.tensor import Quantization, quantized_range
from microlut.ops.tensor import Tensor as QuantizedTensor
from microlut.quantize.assign.reconstruct import LEVEL_MAX, REFITTED_LEVELS
from microlut.quantize.levels.densities import Array
from microlut.quantize.storable import scale_rule, with_biases
from microlut.quantize.weight_error import with_error
from microlut.quantize.weights import LayerConfigs, WeightConfig

Tensor = Any  # TensorFlow has no types

# What a variable moves by when the optimizer moves it by 1: one rate then serves all of them.
_LEVEL_UNIT = LEVEL_MAX
_PLACE_UNIT = 4.0  # distances of neighbouring levels
BIAS_UNIT = 16  # steps of the layer's output in int8


class Student:
    """The integer network of a float graph; training may change its `variables`."""

    def __init__(self, graph: Graph, quantized: QuantizedGraph, configs: LayerConfigs) -> None:
        self._graph, self._quantized = graph, quantized
        self._layers: dict[str, _Layer] = {}
        owners = weight_owners(quantized)
        for node, op in graph.weighted():
            if not isinstance(op, Linear):  # recurrent layers keep their weights
                continue
            self._layers[node.name] = _Layer(
                op,
                quantized.node(node.name),
                quantized.quantization_of(node.inputs[0]),
                configs[node.name],
                self._layers.get(owners[node.name]),
            )
        self.variables = [v for layer in self._layers.values() for v in layer.variables]

    def tensors(self, x: dict[str, Tensor]) -> dict[str, Tensor]:
        """Return every tensor by name as real values, for inputs [batch, ...] by name."""
        tensors = self._quantized.tensors()
        found = {name: rounded_to(tensors[name], values) for name, values in x.items()}
        for node in self._graph.nodes:
            inputs = [found[name] for name in node.inputs]
            layer = self._layers.get(node.name)
            made = (layer(inputs[0]),) if layer is not None else node.op.train(tf, inputs)
            for tensor, y in zip(node.outputs, made, strict=True):
                # Training goes by what a softmax reads, and needs the float probabilities.
                softmax = isinstance(node.op, Softmax)
                found[tensor.name] = y if softmax else rounded_to(tensors[tensor.name], y)
        return found

    def limit(self) -> None:
        """Keep levels within int8 and in order; call after each change of the variables."""
        for layer in self._layers.values():
            layer.limit()

    def quantized(self) -> QuantizedGraph:
        """Return the integer network with the current variables."""
        nodes = []
        for node in self._quantized.nodes:
            layer = self._layers.get(node.name)
            nodes.append(node if layer is None else replace(node, op=layer.quantized()))
        return replace(self._quantized, nodes=tuple(nodes))


class _Layer:
    """A layer with weights. Scales change by factors, all other variables by sums."""

    def __init__(
        self,
        op: Linear,
        qnode: QNode,
        x: Quantization,
        config: WeightConfig,
        owner: _Layer | None,
    ) -> None:
        """Begin with a quantized layer, whose levels and positions `owner` may have already."""
        assert isinstance(qnode.op, QLinear)
        self._op, self._qop = op, qnode.op
        self._x, self._output, self._granularity = x, qnode.quantization, config.granularity
        self._dtype = qnode.outputs[0].dtype
        steps = BIAS_UNIT * (256 if self._dtype == "int16" else 1)
        self._bias_unit = steps * self._output.scale
        weights = qnode.op.weights
        # plain int8 always has one scale per channel
        self._shared = config.granularity == "tensor" and weights.codebook is not None
        self._bias = (qnode.op.output.bias * _unit(x, weights.scales)).astype(np.float32)
        self._growth = tf.Variable(tf.zeros(1 if self._shared else len(weights.scales)))
        self._shift = tf.Variable(tf.zeros(len(weights.scales)))
        self.variables = [self._growth, self._shift]
        self._levels: Tensor = None  # variables, if trained
        self._places: Tensor = None
        self._place_unit = 1.0
        self._signs: Tensor = None  # of the levels, if they keep them, and so their order
        if weights.codebook is None:
            return
        if owner is not None and owner._qop.weights.shape == weights.shape:
            self._levels, self._places = owner._levels, owner._places
            self._place_unit = owner._place_unit
            return
        levels = weights.codebook.astype(np.float32)
        # With so many levels that they are close together, levels and weights stay as they are.
        # Overlapping indices cannot change one by one.
        few = len(levels) <= REFITTED_LEVELS
        if few or weights.overlap > 0:
            self._levels = tf.Variable(levels / _LEVEL_UNIT)
            self.variables.append(self._levels)
        if config.sparsity > 0 or weights.coded:
            self._signs = tf.constant(np.sign(levels))
        elif few and weights.overlap == 0:
            span = max(float(levels[-1] - levels[0]), 1.0)  # equal weights have equal levels
            self._place_unit = _PLACE_UNIT * span / (len(levels) - 1)
            self._places = tf.Variable(weights.int8().astype(np.float32) / self._place_unit)
            self.variables.append(self._places)

    def __call__(self, x: Tensor) -> Tensor:
        """Return the layer's real output before rounding."""
        weights = self._qop.weights
        if self._levels is None:
            values = _outside(weights.int8().astype(np.float32))
        else:
            values = self._chosen()
        by_channel = [1] * len(weights.shape)
        by_channel[self._op.channel_axis] = -1
        scales = tf.reshape(weights.scales * tf.exp(self._growth), by_channel)
        bias = self._bias + self._shift * self._bias_unit
        y = self._op.train_linear(tf, x, values * scales, bias)
        return self._op.activation.train(tf, y)

    def _chosen(self) -> Tensor:
        """Return the level of each weight; gradients reach levels and positions."""
        levels: Tensor = self._levels * _LEVEL_UNIT
        levels += tf.stop_gradient(tf.round(levels) - levels)
        if self._places is None:
            weights = self._qop.weights
            return tf.gather(
                levels, _outside(weights.indices.reshape(weights.shape).astype(np.int32))
            )
        places = self._places * self._place_unit
        return tf.gather(levels, _nearest(levels, places)) + places - tf.stop_gradient(places)

    def limit(self) -> None:
        """Keep the levels within int8 and, unless indices overlap, in order and zero at zero."""
        if self._levels is not None:
            largest = LEVEL_MAX / _LEVEL_UNIT
            limited = tf.clip_by_value(self._levels, -largest, largest)
            if self._signs is not None:
                limited = self._signs * tf.nn.relu(self._signs * limited)
            ordered = self._places is not None or self._signs is not None
            self._levels.assign(tf.sort(limited) if ordered else limited)

    def quantized(self) -> QLinear:
        """Return the integer layer with the variables as they are."""
        weights = self._qop.weights
        if self._levels is not None:
            levels = np.rint(self._levels.numpy() * _LEVEL_UNIT)
            if self._places is not None:
                levels = _apart(levels)
                indices = _nearest(tf.constant(levels), self._places * self._place_unit).numpy()
                rows = indices.reshape(weights.indices.shape).astype(np.uint8)
                weights = replace(weights, indices=rows)
            weights = replace(weights, codebook=levels.astype(np.int8))
        wanted = weights.scales.astype(np.float64) * np.exp(self._growth.numpy())
        scales = scale_rule(self._op, self._x, self._output)(wanted)
        if self._shared:
            scales = np.full_like(scales, scales.max())
        weights = with_error(
            replace(weights, scales=scales.astype(np.float32)), self._op, self._granularity
        )
        bias = self._bias + self._shift.numpy() * self._bias_unit
        draft = self._op.unbiased(weights, self._x, self._output, self._dtype)
        return with_biases(draft, bias / _unit(self._x, scales), self._x, self._output)


def _outside(values: NDArray[Any]) -> Tensor:
    """Return a constant that functions read, of which those that are traced have no copies."""
    with tf.init_scope():
        return tf.constant(values)


def _unit(x: Quantization, scales: Array | FloatArray) -> Array:
    """Return the real value of one unit of the accumulator in each channel."""
    unit: Array = x.scale * scales.astype(np.float64)
    return unit


def _nearest(levels: Tensor, places: Tensor) -> Tensor:
    """Return the indices of the nearest of the ascending levels."""
    thresholds = tf.stop_gradient(levels[1:] + levels[:-1]) / 2
    return tf.reduce_sum(tf.cast(places[..., None] >= thresholds, tf.int32), axis=-1)


def _apart(levels: FloatArray) -> FloatArray:
    """Round ascending levels to distinct ascending int8 levels."""
    steps = np.arange(len(levels), dtype=np.float32)
    ascending = np.maximum.accumulate(levels - steps) + steps
    highest = LEVEL_MAX - steps[::-1]
    return np.minimum(ascending, highest)


def rounded_to(tensor: QuantizedTensor, x: Tensor) -> Tensor:
    """Return real values rounded and clamped to a type; gradients pass inside the range.

    Those of an input with scales per feature stay as they are: the same bytes follow in one scale.
    """
    if tensor.quantized.features is not None:
        return x
    low, high = quantized_range(tensor.quantized, tensor.dtype)
    bits = 16 if tensor.dtype == "int16" else 8
    return tf.quantization.fake_quant_with_min_max_args(x, min=low, max=high, num_bits=bits)
