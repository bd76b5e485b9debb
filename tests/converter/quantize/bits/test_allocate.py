"""Sharing out bits: as good as trying all combinations, within budget, or one clear line."""

import ctypes
import os
import sys
from collections.abc import Callable, Mapping
from itertools import product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import optimize

from microlut.errors import InvalidInput
from microlut.quantize.bits.allocate import allocate_average, allocate_bytes
from microlut.quantize.bits.sensitivity import Candidate, Candidates
from microlut.quantize.weights import WeightConfig


def candidate(bits: int, size: int, weights: int, divergence: float) -> Candidate:
    return Candidate(WeightConfig(bits), size, weights, divergence)


@st.composite
def problems(draw: st.DrawFn) -> Candidates:
    """Return up to four layers of one to four choices; divergences need not fall with bits."""
    layers = {}
    for number in range(draw(st.integers(1, 4))):
        weights = draw(st.integers(1, 5000))
        widths = draw(st.lists(st.integers(2, 8), min_size=1, max_size=4, unique=True))
        layers[f"layer{number}"] = tuple(
            candidate(
                bits,
                (weights * bits + 7) // 8 + draw(st.integers(0, 64)),
                weights,
                draw(st.integers(0, 1000)) / 1000,
            )
            for bits in sorted(widths)
        )
    return layers


def lost(choices: Mapping[str, Candidate]) -> float:
    return sum(choice.divergence for choice in choices.values())


def size(choices: Mapping[str, Candidate]) -> int:
    return sum(choice.bytes for choice in choices.values())


def bit_count(choices: Mapping[str, Candidate]) -> int:
    return sum(choice.config.bits * choice.weights for choice in choices.values())


def weight_count(layers: Candidates) -> int:
    return sum(choices[0].weights for choices in layers.values())


def combinations(layers: Candidates) -> list[dict[str, Candidate]]:
    return [dict(zip(layers, chosen, strict=True)) for chosen in product(*layers.values())]


def least(layers: Candidates, cost: Callable[[Mapping[str, Candidate]], int], budget: int) -> float:
    """Return the least divergence of all combinations whose cost is within the budget."""
    return min(lost(choices) for choices in combinations(layers) if cost(choices) <= budget)


@st.composite
def budgets(draw: st.DrawFn, cost: Callable[[Mapping[str, Candidate]], int]):
    """Return a problem and a budget that is the exact cost of a combination, or a bit more."""
    layers = draw(problems())
    costs = sorted({cost(choices) for choices in combinations(layers)})
    return layers, draw(st.sampled_from(costs)) + draw(st.sampled_from([0, 0, 1, 300]))


@settings(deadline=None)
@given(budgets(size))
def test_allocation_of_bytes_is_the_best_of_all_combinations(problem):
    layers, budget = problem
    found = allocate_bytes(layers, budget)
    assert size(found) <= budget
    assert lost(found) == pytest.approx(least(layers, size, budget), abs=1e-9)


@settings(deadline=None)
@given(budgets(bit_count))
def test_allocation_of_an_average_is_the_best_of_all_combinations(problem):
    layers, budget = problem
    found = allocate_average(layers, budget / weight_count(layers))
    assert bit_count(found) <= budget
    assert lost(found) == pytest.approx(least(layers, bit_count, budget), abs=1e-9)


@settings(deadline=None)
@given(problems(), st.floats(0, 1), st.floats(0, 1))
def test_a_tighter_budget_never_has_less_divergence(layers, first: float, second: float):
    costs = [size(choices) for choices in combinations(layers)]
    low, high = sorted(min(costs) + share * (max(costs) - min(costs)) for share in (first, second))
    tight, loose = (lost(allocate_bytes(layers, int(budget))) for budget in (low, high))
    assert tight >= loose - 1e-9


@settings(deadline=None)
@given(problems())
def test_every_layer_has_one_of_its_own_choices_in_order(layers):
    found = allocate_bytes(layers, 10**9)
    assert list(found) == list(layers)
    assert all(choice in layers[name] for name, choice in found.items())


@settings(deadline=None)
@given(problems())
def test_bytes_that_are_too_few_by_one_are_refused_with_the_least_figure(layers):
    smallest = min(size(choices) for choices in combinations(layers))
    with pytest.raises(InvalidInput, match=f"take {smallest:,} at least"):
        allocate_bytes(layers, smallest - 1)


def two_layers() -> Candidates:
    return {
        "wide": tuple(candidate(bits, 100 * bits, 800, 4.0**-bits) for bits in range(2, 9)),
        "pinned": (candidate(6, 150, 200, 0.5),),
    }


def test_average_that_is_too_low_is_refused_with_the_least_figure():
    with pytest.raises(InvalidInput, match=r"2\.79 bits .* at least 2\.80 are needed"):
        allocate_average(two_layers(), 2.79)


def test_average_that_is_just_possible_is_allowed():
    assert allocate_average(two_layers(), 2.8)["wide"].config.bits == 2


def test_bytes_that_are_just_enough_are_allowed():
    assert allocate_bytes(two_layers(), 350)["wide"].config.bits == 2
    assert allocate_bytes(two_layers(), 449)["wide"].config.bits == 2
    assert allocate_bytes(two_layers(), 450)["wide"].config.bits == 3


@pytest.mark.parametrize("average", [3.0, 5.0, 8.0])
def test_pinned_layer_is_kept_and_counted(average: float):
    found = allocate_average(two_layers(), average)
    assert found["pinned"].config.bits == 6
    assert found["wide"].config.bits == min(8, int((average * 1000 - 1200) / 800))


def test_bits_go_where_they_matter():
    layers = {
        name: tuple(candidate(bits, 10 * bits, 80, factor * 4.0**-bits) for bits in range(2, 9))
        for name, factor in (("careless", 1.0), ("sensitive", 256.0))
    }
    found = allocate_average(layers, 5.0)
    assert (found["careless"].config.bits, found["sensitive"].config.bits) == (3, 7)


def test_large_layers_do_not_exceed_the_budget_by_rounding():
    layers = {
        f"layer{number}": tuple(
            candidate(bits, 1_000_003 * bits + number, 8_000_024, (number + 1) * 4.0**-bits)
            for bits in range(2, 9)
        )
        for number in range(6)
    }
    for budget in range(25_000_000, 25_000_000 + 7 * 400_001, 400_001):
        assert size(allocate_bytes(layers, budget)) <= budget
    exact = size(allocate_bytes(layers, 25_000_000))
    assert size(allocate_bytes(layers, exact)) == exact


@pytest.mark.parametrize("scale", [1e-12, 1.0, 1e12])
def test_units_of_the_divergence_do_not_matter(scale: float):
    layers = {
        f"layer{number}": tuple(
            candidate(bits, 10 * bits, 80, scale * (3 * number + 1) * 4.0**-bits)
            for bits in range(2, 9)
        )
        for number in range(4)
    }
    found = allocate_bytes(layers, 180)
    assert lost(found) == pytest.approx(least(layers, size, 180), rel=1e-9)


def test_choices_that_lose_nothing_can_be_allocated():
    layers = {"layer": tuple(candidate(bits, bits, 8, 0.0) for bits in range(2, 9))}
    assert allocate_bytes(layers, 4)["layer"].bytes <= 4


def least_by_steps(layers: Candidates, budget: int) -> float:
    """Return the least divergence within a budget of bytes, one layer after the other."""
    best = {0: 0.0}  # bytes so far and the least divergence that takes them
    for choices in layers.values():
        longer: dict[int, float] = {}
        for used, so_far in best.items():
            for choice in choices:
                total = used + choice.bytes
                if total <= budget:
                    longer[total] = min(longer.get(total, float("inf")), so_far + choice.divergence)
        best = longer
    return min(best.values())


@pytest.mark.parametrize("seed", range(6))
def test_allocation_of_many_layers_is_the_best_and_not_one_near_it(seed: int):
    rng = np.random.default_rng(seed)
    worst = 1e4  # of a pinned layer: what is near to the best counts as a share of it
    layers = {"pinned": (candidate(2, 16, 64, worst),)}
    for number, weights in enumerate(rng.integers(8, 120, 16)):
        scale = float(10 ** rng.uniform(-2, 1))
        layers[f"layer{number}"] = tuple(
            candidate(bits, int(weights * bits), int(weights), scale * 4.0**-bits * noise)
            for bits, noise in zip(range(2, 9), rng.uniform(0.7, 1.4, 7).tolist(), strict=True)
        )
    budget = int(3.37 * weight_count(layers))
    found = allocate_bytes(layers, budget)
    assert size(found) <= budget
    assert lost(found) - worst == pytest.approx(least_by_steps(layers, budget) - worst, rel=1e-6)


def test_what_the_solver_prints_does_not_reach_standard_output(monkeypatch, capfd):
    library = ctypes.CDLL(None)

    def loud(*arguments: object, **options: object) -> object:
        os.write(1, b"written\n")
        library.puts(b"kept back by the C library")
        return milp(*arguments, **options)

    milp = optimize.milp
    monkeypatch.setattr(optimize, "milp", loud)
    sys.stdout.write("before\n")
    allocate_bytes(two_layers(), 350)
    library.fflush(None)
    sys.stdout.write("after\n")
    assert capfd.readouterr().out == "before\nafter\n"


def test_standard_output_is_there_again_after_a_fault(monkeypatch, capfd):
    def fail(*_arguments: object, **_options: object) -> None:
        raise MemoryError

    monkeypatch.setattr(optimize, "milp", fail)
    with pytest.raises(MemoryError):
        allocate_bytes(two_layers(), 350)
    sys.stdout.write("after\n")
    assert capfd.readouterr().out == "after\n"
