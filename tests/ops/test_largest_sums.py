"""The bound of sums that the report has: reached by the worst input, and by no other passed."""

from __future__ import annotations

import numpy as np
import pytest

import random_layers as rl
from digits_example import conversion
from microlut.ops.linear import QLinear


@pytest.mark.parametrize("kind", ["conv2d", "depthwise_conv2d", "dense"])
def test_bound_of_random_layers(kind: str):
    random, reached = np.random.default_rng(3), 0
    for graph in rl.layer_cases(kind, range(12), 77):
        node, op = graph.weighted()[0]
        assert isinstance(op, QLinear)
        x = graph.tensors()[node.inputs[0]]
        bounds = op.largest_sums(x)
        assert bounds.max() < 2**31
        inputs = random.choice([-128, 127], (20, *x.shape)).astype(np.int8)
        sums = op.accumulate(inputs, x.zero_point).astype(np.int64) + op.output.bias
        assert np.all(np.abs(sums).reshape(-1, len(bounds)).max(axis=0) <= bounds)
        if kind != "dense" or len(x.shape) != 1:
            continue
        for channel, weights in enumerate(op.weights_by_channel()):
            worst = [np.where(weights > 0, a, b) for a, b in ((127, -128), (-128, 127))]
            found = op.accumulate(np.int8(worst), x.zero_point)[:, channel].astype(np.int64)
            reached += int(np.abs(found + op.output.bias[channel]).max() == bounds[channel])
            assert np.abs(found + op.output.bias[channel]).max() == bounds[channel]
    assert kind != "dense" or reached > 20


def test_report_has_the_bounds():
    layers = {layer.name: layer for layer in conversion().report.layers}
    graph = conversion().quantized
    for node, op in graph.weighted():
        assert isinstance(op, QLinear)
        found = op.largest_sums(graph.tensors()[node.inputs[0]])
        assert layers[node.name].largest_sums == tuple(found.tolist())
        assert layers[node.name].sum_bits == 32
    assert layers["pool"].largest_sums is None
