"""Profiles: every piece of an inference is attributed to a layer that is called."""

from __future__ import annotations

import json

import pytest

from microlut.errors import RunFailed
from microlut.running.profile import make_profile


def layer(name: str, kernel: str | None, macs: int = 0) -> dict[str, object]:
    """Return a layer as report.json has it."""
    sizes = {"bits": 4 if macs else None, "weight_bytes": macs // 2, "parameter_bytes": macs // 4}
    return {"name": name, "kind": "any", "kernel": kernel, "macs": macs, **sizes}


LAYERS = [
    layer("skip", "skip", 40),
    layer("conv", "conv", 80),
    layer("add", "conv"),
    layer("flatten", None),
    layer("dense", "dense", 8),
]


def test_pieces_go_to_the_layers_that_make_calls():
    profile = make_profile(LAYERS, (3, 100, 200, 24, 5))
    assert [(row.name, row.cost) for row in profile.layers] == [
        *(("skip", 100), ("conv", 200), ("dense", 24))
    ]
    assert [row.merged for row in profile.layers] == [(), ("add",), ()]
    assert [row.weight_bytes for row in profile.layers] == [30, 60, 6]
    assert (profile.outside, profile.cost) == (8, 332)


def test_layers_of_one_call_count_together():
    layers = [layer("first", "last", 40), layer("last", "last", 80)]
    (row,) = make_profile(layers, (0, 600, 0)).layers
    assert (row.merged, row.weight_bytes, row.macs) == (("first",), 90, 120)
    assert row.cost_per_mac == 5.0


def test_json_has_the_row_and_its_quotient():
    found = json.loads(json.dumps(make_profile(LAYERS, (3, 100, 200, 24, 5)).as_json()))
    assert found["layers"][1] == {
        "name": "conv",
        "kind": "any",
        "merged": ["add"],
        "bits": 4,
        "weight_bytes": 60,
        "macs": 80,
        "instructions": 200,
        "instructions_per_mac": 2.5,
    }
    assert (found["outside"], found["instructions"]) == (8, 332)


def test_times_have_their_own_keys():
    found = make_profile(LAYERS, (0, 100, 200, 24, 5), "microseconds").as_json()
    assert (found["outside"], found["microseconds"]) == (5, 329)
    assert found["layers"][1]["microseconds_per_mac"] == 2.5
    assert "instructions" not in found


def test_a_layer_without_products_has_no_quotient():
    (row,) = make_profile([layer("pool", "pool")], (1, 10, 1)).layers
    assert row.cost_per_mac is None


def test_another_number_of_calls_is_refused():
    with pytest.raises(RunFailed, match="made 2 kernel calls and the report has 3"):
        make_profile(LAYERS, (3, 100, 200, 5))
