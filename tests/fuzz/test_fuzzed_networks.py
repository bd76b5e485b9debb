"""Random Keras networks are equal in all forms: a fixed set, and those that once failed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import campaign
import checking
import numpy as np
import pytest
import recipe as recipes
from c_programs import EMULATORS, wrong_in_c
from campaign import quietly_drawn, smallest, try_seeds
from checking import check
from drawn_merges import MERGES
from draws import KINDS, Seen
from found_networks import FOUND
from keras_building import rebuilt
from recipe import Call, Given, Recipe, kinds

from microlut.importers.keras.affine import AFFINE
from microlut.importers.keras.dropped import DROPPED
from microlut.importers.keras.layers import LAYERS
from microlut.importers.keras.recurrent import RECURRENT
from microlut.importers.keras.time_distributed import TIME_DISTRIBUTED
from microlut.integer import evaluate as integers
from microlut.ops.softmax import Softmax

pytestmark = pytest.mark.keras
pytest.importorskip("keras", reason="needs Keras 3; pip install tensorflow")


def assert_equal(seeds: Sequence[int], targets: Sequence[str]) -> campaign.Counts:
    """Fail with the recipe of each network that has unequal forms."""
    counts = try_seeds(seeds, targets)
    assert [(f.seed, f.failure, f.recipe) for f in counts.failures] == []
    return counts


def test_networks_are_equal_in_all_forms():
    counts = assert_equal(range(48), ["host"])
    assert counts.counted > 36
    assert sum(counts.refused.values()) < 4
    assert len(counts.kinds) > 50


@pytest.mark.sweep
@pytest.mark.parametrize("first", range(10_000, 10_800, 100))
def test_many_networks_are_equal_in_all_forms(first: int):
    assert assert_equal(range(first, first + 100), ["host"]).counted > 70


@pytest.mark.sweep
@pytest.mark.qemu
@pytest.mark.parametrize("target", EMULATORS)
def test_networks_are_equal_on_emulated_cores(target: str):
    assert assert_equal(range(20_000, 20_060), [target]).c[target] > 50


def test_networks_that_once_failed_are_equal():
    tried = [check(recipe, rebuilt(recipe)) for recipe in FOUND]
    assert [(one.recipe, one.refused, one.failures) for one in tried if one.plan is None] == []
    assert [(one.recipe, one.failures) for one in tried if one.failures] == []
    assert wrong_in_c(tried, "host") == []


def test_network_is_the_value_of_its_seed():
    recipe, building = quietly_drawn(7)
    assert recipe is not None
    assert building is not None
    again, _ = quietly_drawn(7)
    assert repr(again) == repr(recipe)
    values = rebuilt(eval(repr(recipe), vars(recipes))).values
    for name in recipe.outputs:
        np.testing.assert_array_equal(values[name], building.values[name])


# Layers that are dropped like others, names of others, and those of Keras 2 alone.
_NOT_DRAWN = {
    *("AlphaDropout", "AugMix", "CutMix", "MixUp", "RandAugment", "SpatialDropout3D"),
    *("SyncBatchNormalization", "ThresholdedReLU", "QuantizeLayer"),
}


def test_every_layer_is_drawn_sooner_or_later():
    found = {*MERGES, "Concatenate", "Dot"}
    for kind in KINDS:
        for rank in kind.ranks:
            for seed in range(100):
                rng = np.random.default_rng([seed, rank])
                shape = tuple(int(n) for n in rng.integers(1, 9, rank))
                for what, options in kind.draw(rng, Seen("x", shape, -1.0, 1.0)) or ():
                    found |= {*kinds(Recipe(0, (), (Call("y", what, (), options),), ()))}
    inner = {name.rpartition(" of ")[2] for name in found}
    handled = {*LAYERS, *AFFINE, *RECURRENT, *TIME_DISTRIBUTED, *DROPPED}
    missing = handled - inner - _NOT_DRAWN
    assert {name for name in missing if not name.startswith("Random")} == set()


def test_wrong_operator_is_found_and_shrunk(monkeypatch: pytest.MonkeyPatch):
    """A softmax that is wrong is the only thing left of a network with other layers."""
    right = Softmax.evaluate

    def wrong(self: Softmax, inputs: list[np.ndarray]) -> tuple[np.ndarray, ...]:
        return tuple(y * np.float32(1.001) for y in right(self, inputs))

    monkeypatch.setattr(Softmax, "evaluate", wrong)
    calls = (
        Call("a", "Dense", ("x",), {"units": 5, "activation": "relu"}),
        Call("b", "Softmax", ("a",)),
        Call("c", "Dense", ("b",), {"units": 4}),
        Call("d", "Add", ("c", "c")),
    )
    recipe = Recipe(1, (Given("x", (3, 4)),), calls, ("d", "a"))
    assert [f.stage for f in check(recipe, rebuilt(recipe)).failures] == ["float"]
    small = smallest(recipe, "float")
    assert list(kinds(small)) == ["Softmax"]
    assert len(small.outputs) == 1


def test_wrong_integers_are_found(monkeypatch: pytest.MonkeyPatch):
    recipe = Recipe(1, (Given("x", (3, 4)),), (Call("a", "Softmax", ("x",)),), ("a",))
    sound = check(recipe, rebuilt(recipe))
    assert sound.failures == ()
    assert wrong_in_c([sound], "host") == []
    right = integers.outputs

    def wrong(graph: object, x: object) -> object:
        found = right(graph, x)
        for values in found.arrays.values():
            values.flat[-1] ^= 1
        return found

    monkeypatch.setattr(checking.integers, "outputs", wrong)
    tried = check(recipe, rebuilt(recipe))
    assert [failure.stage for failure in tried.failures] == ["integer"]
    (other,) = wrong_in_c([tried], "host")
    assert other[1].stage == "C on host"


def test_one_network_without_a_program_does_not_hide_the_others():
    calls = (Call("y", "Softmax", ("x",)),)
    few = [Recipe(i, (Given("x", (40,)),), calls, ("y",)) for i in range(3)]
    tried = [check(recipe, rebuilt(recipe)) for recipe in few]
    assert tried[1].plan is not None
    (part,) = tried[1].plan.parts
    less = replace(part, bytes=part.bytes - 16)
    short = replace(tried[1].plan, parts=(less,))
    tried[1] = replace(tried[1], plan=short)
    ((wrong, failure),) = wrong_in_c(tried, "host")
    assert wrong.recipe.seed == 1
    assert "AddressSanitizer" in failure.text


def test_biases_that_keras_adds_along_another_dimension_are_not_drawn():
    options = {"filters": 2, "kernel_size": 1, "data_format": "channels_first"}
    recipe = Recipe(1, (Given("x", (3, 4, 2)),), (Call("y", "Conv2D", ("x",), options),), ("y",))
    with pytest.raises(ValueError, match="along another dimension"):
        rebuilt(recipe)
