"""The quantization stage: from a float graph, ranges and samples to a quantized graph.

With calibration samples, layers are quantized in execution order: first the weights, then the bias.
The bias absorbs the shift of each output channel's mean on the samples that the quantization of
weights and activations up to this layer causes (Nagel et al. 2019, section 4.2). Without samples,
`quantize_without_data` uses synthetic inputs (`without_data`).

Layers that share a kernel, such as the calls of one layer, share the quantized weights of the first
of them, with its bits.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial

import numpy as np

from microlut.graph.batch import Arrays, by_name
from microlut.graph.evaluate import evaluate_node as evaluate_float
from microlut.graph.evaluate import given, settled, with_states
from microlut.graph.ir import Graph, Node
from microlut.graph.network import State, last_reads
from microlut.integer import QNode, QuantizedGraph
from microlut.integer.evaluate import evaluate_node
from microlut.ops.arrays import FloatArray, IntArray
from microlut.ops.linear import Linear, QLinear
from microlut.ops.tensor import Quantization, Tensor, dequantize_array, quantize_array
from microlut.ops.weights import QuantizedWeights
from microlut.quantize.assign.covariance import reconstruction_moments
from microlut.quantize.assign.reconstruct import ScaleRule
from microlut.quantize.biases import chosen_biases
from microlut.quantize.nodes import exact_node, integer_nodes, quantized_outputs
from microlut.quantize.own_rows import OWN_ROWS, SharedRows, quantize_rows
from microlut.quantize.quality import spread
from microlut.quantize.ranges.activations import quantized_tensors
from microlut.quantize.ranges.measure import Ranges
from microlut.quantize.shared import kernel_key
from microlut.quantize.storable import scale_rule, with_biases
from microlut.quantize.types import check_types
from microlut.quantize.weights import LayerConfigs, WeightConfig, quantize_weights
from microlut.quantize.without_data.fit import fit_weights, fitted_bias
from microlut.quantize.without_data.synthetic import walk

_CORRECTION_BYTES = 1 << 30  # float and int8 activations kept while the means are corrected
_FLOAT_BATCH = 32
_Ends = tuple[Tensor, Tensor]  # a layer's input and output
Revise = Callable[[str, QLinear], Mapping[str, Linear]]


@dataclass(slots=True)
class _Values:
    """One tensor's values in the float and in the quantized network, for bias correction."""

    real: FloatArray
    integer: IntArray


@dataclass(slots=True)
class SharedWeights:
    """Quantized weights by the values of their kernel."""

    found: dict[tuple[object, ...], QuantizedWeights] = field(default_factory=dict)
    rows: SharedRows = field(default_factory=SharedRows)

    def of(
        self, op: Linear, rule: ScaleRule, new: Callable[[], QuantizedWeights]
    ) -> QuantizedWeights:
        """Return the weights of an equal kernel, with scales that this layer can store.

        The first layer with a kernel takes the weights that `new` makes.
        """
        key = kernel_key(op)
        if key not in self.found:
            self.found[key] = new()
            return self.found[key]
        weights = self.found[key]
        scales = rule(weights.scales.astype(np.float64)).astype(np.float32)
        return replace(weights, scales=scales)


def quantize(
    graph: Graph,
    ranges: Ranges,
    samples: Arrays,
    config: WeightConfig | LayerConfigs,
    revise: Revise | None = None,
) -> QuantizedGraph:
    """Quantize a graph on which all passes have run.

    Args:
        graph: Float graph without BatchNorm and Identity.
        ranges: Calibrated range and type of every tensor.
        samples: [n, ...] calibration inputs, by which the biases are corrected.
        config: How weights are quantized: for all layers, or per layer by its node's name.
        revise: Called with each layer once it is quantized; returns the layers after it with
            weights that make up for it, as far as it has such.

    Raises:
        UnsupportedModel: An operator has no integer form for these ranges or types.
    """
    check_types(graph, ranges)
    configs = _by_layer(graph, config)
    samples = spread(samples, _correction_samples(graph))
    tensors = quantized_tensors(graph, ranges)
    values = _first_values(graph, tensors, samples)
    shared = SharedWeights()
    nodes = []
    revised: dict[str, Linear] = {}
    for node, freed in zip(graph.nodes, last_reads(graph.nodes), strict=True):
        inputs = [values[name] for name in node.inputs]
        exact = exact_node(graph, node, configs)
        if exact is None and isinstance(node.op, OWN_ROWS):
            reads, config = (inputs[0].real, inputs[0].integer), configs[node.name]
            stored = graph.exact.get(node.name)
            exact = quantize_rows(node, stored, reads, tensors, config, shared.rows)
        if exact is not None:
            nodes.append(exact)
            computed = evaluate_node(exact, [value.integer for value in inputs], tensors)
            real = evaluate_float(node, [value.real for value in inputs])
            values.update({name: _Values(real[name], y) for name, y in computed.items()})
        elif isinstance(node.op, Linear):
            ends = tensors[node.inputs[0]], tensors[node.output]
            config = configs[node.name]
            if node.name in revised:  # it has learned to read what the integer network gives
                read = inputs[0].integer
                inputs[0] = _Values(dequantize_array(read, ends[0].quantized), read)
            float_op = revised.get(node.name, node.op)
            op, made = _quantize_linear(float_op, inputs[0], ends, config, shared)
            if revise is not None:
                revised.update(revise(node.name, op))
            made.real = settled(node.outputs[0], made.real)
            nodes.append(QNode(node.name, op, node.inputs, quantized_outputs(node, tensors)))
            values[node.output] = made
        else:
            nodes.extend(_quantize_other(node, inputs, tensors, values))
        for name in freed:
            values.pop(name)
    return assembled(graph, tensors, nodes)


def quantize_without_data(
    graph: Graph,
    ranges: Ranges,
    inputs: Arrays,
    config: WeightConfig | LayerConfigs,
) -> QuantizedGraph:
    """Quantize a graph with synthetic inputs.

    Other arguments, and what is raised, are those of `quantize`.
    """
    check_types(graph, ranges)
    configs = _by_layer(graph, config)
    tensors = quantized_tensors(graph, ranges)
    shared = SharedWeights()
    nodes: list[QNode] = []
    for step in walk(graph, inputs):
        node, op = step.node, step.node.op
        exact = exact_node(graph, node, configs)
        if exact is not None:
            nodes.append(exact)
        elif isinstance(op, Linear):
            x, end = tensors[node.inputs[0]].quantized, tensors[node.output]
            output = end.quantized
            rule = scale_rule(op, x, output)
            new = partial(fit_weights, op, step.inputs[0], configs[node.name], rule)
            weights = shared.of(op, rule, new)
            unit = x.scale * weights.scales.astype(np.float64)
            draft = op.unbiased(weights, x, output, end.dtype)
            corrects = configs[node.name].corrects
            bias = fitted_bias(op, weights, step.inputs[0]) if corrects else op.bias
            fitted = with_biases(draft, bias / unit, x, output)
            nodes.append(QNode(node.name, fitted, node.inputs, quantized_outputs(node, tensors)))
        elif isinstance(op, OWN_ROWS):
            real = step.inputs[0]
            source = tensors[node.inputs[0]]
            reads = real, quantize_array(real, source.quantized, source.dtype)
            config = replace(configs[node.name], method="fitted")
            stored = graph.exact.get(node.name)
            nodes.append(quantize_rows(node, stored, reads, tensors, config, shared.rows))
        else:
            nodes.extend(integer_nodes(node, tensors))
    return assembled(graph, tensors, nodes)


def _by_layer(graph: Graph, config: WeightConfig | LayerConfigs) -> LayerConfigs:
    if isinstance(config, WeightConfig):
        return dict.fromkeys((node.name for node in graph.nodes), config)
    return config


def assembled(graph: Graph, tensors: Mapping[str, Tensor], nodes: list[QNode]) -> QuantizedGraph:
    """Return the quantized graph of these nodes."""
    return QuantizedGraph(
        name=graph.name,
        inputs=tuple(tensors[tensor.name] for tensor in graph.inputs),
        nodes=tuple(nodes),
        outputs=graph.outputs,
        states=tuple(State(tensors[s.tensor.name], s.source) for s in graph.states),
        output_names=graph.output_names,
        output_orders=graph.output_orders,
    )


def _correction_samples(graph: Graph) -> int:
    values = sum(tensor.size for tensor in graph.tensors().values())
    return max(1, _CORRECTION_BYTES // (5 * values))


def _first_values(
    graph: Graph, tensors: Mapping[str, Tensor], samples: Arrays
) -> dict[str, _Values]:
    reals = with_states(graph, given(graph, by_name(graph.inputs, samples)))
    return {
        name: _Values(real, quantize_array(real, tensors[name].quantized, tensors[name].dtype))
        for name, real in reals.items()
    }


def _quantize_other(
    node: Node,
    inputs: Sequence[_Values],
    tensors: Mapping[str, Tensor],
    values: dict[str, _Values],
) -> Iterator[QNode]:
    """Yield the integer form of an operator without weights, and add its outputs to `values`."""
    known = dict(tensors)
    integers = {name: value.integer for name, value in zip(node.inputs, inputs, strict=True)}
    for qnode in integer_nodes(node, tensors):
        known.update({tensor.name: tensor for tensor in qnode.outputs})
        read = [integers[name] for name in qnode.inputs]
        integers.update(evaluate_node(qnode, read, known))
        yield qnode
    reals = evaluate_float(node, [value.real for value in inputs])
    for name, real in reals.items():
        values[name] = _Values(real, integers[name])


def _quantize_linear(
    op: Linear, x: _Values, ends: _Ends, config: WeightConfig, shared: SharedWeights
) -> tuple[QLinear, _Values]:
    """Quantize a layer's weights and choose the biases that keep its channel means.

    The means are those of the layer's output before its activation. `ends` are its input and its
    output.
    """
    source, output = (tensor.quantized for tensor in ends)
    rule = scale_rule(op, source, output)
    weights = shared.of(op, rule, partial(_weights, op, x, source, config, rule))
    draft = op.unbiased(weights, source, output, ends[1].dtype)
    wanted = _linear_output(op, x.real)
    reached = draft.accumulate(x.integer, source.zero_point)
    unit = source.scale * weights.scales.astype(np.float64)
    bias = chosen_biases(op, wanted, reached, unit) if config.corrects else op.bias / unit
    qop = with_biases(draft, bias, source, output)
    return qop, _Values(op.activation.apply(wanted), qop.finished(reached, ends[1]))


def _weights(
    op: Linear, x: _Values, source: Quantization, config: WeightConfig, rule: ScaleRule
) -> QuantizedWeights:
    moments = None
    if config.needs_data and (config.bits != 8 or config.sparsity > 0):
        moments = reconstruction_moments(op, x.integer, source, x.real)
    return quantize_weights(op.kernel, op.channel_axis, config, moments, rule)


def _linear_output(op: Linear, x: FloatArray) -> FloatArray:
    """Return the layer's float output before its activation, computed in batches."""
    starts = range(0, len(x), _FLOAT_BATCH)
    return np.concatenate([op.linear([x[i : i + _FLOAT_BATCH]]) for i in starts])
