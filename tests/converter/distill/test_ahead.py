"""Training the layers behind those that are quantized."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from microlut.ops.linear import Linear, QLinear
from microlut.quantize.quality import affordable_inputs, integer_quality, spread
from microlut.quantize.weight_error import real_kernel
from microlut.quantize.weights import WeightConfig
from microlut.support.progress import silent
from small_classifier import classifier, pictures, prepared

pytest.importorskip("tensorflow", reason="needs TensorFlow; pip install tensorflow")

from microlut.distill import decision, stage
from microlut.distill.ahead import Ahead


@pytest.fixture(scope="module")
def ready():
    return prepared(classifier(), pictures(240), WeightConfig(2))


class Spy:
    """Passes on what a trainer does, and keeps it."""

    def __init__(self, ahead: Ahead) -> None:
        self.ahead = ahead
        self.found: dict[str, QLinear] = {}
        self.given: list[set[str]] = []
        self.layers: dict[str, Linear] = {}

    def __call__(self, name: str, found: QLinear):
        self.found[name] = found
        layers = self.ahead(name, found)
        self.given.append(set(layers))
        self.layers.update(layers)
        return layers


@pytest.fixture(scope="module")
def spied(ready):
    spy = Spy(Ahead(ready.graph, ready.ranges, ready.samples, 90, silent))
    return spy, ready.quantize(ready.configs, spy)


def test_layers_behind_a_quantized_one_are_trained_and_no_others(ready, spied):
    spy, _ = spied
    names = [node.name for node, _ in ready.graph.weighted()]
    assert list(spy.found) == names
    assert spy.given == [set(names[1:]), set(names[2:]), set(names[3:]), set()]


def test_layers_are_quantized_with_the_weights_that_they_were_trained_to(ready, spied):
    spy, quantized = spied
    for node, op in quantized.weighted():
        assert op == spy.found[node.name]
    own = {node.name: op for node, op in ready.graph.weighted()}
    last = list(own)[-1]
    kernels = [own[last].kernel, spy.layers[last].kernel]
    stored = real_kernel(spy.found[last].weights, 0)
    errors = [np.sum((stored - kernel) ** 2) for kernel in kernels]
    assert not np.array_equal(*kernels)
    assert errors[1] < errors[0]


def test_trained_layers_make_up_for_those_before_them(ready, spied):
    others = pictures(200, seed=7)
    plain, ahead = (
        integer_quality(ready.graph, found, others).divergence
        for found in (ready.quantize(ready.configs), spied[1])
    )
    assert ahead < plain


def test_steps_are_shared_out_where_they_are_few(ready):
    spy = Spy(Ahead(ready.graph, ready.ranges, ready.samples, 30, silent))
    ready.quantize(ready.configs, spy)
    assert [bool(given) for given in spy.given] == [True, False, False, False]


def test_the_way_of_least_error_on_the_judges_is_taken(ready, monkeypatch):
    monkeypatch.setattr(decision, "_LITTLE", 0.0)
    monkeypatch.setattr(decision, "_STEPS", 100)
    quantized = ready.quantize(ready.configs)
    training = stage.training_for(ready, quantized, ready.configs)
    assert training is not None
    made = stage.distilled(ready, quantized, ready.configs, training, silent)
    assert set(made.errors) == {"not trained", "trained", "trained ahead, too"}
    assert made.errors[made.chosen] == min(made.errors.values())
    assert made.quantized is not None
    judges = spread(ready.samples, affordable_inputs(ready.graph))
    assert decision.error_of(ready.graph, made.quantized, judges) == made.errors[made.chosen]


def test_errors_are_those_of_what_the_softmax_reads(ready):
    quantized = ready.quantize(ready.configs)
    scores = classifier(softmax=False)
    outputs = tuple(scores.outputs)
    nodes = tuple(node for node in quantized.nodes if node.output != quantized.outputs[0])
    bare = replace(quantized, nodes=nodes, outputs=outputs, output_names=outputs)
    error = decision.error_of(ready.graph, quantized, ready.samples)
    assert error == integer_quality(scores, bare, ready.samples).divergence > 0
