"""Bits that nobody asked for: the same for all layers, or layer by layer where that loses much."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

import microlut
from graphs import as_batch
from microlut.conversion import bits as bits_module
from microlut.conversion.bits import quantize_within
from microlut.conversion.decisions import LAYER_BY_LAYER
from microlut.conversion.prepared import Prepared
from microlut.conversion.uniform import average_bits
from microlut.distill import decision as decision_module
from microlut.ops.arrays import FloatArray
from microlut.quantize.weights import WeightConfig
from microlut.show.conversion import conversion_text
from microlut.support.progress import silent
from small_classifier import narrow, prepared


def drawn(seed: int) -> FloatArray:
    return np.random.default_rng(seed).normal(0, 1, (200, 4)).astype(np.float32)


def free(bits: int) -> Prepared:
    """Return a network of which nobody named the bits, with inputs kept aside."""
    ready = prepared(narrow(), drawn(0), WeightConfig(bits))
    return replace(ready, aside=as_batch(ready.graph, drawn(1)), free_bits=True)


def test_bits_are_chosen_layer_by_layer_where_the_same_ones_lose_much(monkeypatch):
    monkeypatch.setattr(bits_module, "_LARGE", 0)
    ready = free(3)
    found = quantize_within(ready, None, silent)
    widths = {config.bits for config in found.configs.values()}
    assert len(widths) > 1
    assert average_bits(ready, found.configs) <= 3
    (decision,) = found.decisions
    assert (decision.what, decision.chosen, decision.held_out) == ("bits", LAYER_BY_LAYER, True)
    same, mixed = (decision.options[name] for name in ("3 bits for all layers", LAYER_BY_LAYER))
    assert mixed < 0.9 * same


@pytest.mark.parametrize(
    "change",
    [
        {"free_bits": False},  # somebody asked for them
        {"aside": None},  # nothing judges
    ],
)
def test_bits_are_the_same_where_others_may_not_be_chosen(monkeypatch, change):
    monkeypatch.setattr(bits_module, "_LARGE", 0)
    found = quantize_within(replace(free(3), **change), None, silent)
    assert {config.bits for config in found.configs.values()} == {3}
    assert found.decisions == ()


def test_bits_are_the_same_in_small_networks_and_where_little_is_lost(monkeypatch):
    found = quantize_within(free(3), None, silent)
    assert {config.bits for config in found.configs.values()} == {3}
    monkeypatch.setattr(bits_module, "_LARGE", 0)
    monkeypatch.setattr(decision_module, "_LITTLE", 100.0)
    found = quantize_within(free(3), None, silent)
    assert {config.bits for config in found.configs.values()} == {3}


def test_conversion_says_that_bits_were_chosen_unless_bits_are_given(monkeypatch, tmp_path):
    keras = pytest.importorskip("keras")
    monkeypatch.setattr(bits_module, "_LARGE", 0)
    monkeypatch.setattr(bits_module, "loses_little", lambda found: False)
    rng = np.random.default_rng(5)
    layers = [keras.layers.Dense(n, activation="relu") for n in (4, 64, 64)]
    model = keras.Sequential([keras.Input((4,)), *layers, keras.layers.Dense(10, "softmax")])
    model.set_weights([rng.normal(0, 1, w.shape) for w in model.get_weights()])
    made = microlut.convert(model, drawn(2), distill=False)
    assert len({layer.bits for layer in made.report.layers if layer.bits}) > 1
    assert "Bits chosen layer by layer, as many on average: divergence" in conversion_text(
        made.report
    )
    given = microlut.convert(model, drawn(2), bits=4, distill=False)
    assert {layer.bits for layer in given.report.layers if layer.bits} == {4}
    assert "Bits chosen" not in conversion_text(given.report)
    settings = tmp_path / "microlut.toml"
    settings.write_text("[defaults]\nbits = 4\n")
    given = microlut.convert(model, drawn(2), settings=settings, distill=False)
    assert {layer.bits for layer in given.report.layers if layer.bits} == {4}
