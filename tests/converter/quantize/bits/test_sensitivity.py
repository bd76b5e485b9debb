"""What bits cost by layer: errors that fall with bits, in the float network and nowhere else."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np
import pytest

from graphs import all_tensors, input_limits, make_node, net
from microlut.graph import evaluate as float_ops
from microlut.graph.batch import Arrays
from microlut.graph.ir import Graph, Node
from microlut.integer.packing import weight_bytes
from microlut.ops.activation import ActivationKind
from microlut.ops.add import Add
from microlut.ops.arrays import FloatArray
from microlut.ops.conv2d import Conv2D
from microlut.ops.dense import Dense
from microlut.ops.depthwise_conv2d import DepthwiseConv2D
from microlut.ops.tensor import Tensor, quantize_array
from microlut.ops.weights import QuantizedWeights
from microlut.quantize.assign.covariance import reconstruction_moments
from microlut.quantize.bits.sensitivity import Candidates, sensitivities
from microlut.quantize.quality import affordable_inputs, relative_error, spread
from microlut.quantize.ranges.activations import quantized_tensors
from microlut.quantize.ranges.measure import Ranges, calibrate
from microlut.quantize.storable import scale_rule
from microlut.quantize.weight_error import real_kernel
from microlut.quantize.weights import BIT_WIDTHS, Method, WeightConfig, quantize_weights
from microlut.quantize.without_data.fit import expected_ranges, fit_weights
from microlut.quantize.without_data.synthetic import synthetic_inputs
from microlut.support import progress
from small_classifier import classifier, pictures

METHODS: tuple[Method, ...] = ("calibrated", "fitted", "empirical")


def widths(method: Method = "calibrated") -> list[WeightConfig]:
    return [WeightConfig(bits, method=method) for bits in BIT_WIDTHS]


def measured(
    graph: Graph, x: Arrays, configs: Sequence[WeightConfig], ranges: Ranges | None = None
) -> Candidates:
    options = {node.name: configs for node, _ in graph.weighted()}
    return sensitivities(graph, ranges or calibrate(graph, x), x, options, progress.silent)


@pytest.mark.parametrize("method", METHODS)
def test_divergences_fall_with_bits(method: Method):
    for choices in measured(classifier(), pictures(), widths(method)).values():
        lost = [choice.divergence for choice in choices]
        assert lost[0] > 4 * lost[3]  # 2 and 5 bits
        assert lost[0] > 20 * lost[6]
        assert lost[3] > lost[6]
        assert min(lost) >= 0


def test_branches_and_depthwise_layers_are_measured():
    kinds = {type(op) for _, op in classifier().weighted()}
    assert kinds == {Conv2D, DepthwiseConv2D, Dense}
    assert any(isinstance(node.op, Add) for node in classifier().nodes)


def test_synthetic_inputs_serve_where_there_are_no_others():
    graph = classifier()
    span = input_limits(graph, (-3.0, 3.0))
    x = synthetic_inputs(graph, span)
    found = measured(graph, x, widths("fitted"), expected_ranges(graph, x, span))
    assert all(choices[0].divergence > choices[-1].divergence for choices in found.values())


def faint(factor: float) -> Graph:
    """Return two parallel dense layers and their sum, in which one branch is `factor` as large."""
    rng = np.random.default_rng(0)
    kernels = [rng.normal(size=(6, 12)).astype(np.float32) for _ in range(2)]
    kernels[1] *= np.float32(factor)
    zeros = np.zeros(6, np.float32)
    nodes = (
        make_node("loud", Dense(kernels[0], zeros), ("x",), (6,)),
        make_node("faint", Dense(kernels[1], zeros), ("x",), (6,)),
        make_node("sum", Add(), ("loud", "faint"), (6,)),
    )
    return net("net", "x", (12,), nodes, "sum")


def test_layer_that_hardly_reaches_the_result_costs_much_less():
    x = np.random.default_rng(1).normal(size=(50, 12)).astype(np.float32)
    equal, unequal = (measured(faint(factor), x, widths()) for factor in (1.0, 0.01))
    assert 0.2 < equal["faint"][0].divergence / equal["loud"][0].divergence < 5
    assert unequal["faint"][0].divergence < unequal["loud"][0].divergence / 1000


def test_layer_that_does_not_reach_the_result_costs_nothing():
    graph = replace(faint(1.0), outputs=("loud",))
    x = np.random.default_rng(1).normal(size=(50, 12)).astype(np.float32)
    found = measured(graph, x, widths())
    assert {choice.divergence for choice in found["faint"]} == {0.0}
    assert found["loud"][0].divergence > 0


@pytest.mark.parametrize("granularity", ["channel", "tensor"])
def test_bytes_and_weights_are_those_of_the_layer(granularity):
    graph, x = classifier(), pictures()
    configs = [WeightConfig(bits, granularity) for bits in BIT_WIDTHS]
    found, known = measured(graph, x, configs), quantized_tensors(graph, calibrate(graph, x))
    tensors = all_tensors(graph, x)
    for node, op in graph.weighted():
        for choice in found[node.name]:
            weights = _weights(node, tensors[node.inputs[0]], known, choice.config)
            assert choice.bytes == weight_bytes(weights)
            assert choice.weights == op.kernel.size


def test_options_and_layers_keep_their_order():
    graph, x = classifier(), pictures()
    names = [node.name for node, _ in graph.weighted()][::-1]
    configs = [WeightConfig(bits) for bits in (5, 2, 8)]
    options = dict.fromkeys(names, configs)
    found = sensitivities(graph, calibrate(graph, x), x, options, progress.silent)
    assert list(found) == names
    for choices in found.values():
        assert [choice.config for choice in choices] == configs


def test_only_the_layers_that_are_asked_for_are_measured_and_told():
    graph, x = classifier(), pictures()
    names = [node.name for node, _ in graph.weighted()][1:3]
    told: list[tuple[str, int, int]] = []
    options = {name: [WeightConfig(4)] for name in names}
    found = sensitivities(graph, calibrate(graph, x), x, options, lambda *what: told.append(what))
    assert list(found) == names
    assert told == [("measure bits", 0, 2), ("measure bits", 1, 2)]


@pytest.mark.parametrize("softmax", [True, False])
@pytest.mark.parametrize(
    "config",
    [WeightConfig(8), WeightConfig(3, "tensor"), WeightConfig(3, method="fitted")],
    ids=["int8", "tensor", "fitted"],
)
def test_the_rest_of_the_network_is_the_float_network(config: WeightConfig, softmax: bool):
    graph, x = classifier(softmax), pictures()
    ranges = calibrate(graph, x)
    known = quantized_tensors(graph, ranges)
    found = measured(graph, x, [config], ranges)
    whole = classifier(softmax=False)  # what a final softmax reads is what counts
    tensors = all_tensors(graph, x)
    for index, node in enumerate(whole.nodes):
        if node.name not in found:
            continue
        weights = _weights(node, tensors[node.inputs[0]], known, config)
        kernel = real_kernel(weights, node.op.channel_axis)
        corrected = _with_the_means_of(whole, index, kernel, x)
        nodes = (*whole.nodes[:index], corrected, *whole.nodes[index + 1 :])
        changed = float_ops.evaluate(replace(whole, nodes=nodes), x)
        expected = relative_error(tensors[whole.outputs[0]], changed)
        assert expected > 0
        assert found[node.name][0].divergence == pytest.approx(expected, rel=0.002)


def _weights(
    node: Node, x: FloatArray, known: Mapping[str, Tensor], config: WeightConfig
) -> QuantizedWeights:
    """Return the weights of one layer alone, from its float inputs."""
    op, quantization = node.op, known[node.inputs[0]].quantized
    rule = scale_rule(op, quantization, known[node.output].quantized)
    if config.method == "fitted":
        return fit_weights(op, x, config, rule)
    moments = reconstruction_moments(op, quantize_array(x, quantization), quantization, x)
    return quantize_weights(op.kernel, op.channel_axis, config, moments, rule)


def _with_the_means_of(graph: Graph, index: int, kernel: FloatArray, x: FloatArray) -> Node:
    """Return the node with another kernel and the bias that keeps its means before activation."""
    node = graph.nodes[index]
    means = []
    for changed in (node.op, replace(node.op, kernel=kernel)):
        linear = replace(node, op=replace(changed, activation=ActivationKind.LINEAR))
        nodes = (*graph.nodes[:index], linear)
        y = float_ops.evaluate(replace(graph, nodes=nodes, outputs=(node.output,)), x)
        means.append(y.mean(axis=tuple(range(y.ndim - 1)), dtype=np.float64))
    bias = (node.op.bias + means[0] - means[1]).astype(np.float32)
    return replace(node, op=replace(node.op, kernel=kernel, bias=bias))


def test_of_many_inputs_as_many_as_are_worth_while_are_looked_at(monkeypatch):
    graph, x = classifier(), pictures(300)
    seen = set()
    whole = float_ops.evaluate_node

    def count(node, inputs):
        seen.add(len(inputs[0]))
        return whole(node, inputs)

    monkeypatch.setattr(float_ops, "evaluate_node", count)
    measured(graph, x, [WeightConfig(2)])
    assert max(seen) == affordable_inputs(graph) == 128


def test_inputs_that_are_looked_at_are_from_all_over():
    graph, x = classifier(), pictures(300)
    ranges = calibrate(graph, x)
    chosen = spread(x, affordable_inputs(graph))
    assert measured(graph, x, [WeightConfig(2)], ranges) == measured(
        graph, chosen, [WeightConfig(2)], ranges
    )
