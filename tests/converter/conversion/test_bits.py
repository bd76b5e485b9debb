"""Bits by layer: what each budget guarantees, what it refuses, and the inputs that judge it."""

from __future__ import annotations

import functools
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from graphs import as_batch, input_limits, make_node, net
from microlut.board.board import Board, load_board
from microlut.conversion import allocation as allocation_module
from microlut.conversion import flash_budget
from microlut.conversion import prepared as prepared_module
from microlut.conversion.allocation import flash_bytes
from microlut.conversion.bits import AVERAGES, front_of, measure, quantize_within
from microlut.conversion.prepared import Prepared
from microlut.conversion.reporting import Making, convert_report
from microlut.conversion.room import check_room
from microlut.conversion.search import search_prepared
from microlut.conversion.settings import Budget
from microlut.errors import DoesNotFit, InvalidInput
from microlut.graph.batch import Batch, only
from microlut.graph.ir import Graph
from microlut.integer import QuantizedGraph
from microlut.ops.activation import ActivationKind
from microlut.ops.dense import Dense
from microlut.ops.relu import Relu
from microlut.ops.sigmoid import Sigmoid
from microlut.plan import make_plan
from microlut.quantize.figures import Quality
from microlut.quantize.quality import compare, integer_quality
from microlut.quantize.ranges.measure import calibrate
from microlut.quantize.stage import quantize, quantize_without_data
from microlut.quantize.weights import BIT_WIDTHS, LayerConfigs, Method, WeightConfig
from microlut.quantize.without_data.synthetic import synthetic_inputs
from microlut.support.progress import silent
from small_classifier import choices, classifier, pictures, prepared

NAMES = [node.name for node, _ in classifier().weighted()]
SIZES = {node.name: op.kernel.size for node, op in classifier().weighted()}


def same(bits: int, method: Method = "calibrated") -> LayerConfigs:
    return dict.fromkeys(NAMES, WeightConfig(bits, method=method))


def average(configs: LayerConfigs) -> float:
    return sum(configs[name].bits * size for name, size in SIZES.items()) / sum(SIZES.values())


def equal(first: QuantizedGraph, second: QuantizedGraph) -> bool:
    return all(
        np.array_equal(a.weights.indices, b.weights.indices)
        and np.array_equal(a.weights.scales, b.weights.scales)
        and np.array_equal(a.output.bias, b.output.bias)
        for (_, a), (_, b) in zip(first.weighted(), second.weighted(), strict=True)
    )


# --- prepared


class Spy:
    """Stands in for the stage and the judge; keeps the inputs that each of them was given."""

    def __init__(self, monkeypatch, drop: float = 0.0) -> None:
        self.by: list[Batch] = []
        self.on: list[Batch] = []
        self.drop = drop
        monkeypatch.setattr(prepared_module, "quantize", self.quantize)
        monkeypatch.setattr(prepared_module, "quantize_without_data", self.quantize)
        monkeypatch.setattr(prepared_module, "with_short_indices", lambda quantized: quantized)
        monkeypatch.setattr(prepared_module, "integer_quality", self.judge)

    def quantize(self, _graph, _ranges, inputs, _configs, _revise=None):
        self.by.append(inputs)

    def judge(self, _graph, _quantized, x, _task):
        self.on.append(x)
        return Quality(float(len(self.on)), 10.0 * len(self.on), self.drop, len(x))


def inputs(count: int, seed: int = 0) -> Batch:
    return as_batch(classifier(), pictures(count, seed))


def rows(x: Batch) -> set[bytes]:
    return {one.tobytes() for one in only(x)}


@pytest.mark.parametrize("count", [2, 9, 40])
def test_held_out_quality_judges_on_inputs_that_it_was_not_quantized_by(monkeypatch, count: int):
    spy = Spy(monkeypatch)
    prepared(samples=pictures(count)).held_out_quality(same(4))
    assert len(spy.by) == len(spy.on) == 2
    for by, on in zip(spy.by, spy.on, strict=True):
        assert not rows(by) & rows(on)
        assert rows(by) | rows(on) == rows(inputs(count))
    assert rows(spy.on[0]) | rows(spy.on[1]) == rows(inputs(count))


def test_held_out_quality_is_the_mean_over_all_inputs(monkeypatch):
    Spy(monkeypatch)
    found = prepared(samples=pictures(9)).held_out_quality(same(4))
    halves = (4, 5)  # judged: the second half, then the first
    assert found.divergence == pytest.approx(np.average([1, 2], weights=halves))
    assert found.agreement == pytest.approx(np.average([10, 20], weights=halves))
    assert found.inputs == 9


def test_one_calibration_input_is_better_than_none():
    found = prepared(samples=pictures(1)).held_out_quality(same(8))
    assert found.divergence < 0.1


def test_held_out_quality_without_data_is_on_all_calibration_inputs(monkeypatch):
    spy = Spy(monkeypatch)
    made = inputs(5, seed=3)
    replace(prepared(samples=pictures(9)), inputs=made).held_out_quality(same(4, "fitted"))
    assert [rows(by) for by in spy.by] == [rows(made)]
    assert [rows(on) for on in spy.on] == [rows(inputs(9))]


def test_held_out_quality_without_any_calibration_inputs_is_on_synthetic_ones(monkeypatch):
    spy = Spy(monkeypatch)
    made = inputs(5, seed=3)
    replace(prepared(), inputs=made, samples=None).held_out_quality(same(4))
    assert [rows(on) for on in spy.on] == [rows(made)]


def test_held_out_quality_of_one_output_has_no_classes():
    found = prepared(classifier(False, classes=1)).held_out_quality(same(4))
    assert (found.agreement, found.expected_drop) == (None, None)
    assert found.divergence > 0


def test_held_out_quality_is_worse_than_that_on_the_own_inputs():
    ready = prepared(samples=pictures(12))
    own = integer_quality(ready.graph, ready.quantize(same(2)), ready.judges)
    assert ready.held_out_quality(same(2)).divergence > own.divergence


def test_methods_may_be_mixed():
    configs = {
        name: WeightConfig(3, method=method)
        for name, method in zip(NAMES, ("calibrated", "fitted", "empirical", "fitted"), strict=True)
    }
    ready = prepared()
    expected = quantize(ready.graph, ready.ranges, ready.samples, configs)
    assert equal(ready.quantize(configs), expected)
    assert not equal(ready.quantize(configs), ready.quantize(same(3)))


def test_all_fitted_layers_go_the_way_without_data():
    graph = classifier()
    configs = dict.fromkeys(NAMES, WeightConfig(3, method="fitted"))
    ready = replace(prepared(), inputs=synthetic_inputs(graph, input_limits(graph, (-3.0, 3.0))))
    expected = quantize_without_data(graph, ready.ranges, ready.inputs, configs)
    assert equal(ready.quantize(configs), expected)
    assert not equal(ready.quantize(configs), quantize(graph, ready.ranges, ready.inputs, configs))


# --- budgets


def test_without_a_budget_layers_have_their_own_bits():
    ready = prepared(config=WeightConfig(5), pinned={NAMES[1]: WeightConfig(3, "tensor")})
    found = quantize_within(ready, None, silent)
    assert [found.configs[name].bits for name in NAMES] == [5, 3, 5, 5]
    assert [op.weights.bits for _, op in found.quantized.weighted()] == [5, 3, 5, 5]
    assert equal(found.quantized, ready.quantize(found.configs))


@pytest.mark.parametrize("most", [2.0, 2.4, 3.1, 4.0, 6.5, 8.0])
def test_average_bits_are_within_the_budget(most: float):
    found = quantize_within(prepared(), Budget(average_bits=most), silent)
    assert average(found.configs) <= most
    step = max(SIZES.values()) / sum(SIZES.values())
    assert average(found.configs) > most - 2 * step - 1e-9
    assert [op.weights.bits for _, op in found.quantized.weighted()] == [
        found.configs[name].bits for name in NAMES
    ]


def test_average_that_an_allocation_has_exactly_is_enough_for_it():
    first = quantize_within(prepared(), Budget(average_bits=3.1), silent)
    again = quantize_within(prepared(), Budget(average_bits=average(first.configs)), silent)
    assert again.configs == first.configs


def test_bits_by_layer_lose_less_than_the_same_for_all():
    ready = prepared()
    found = quantize_within(ready, Budget(average_bits=3.0), silent)
    lost = [
        integer_quality(ready.graph, q, pictures(200, seed=9)).divergence
        for q in (found.quantized, ready.quantize(same(3)))
    ]
    assert lost[0] < lost[1]


@pytest.mark.parametrize("budget", [235, 260, 300, 340, 400, 480, 10_000])
def test_flash_bytes_are_within_the_budget_and_near_it(budget: int):
    found = quantize_within(prepared(), Budget(flash_bytes=budget), silent)
    used = flash_bytes(found.quantized)
    assert used <= budget
    # no layer's next width fits
    if budget < 10_000:
        assert used > budget - 60


def given_losses(monkeypatch, losses) -> None:
    """Let networks have these divergences: by whether all their layers have the same bits."""

    def quality(_self: Prepared, configs: LayerConfigs) -> Quality:
        same_for_all = len({config.bits for config in configs.values()}) == 1
        return Quality(losses[same_for_all], None, None, 1)

    monkeypatch.setattr(Prepared, "held_out_quality", quality)


BUDGETS = [Budget(average_bits=4.0), Budget(flash_bytes=430)]


@pytest.mark.parametrize("budget", BUDGETS, ids=["average", "flash"])
def test_the_same_bits_for_all_layers_are_taken_where_they_lose_no_more(monkeypatch, budget):
    given_losses(monkeypatch, {True: 0.010, False: 0.010})
    found = quantize_within(prepared(), budget, silent)
    assert found.configs == same(4)
    assert equal(found.quantized, prepared().quantize(same(4)))
    (decision,) = found.decisions
    assert (decision.what, decision.chosen) == ("bits", "4 bits for all layers")
    assert decision.options == {"layer by layer": 0.010, "4 bits for all layers": 0.010}


@pytest.mark.parametrize("budget", BUDGETS, ids=["average", "flash"])
def test_bits_layer_by_layer_are_taken_where_they_lose_clearly_less(monkeypatch, budget):
    given_losses(monkeypatch, {True: 0.010, False: 0.008})
    found = quantize_within(prepared(), budget, silent)
    assert len({config.bits for config in found.configs.values()}) > 1
    assert found.decisions[0].chosen == "layer by layer"


def sized(mixed: int) -> Callable[[QuantizedGraph], int]:
    """Let networks with bits layer by layer take so many bytes, and others 100."""
    return lambda quantized: mixed if len(bits_of(quantized)) > 1 else 100


def test_a_larger_network_has_to_be_clearly_better(monkeypatch):
    monkeypatch.setattr(allocation_module, "flash_bytes", sized(101))
    given_losses(monkeypatch, {True: 0.010, False: 0.0095})
    assert quantize_within(prepared(), Budget(average_bits=4.0), silent).configs == same(4)
    monkeypatch.setattr(allocation_module, "flash_bytes", sized(99))
    assert quantize_within(prepared(), Budget(average_bits=4.0), silent).configs != same(4)


def bits_of(quantized: QuantizedGraph) -> set[int]:
    return {op.weights.bits for _, op in quantized.weighted()}


def test_uniform_bits_are_judged_on_the_inputs_kept_aside():
    ready = replace(prepared(samples=pictures(100)), aside=inputs(50, seed=7))
    found = quantize_within(ready, Budget(average_bits=3.0), silent)
    (decision,) = found.decisions
    assert decision.held_out
    uniform = integer_quality(ready.graph, ready.quantize(same(3)), ready.aside)
    assert decision.options["3 bits for all layers"] == pytest.approx(uniform.divergence)
    own = integer_quality(ready.graph, found.quantized, ready.aside)
    assert own.divergence == pytest.approx(decision.options[decision.chosen])
    assert own.divergence <= uniform.divergence


def test_limits_of_the_loss_say_what_each_width_loses():
    ready = prepared(samples=pictures(60))
    found = quantize_within(ready, Budget(max_drop=1.0), silent)
    (decision,) = found.decisions
    assert (decision.figure, decision.held_out) == ("drop", True)
    assert decision.options[decision.chosen] <= 1.0
    assert decision.options[decision.chosen] == pytest.approx(
        ready.held_out_quality(found.configs).drop
    )


def test_flash_bytes_that_a_network_has_exactly_are_enough_for_it():
    used = flash_bytes(prepared().quantize(same(2)))
    found = quantize_within(prepared(), Budget(flash_bytes=used), silent)
    assert flash_bytes(found.quantized) == used
    with pytest.raises(InvalidInput, match="bytes cannot hold the weights, which take"):
        quantize_within(prepared(), Budget(flash_bytes=used - 1), silent)


@pytest.mark.parametrize("budget", [320, 340, 440, 460])
def test_flash_bytes_make_room_for_larger_output_stages_and_no_more(monkeypatch, budget: int):
    real = flash_budget.flash_bytes
    wanted = real(quantize_within(prepared(), Budget(flash_bytes=budget - 20), silent).quantized)
    monkeypatch.setattr(flash_budget, "flash_bytes", lambda quantized: real(quantized) + 20)
    found = quantize_within(prepared(), Budget(flash_bytes=budget), silent)
    assert real(found.quantized) == wanted <= budget - 20


def test_flash_bytes_that_no_choice_keeps_to_are_refused(monkeypatch):
    monkeypatch.setattr(flash_budget, "flash_bytes", lambda _quantized: 10_001)
    with pytest.raises(InvalidInput, match="flash budget is 10,000 bytes; no choice of bits"):
        quantize_within(prepared(), Budget(flash_bytes=10_000), silent)


@functools.cache
def fronts() -> list[LayerConfigs]:
    """Return the front of the network, its layers not pinned."""
    return front_of(measure(prepared(), silent))


def given_drops(monkeypatch, drops: list[float]) -> None:
    """Let the allocations of the front have these expected drops, then 0."""

    def quality(_self: Prepared, configs: LayerConfigs) -> Quality:
        number = fronts().index(configs)
        return Quality(0.0, 50.0, drops[number] if number < len(drops) else 0.0, 1)

    monkeypatch.setattr(Prepared, "held_out_quality", quality)


@pytest.mark.parametrize("number", [0, 1, 3, 5])
def test_max_drop_takes_the_fewest_bits(monkeypatch, number: int):
    given_drops(monkeypatch, [9.0, 7.0, 5.0, 3.0, 2.5, 1.0][:number])
    found = quantize_within(prepared(), Budget(max_drop=0.5), silent)
    assert found.configs == fronts()[number]
    assert equal(found.quantized, prepared().quantize(found.configs))


def test_max_drop_that_is_just_kept_is_allowed(monkeypatch):
    given_drops(monkeypatch, [9.0, 0.5])
    found = quantize_within(prepared(), Budget(max_drop=0.5), silent)
    assert found.configs == fronts()[1]


def test_max_drop_that_is_impossible_is_refused_with_the_best(monkeypatch):
    given_drops(monkeypatch, [4.25] * len(AVERAGES))
    with pytest.raises(InvalidInput, match=r"a drop of 1 points at most: .* is 4\.25 points"):
        quantize_within(prepared(), Budget(max_drop=1.0), silent)


def test_max_drop_is_measured_on_held_out_inputs():
    ready = prepared(samples=pictures(60))
    found = quantize_within(ready, Budget(max_drop=1.0), silent)
    assert ready.held_out_quality(found.configs).expected_drop <= 1.0


def test_max_drop_needs_calibration_inputs():
    with pytest.raises(InvalidInput, match="only be measured on calibration inputs"):
        quantize_within(replace(prepared(), samples=None), Budget(max_drop=1.0), silent)


@pytest.mark.parametrize("graph", [classifier(False, classes=1), classifier(False)])
def test_max_drop_needs_classes(graph):
    with pytest.raises(InvalidInput, match=r"does not end with a softmax .*; give --min-snr DB"):
        quantize_within(prepared(graph), Budget(max_drop=1.0), silent)


@pytest.mark.parametrize("budget", [Budget(max_drop=2.0), Budget(min_snr=12.0)])
def test_labels_have_both_limits(budget: Budget):
    made = classifier(False)
    node = make_node("labels", Sigmoid(), (made.outputs[0],), made.shape_of(made.outputs[0]))
    graph = replace(made, nodes=(*made.nodes, node), outputs=("labels",))
    ready = prepared(graph, pictures(60))
    found = ready.held_out_quality(quantize_within(ready, budget, silent).configs)
    assert found.drop <= 2.0 if budget.max_drop else found.snr_db >= 12.0


def test_max_drop_takes_scores_that_are_called_classes():
    ready = replace(prepared(classifier(False), pictures(60)), task="classes")
    found = quantize_within(ready, Budget(max_drop=1.0), silent)
    assert ready.held_out_quality(found.configs).expected_drop <= 1.0


def test_min_snr_takes_the_fewest_bits_for_values():
    ready = prepared(classifier(False), pictures(60))
    ratios = {}
    for least in (15.0, 25.0):
        found = quantize_within(ready, Budget(min_snr=least), silent)
        ratios[least] = ready.held_out_quality(found.configs).snr_db
        assert ratios[least] >= least
        below = front_of(measure(ready, silent))
        number = below.index(found.configs)
        assert number == 0 or ready.held_out_quality(below[number - 1]).snr_db < least
    assert ratios[15.0] < ratios[25.0]


def test_min_snr_that_is_impossible_is_refused_with_the_best():
    with pytest.raises(InvalidInput, match=r"an SNR of 90 dB at least: .* it is \d+\.\d dB"):
        quantize_within(prepared(classifier(False)), Budget(min_snr=90.0), silent)


def test_min_snr_is_for_values():
    with pytest.raises(InvalidInput, match="answers with classes; give --max-drop POINTS"):
        quantize_within(prepared(), Budget(min_snr=20.0), silent)


PINS = {NAMES[0]: WeightConfig(2), NAMES[3]: WeightConfig(8)}


@pytest.mark.parametrize(
    "budget",
    [Budget(average_bits=4.0), Budget(flash_bytes=400), Budget(max_drop=50.0)],
    ids=lambda budget: next(iter(budget.as_json())),
)
def test_pinned_layers_keep_their_bits(budget: Budget):
    found = quantize_within(prepared(pinned=PINS), budget, silent)
    assert [found.configs[name].bits for name in (NAMES[0], NAMES[3])] == [2, 8]


def test_only_the_own_width_of_a_pinned_layer_is_measured():
    measured = measure(prepared(config=WeightConfig(4, "tensor"), pinned=PINS), silent)
    tried = {name: [choice.config for choice in found] for name, found in measured.items()}
    assert [tried[name] for name in PINS] == [[config] for config in PINS.values()]
    assert tried[NAMES[1]] == [WeightConfig(bits, "tensor") for bits in BIT_WIDTHS]


def test_average_that_pinned_layers_make_impossible_is_refused():
    pins = dict.fromkeys(NAMES, WeightConfig(8))
    with pytest.raises(InvalidInput, match=r"3 bits per weight on average: at least 8\.00"):
        quantize_within(prepared(pinned=pins), Budget(average_bits=3.0), silent)


# --- the front


def test_front_goes_from_few_bits_to_many():
    front = fronts()
    assert all(config.bits == 2 for config in front[0].values())
    averages = [average(configs) for configs in front]
    assert all(any(found <= most + 1e-9 for most in AVERAGES) for found in averages)
    assert averages == sorted(averages)
    assert len({tuple(configs.items()) for configs in front}) == len(front) > 5


def test_front_leaves_out_what_pinned_layers_make_impossible():
    pins = dict.fromkeys(NAMES[:1], WeightConfig(8))
    front = front_of(measure(prepared(pinned=pins), silent))
    least = average({**same(2), **pins})
    assert average(front[0]) >= least > AVERAGES[0]
    assert front[0] == {**front[0], **pins}


def test_front_of_pinned_layers_alone_is_one_allocation():
    pins = dict.fromkeys(NAMES, WeightConfig(3))
    assert front_of(measure(prepared(pinned=pins), silent)) == [pins]


@pytest.mark.parametrize(
    "budget",
    [Budget(average_bits=4.0), Budget(flash_bytes=400)],
    ids=lambda budget: next(iter(budget.as_json())),
)
def test_network_without_weights_keeps_every_budget(budget: Budget):
    graph = net("none", "x", (4,), (make_node("y", Relu(ActivationKind.RELU), ("x",), (4,)),), "y")
    x = np.random.default_rng(0).normal(size=(8, 4)).astype(np.float32)
    assert choices(graph, WeightConfig()) == {}
    found = quantize_within(prepared(graph, x), budget, silent)
    assert found.configs == {}
    assert flash_bytes(found.quantized) == 0


# --- layers that are called several times


def called_twice() -> tuple[Graph, Batch]:
    """Return a large layer that is called twice, and a small one."""
    rng = np.random.default_rng(0)
    large, small = (
        Dense(rng.normal(0, 0.3, shape).astype(np.float32), np.zeros(shape[0], np.float32))
        for shape in ((16, 16), (4, 16))
    )
    nodes = (
        make_node("one", large, ("x",), (16,)),
        make_node("two", large, ("one",), (16,)),
        make_node("end", small, ("two",), (4,)),
    )
    x = rng.normal(size=(60, 16)).astype(np.float32)
    return net("twice", "x", (16,), nodes, "end"), Batch({"x": x})


def prepared_twice() -> Prepared:
    graph, x = called_twice()
    layers = choices(graph, WeightConfig(), ())
    return Prepared(graph, calibrate(graph, x), x, x, layers, "min-max")


@pytest.mark.parametrize("asked", [2.5, 3.0, 5.0])
def test_weights_that_are_stored_once_are_counted_once(asked: float):
    found = quantize_within(prepared_twice(), Budget(average_bits=asked), silent)
    bits = {name: config.bits for name, config in found.configs.items()}
    assert bits["one"] == bits["two"]
    assert asked - 0.5 < (256 * bits["one"] + 64 * bits["end"]) / 320 <= asked
    assert {n.name: op.weights.bits for n, op in found.quantized.weighted()} == bits


def test_search_counts_weights_that_are_stored_once_once():
    points = search_prepared(prepared_twice(), None, silent, jobs=1).points
    mixed = [point for point in points if len(set(point.bits.values())) > 1]
    assert mixed
    for point in mixed:
        bits = point.bits
        assert point.average_bits == pytest.approx((256 * bits["one"] + 64 * bits["end"]) / 320)


def test_report_counts_weights_that_are_stored_once_once():
    made = prepared_twice()
    configs = made.configs | {"one": WeightConfig(2), "two": WeightConfig(2)}
    quantized = made.quantize({**configs, "end": WeightConfig(7)})
    comparison = compare(made.graph, quantized, made.judges, made.task)
    making = Making(configs, None, 60, "min-max", comparison)
    report = convert_report(make_plan(quantized), "twice", making)
    assert report.bits == pytest.approx((256 * 2 + 64 * 7) / 320)


def test_board_has_room_for_weights_that_are_stored_once():
    graph, _ = called_twice()
    check_room(board_with_flash(80), graph, 2)
    with pytest.raises(DoesNotFit, match="320 weights at 2 bits take 80 bytes"):
        check_room(board_with_flash(79), graph, 2)


def board_with_flash(size: int) -> Board:
    board = load_board("nucleo-f446re")
    assert board.memory is not None
    flash = board.memory.flash.model_copy(update={"size": size})
    return board.model_copy(update={"memory": board.memory.model_copy(update={"flash": flash})})
