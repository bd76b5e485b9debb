"""The decision to train a network, made without TensorFlow."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace

import pytest

import microlut
from digits_example import CALIBRATION, MODEL
from microlut.conversion import pipeline
from microlut.distill import decision, stage
from microlut.distill.decision import may_lose, trains_ahead, worthwhile_training
from microlut.errors import ToolMissing
from microlut.ops.depthwise_conv2d import DepthwiseConv2D
from microlut.quantize.quality import integer_quality
from microlut.quantize.weights import WeightConfig
from microlut.support.progress import silent
from small_classifier import classifier, pictures, prepared


@pytest.fixture
def ready():
    return prepared(classifier(), pictures(240), WeightConfig(2))


@pytest.fixture
def quantized(ready):
    return ready.quantize(ready.configs)


def test_a_network_that_lost_little_is_left_alone(ready, quantized, monkeypatch):
    lost = integer_quality(ready.graph, quantized, ready.samples).divergence
    assert 0 < lost < decision._LITTLE
    assert worthwhile_training(ready.graph, quantized, ready.samples) is None
    monkeypatch.setattr(decision, "_LITTLE", lost / 2)
    training = worthwhile_training(ready.graph, quantized, ready.samples)
    assert training is not None
    assert training.steps == 80 * 240 // 50


def test_a_network_that_is_too_large_is_left_alone(ready, quantized, monkeypatch):
    monkeypatch.setattr(decision, "_LITTLE", 0.0)
    assert worthwhile_training(ready.graph, quantized, ready.samples) is not None
    monkeypatch.setattr(decision, "_PRODUCTS", 1)
    assert worthwhile_training(ready.graph, quantized, ready.samples) is None


def test_few_inputs_are_not_trained_by(ready, quantized, monkeypatch):
    monkeypatch.setattr(decision, "_LITTLE", 0.0)
    assert worthwhile_training(ready.graph, quantized, ready.samples[:63]) is not None
    assert worthwhile_training(ready.graph, quantized, ready.samples[:60]) is None


@pytest.mark.parametrize(
    ("config", "expected"),
    [
        (WeightConfig(5), True),
        (WeightConfig(6), False),
        (WeightConfig(2, method="fitted"), False),
    ],
)
def test_layers_of_many_bits_or_without_data_are_left_alone(config, expected):
    assert may_lose({"a": WeightConfig(8), "b": config}) is expected


def test_layers_are_trained_ahead_with_depthwise_ones_and_weights_of_their_own(ready, monkeypatch):
    assert trains_ahead(ready.graph)
    nodes = tuple(node for node in ready.graph.nodes if not isinstance(node.op, DepthwiseConv2D))
    assert not trains_ahead(replace(ready.graph, nodes=nodes))
    called_twice = (*ready.graph.nodes, replace(ready.graph.nodes[0], name="again"))
    assert not trains_ahead(replace(ready.graph, nodes=called_twice))
    monkeypatch.setattr(decision, "_PRODUCTS_AHEAD", 1)
    assert not trains_ahead(ready.graph)


def test_a_network_that_is_left_alone_loads_no_tensorflow(ready, quantized, monkeypatch):
    assert stage.training_for(ready, quantized, ready.configs) is None
    monkeypatch.setattr(decision, "_LITTLE", 0.0)
    training = stage.training_for(ready, quantized, ready.configs)
    assert training is not None

    def refuse(purpose: str) -> None:
        raise ToolMissing(purpose)

    monkeypatch.setattr(stage, "load_tensorflow", refuse)
    with pytest.raises(ToolMissing, match="--no-distill leaves it out"):
        stage.distilled(ready, quantized, ready.configs, training, silent)


def python(program: str) -> str:
    """Run a program in a process of its own; return what it prints."""
    done = subprocess.run(
        [sys.executable, "-c", program],
        capture_output=True,
        text=True,
        check=True,
        env={"PYTHONPATH": ":".join(sys.path)},
    )
    return done.stdout


def test_a_conversion_imports_tensorflow_only_to_train():
    # 8 bits are never trained; 2 are looked at, first as too little a loss, then as one to train by
    program = f"""
import sys
import microlut
from microlut.conversion import pipeline
from microlut.distill import decision, stage
seen = []
def at_the_decision(*arguments, decide=stage.worthwhile_training):
    seen.append("tensorflow" in sys.modules)
    return decide(*arguments)
def load(purpose, load=stage.load_tensorflow):
    load(purpose)
    raise microlut.MicrolutError
stage.worthwhile_training, stage.load_tensorflow = at_the_decision, load
for bits, little in ((8, 0.0), (2, 1e9), (2, 0.0)):
    decision._LITTLE = little
    try:
        microlut.convert({str(MODEL)!r}, {str(CALIBRATION)!r}, bits=bits)
    except microlut.MicrolutError:
        seen.append("trains")
    seen.append("tensorflow" in sys.modules)
print(*seen)
"""
    assert python(program) == "False False False False trains True\n"


def test_a_conversion_without_tensorflow_says_what_may_be_lost(monkeypatch):
    monkeypatch.setattr(decision, "_LITTLE", 0.0)
    monkeypatch.setattr(pipeline, "tensorflow_installed", lambda: False)
    found = microlut.convert(MODEL, CALIBRATION, bits=2)
    assert [finding.code for finding in found.report.findings].count("not-trained") == 1
    assert "pip install 'microlut[train]'" in "".join(found.report.warnings)
    untrained = microlut.convert(MODEL, CALIBRATION, bits=2, distill=False)
    assert "not-trained" not in [finding.code for finding in untrained.report.findings]
    assert found.sources["weights.c"] == untrained.sources["weights.c"]
