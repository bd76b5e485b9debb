"""Training an integer network."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from microlut.integer import QuantizedGraph
from microlut.ops.linear import QLinear
from microlut.quantize.quality import integer_quality
from microlut.quantize.weights import WeightConfig
from microlut.support.progress import silent
from small_classifier import classifier, pictures, prepared

pytest.importorskip("tensorflow", reason="needs TensorFlow; pip install tensorflow")

from microlut.distill import decision, stage, train
from microlut.distill.student import Student


def start(bits: int, softmax: bool = True):
    ready = prepared(classifier(softmax), pictures(240), WeightConfig(bits))
    return ready, ready.configs, ready.quantize(ready.configs)


def same(a: QuantizedGraph, b: QuantizedGraph) -> bool:
    pairs = zip(a.weighted(), b.weighted(), strict=True)
    return all(
        np.array_equal(x.weights.indices, y.weights.indices)
        and np.array_equal(x.weights.scales, y.weights.scales)
        and np.array_equal(x.output.bias, y.output.bias)
        for (_, x), (_, y) in pairs
    )


def damaged(quantized: QuantizedGraph) -> QuantizedGraph:
    """Return the network with the scales of all layers a fifth too large."""
    nodes = []
    for node in quantized.nodes:
        if isinstance(node.op, QLinear):
            scales = (node.op.weights.scales * np.float32(1.2)).astype(np.float32)
            op = replace(node.op, weights=replace(node.op.weights, scales=scales))
            node = replace(node, op=op)
        nodes.append(node)
    return replace(quantized, nodes=tuple(nodes))


def distilled(ready, configs, quantized, progress=silent) -> QuantizedGraph | None:
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(stage, "trains_ahead", lambda _graph: False)
        training = stage.training_for(ready, quantized, configs)
        assert training is not None
        return stage.distilled(ready, quantized, configs, training, progress).quantized


def damaged_start(bits: int, softmax: bool = True):
    ready, configs, quantized = start(bits, softmax)
    return ready, configs, Student(ready.graph, damaged(quantized), configs).quantized()


@pytest.mark.parametrize("softmax", [True, False])
def test_training_mends_what_is_wrong_on_other_inputs_too(softmax, monkeypatch):
    monkeypatch.setattr(decision, "_STEPS", 300)
    ready, configs, untrained = damaged_start(3, softmax)
    graph, others = ready.graph, pictures(200, seed=7)
    trained = distilled(ready, configs, untrained)
    assert trained is not None
    before, after = (
        integer_quality(graph, found, others).divergence for found in (untrained, trained)
    )
    assert after < 0.5 * before


def test_training_is_repeatable_and_tells_how_far_it_is(monkeypatch):
    monkeypatch.setattr(decision, "_STEPS", 100)
    ready, configs, quantized = damaged_start(2)
    told = []
    first, second = (
        distilled(ready, configs, quantized, lambda *step: told.append(step)) for _ in range(2)
    )
    assert first is not None
    assert second is not None
    assert same(first, second)
    assert told[:2] == [("distill", 0, 100), ("distill", 1, 100)]


def test_a_network_that_comes_no_nearer_is_left_alone(monkeypatch):
    ready, configs, quantized = start(2)
    monkeypatch.setattr(decision, "_LITTLE", 0.0)
    monkeypatch.setattr(train, "RATE", 10.0)
    monkeypatch.setattr(decision, "_STEPS", 100)
    assert distilled(ready, configs, quantized) is None
