"""A search: the measured points, the stored ones, and its text."""

import json
from collections.abc import Callable
from dataclasses import replace
from functools import cache
from pathlib import Path

import joblib
import numpy as np
import pytest

import microlut.conversion.search as stage
from graphs import as_batch
from microlut.conversion.allocation import flash_bytes
from microlut.conversion.front import SearchResult
from microlut.conversion.prepared import Prepared
from microlut.conversion.search import search_prepared as search
from microlut.errors import InvalidInput
from microlut.graph.batch import only
from microlut.quantize.figures import Quality
from microlut.quantize.weights import BIT_WIDTHS, LayerConfigs
from microlut.support.progress import silent
from searched_network import prepared


@cache
def found() -> SearchResult:
    return search(prepared(), None, silent, jobs=1)


def average(configs: LayerConfigs) -> float:
    sizes = {node.name: op.kernel.size for node, op in prepared().graph.weighted()}
    return sum(size * configs[name].bits for name, size in sizes.items()) / sum(sizes.values())


@pytest.fixture
def measured(monkeypatch: pytest.MonkeyPatch) -> list[LayerConfigs]:
    """Replace the measuring by something quick; return what was measured."""
    done: list[LayerConfigs] = []

    def measure(number: int, _: Prepared, configs: LayerConfigs):
        done.append(configs)
        bits = average(configs)
        quality = Quality(1 / bits, 99.0, 8 - bits, 24)
        return number, stage._Measured(round(1000 * bits), quality)

    monkeypatch.setattr(stage, "_measure_point", measure)
    return done


def test_every_width_and_the_allocations_are_measured_once():
    points = found().points
    uniform = [point for point in points if point.kind == "uniform"]
    assert sorted(point.asked for point in uniform) == list(BIT_WIDTHS)
    for point in uniform:
        assert set(point.bits.values()) == {point.asked}
    assert any(point.kind == "allocated" for point in points)
    bits = [tuple(sorted(point.bits.items())) for point in points]
    assert len(set(bits)) == len(bits)


def test_a_point_has_the_bytes_and_the_quality_of_its_quantization():
    point = found().points[2]
    layers = prepared().layers
    configs = {name: replace(layers[name].config, bits=bits) for name, bits in point.bits.items()}
    assert point.flash_bytes == flash_bytes(prepared().quantize(configs))
    assert point.quality == prepared().held_out_quality(configs)
    assert point.average_bits == pytest.approx(average(configs))


def test_allocations_keep_to_the_average_that_was_asked():
    for point in found().points:
        assert point.average_bits <= point.asked + 1e-6


def test_points_are_from_small_to_large_and_those_of_the_front_diverge_less():
    points = found().points
    sizes = [point.flash_bytes for point in points]
    assert sizes == sorted(sizes)
    for point in points:
        better = [
            other
            for other in points
            if other is not point
            and other.flash_bytes <= point.flash_bytes
            and other.quality.divergence <= point.quality.divergence
        ]
        assert point.on_front == (not better)


@pytest.mark.parametrize(
    ("size", "loss"),
    [(lambda _: 1000, lambda bits: 1 / bits), (lambda bits: round(100 * bits), lambda _: 0.5)],
    ids=["equal sizes", "equal divergences"],
)
def test_of_equal_points_the_one_that_is_better_otherwise_is_on_the_front(
    size: Callable[[float], int], loss: Callable[[float], float], monkeypatch: pytest.MonkeyPatch
):
    def measure(number: int, _: Prepared, configs: LayerConfigs):
        bits = average(configs)
        return number, stage._Measured(size(bits), Quality(loss(bits), None, None, 1))

    monkeypatch.setattr(stage, "_measure_point", measure)
    points = search(prepared(), None, silent, jobs=1).points
    assert [point.on_front for point in points] == [True] + [False] * (len(points) - 1)
    ends = {point.average_bits for point in points}
    assert points[0].average_bits == (max(ends) if size(2) == size(8) else min(ends))


def test_pinned_layers_keep_their_bits(measured: list[LayerConfigs]):
    name, *others = prepared().layers
    layer = prepared().layers[name]
    pinned = replace(layer, config=replace(layer.config, bits=5), pinned=True)
    result = search(
        replace(prepared(), layers={**prepared().layers, name: pinned}), None, silent, jobs=1
    )
    assert result.pinned
    assert {configs[name].bits for configs in measured} == {5}
    assert {configs[others[0]].bits for configs in measured} == set(BIT_WIDTHS)


def test_two_jobs_find_what_one_does(tmp_path: Path):
    with joblib.parallel_config(backend="threading"):
        assert search(prepared(), tmp_path, silent, jobs=2) == found()


@pytest.mark.slow
def test_worker_processes_find_what_this_one_does():
    assert search(prepared(), None, silent, jobs=2) == found()


def test_progress_counts_the_points(measured: list[LayerConfigs]):
    told: list[tuple[str, int, int]] = []
    search(prepared(), None, lambda *what: told.append(what), jobs=1)
    counts = [(done, total) for what, done, total in told if what == "search"]
    assert counts == [(n, len(measured)) for n in range(len(measured) + 1)]


def test_finished_search_is_not_measured_again(measured: list[LayerConfigs], tmp_path: Path):
    first = search(prepared(), tmp_path / "a" / "b", silent, jobs=1)
    measured.clear()
    told: list[str] = []
    again = search(prepared(), tmp_path / "a" / "b", lambda what, *_: told.append(what), jobs=1)
    assert again == first
    assert measured == []
    assert "measure bits" not in told


def test_interrupted_search_goes_on_where_it_was(measured: list[LayerConfigs], tmp_path: Path):
    def interrupt(what: str, done: int, _: int) -> None:
        if (what, done) == ("search", 3):
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        search(prepared(), tmp_path, interrupt, jobs=1)
    measured.clear()
    result = search(prepared(), tmp_path, silent, jobs=1)
    assert len(measured) == len(result.points) - 3


def test_failed_point_leaves_those_before_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    def measure(number: int, _: Prepared, configs: LayerConfigs):
        if number == 2:
            raise InvalidInput("layer dense: no")
        return number, stage._Measured(1, Quality(0.0, None, None, 1))

    monkeypatch.setattr(stage, "_measure_point", measure)
    with pytest.raises(InvalidInput, match="layer dense: no"):
        search(prepared(), tmp_path, silent, jobs=1)
    assert len(list(tmp_path.glob("*.json"))) == 1 + 2  # the allocations and two points


def changed_weights(it: Prepared) -> Prepared:
    nodes = list(it.graph.nodes)
    node, op = it.graph.weighted()[0]
    kernel = op.kernel.copy()
    kernel.flat[0] += 1e-3
    nodes[nodes.index(node)] = replace(node, op=replace(op, kernel=kernel))
    return replace(it, graph=replace(it.graph, nodes=tuple(nodes)))


def changed_inputs(it: Prepared) -> Prepared:
    assert it.samples is not None
    x = only(it.samples).copy()
    x.flat[0] += 1
    inputs = as_batch(it.graph, x)
    return replace(it, inputs=inputs, samples=inputs)


def changed_synthetic_inputs(it: Prepared) -> Prepared:
    return replace(it, inputs=as_batch(it.graph, only(it.inputs) + np.float32(1)))


def no_samples(it: Prepared) -> Prepared:
    return replace(it, samples=None)


def changed_ranges(it: Prepared) -> Prepared:
    limits = {name: (low, high + 1) for name, (low, high) in it.ranges.limits.items()}
    return replace(it, ranges=replace(it.ranges, limits=limits))


def changed_granularity(it: Prepared) -> Prepared:
    layers = {
        name: replace(layer, config=replace(layer.config, granularity="tensor"))
        for name, layer in it.layers.items()
    }
    return replace(it, layers=layers)


@pytest.mark.parametrize(
    "change",
    [
        changed_weights,
        changed_inputs,
        changed_synthetic_inputs,
        no_samples,
        changed_ranges,
        changed_granularity,
    ],
)
def test_what_is_kept_of_something_else_is_not_taken(
    change: Callable[[Prepared], Prepared], measured: list[LayerConfigs], tmp_path: Path
):
    search(prepared(), tmp_path, silent, jobs=1)
    measured.clear()
    result = search(change(prepared()), tmp_path, silent, jobs=1)
    assert len(measured) == len(result.points)


def test_what_another_version_kept_is_not_taken(
    measured: list[LayerConfigs], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    search(prepared(), tmp_path, silent, jobs=1)
    measured.clear()
    monkeypatch.setattr(stage, "VERSION", "0.0.0")
    assert len(search(prepared(), tmp_path, silent, jobs=1).points) == len(measured)


@pytest.mark.parametrize("damage", [b"", b"{}", b"[1]", b'{"flash_bytes": "many"', b"\xff\x00"])
def test_damaged_points_are_measured_again(
    damage: bytes, measured: list[LayerConfigs], tmp_path: Path
):
    first = search(prepared(), tmp_path, silent, jobs=1)
    count = len(measured)
    measured.clear()
    for file in tmp_path.iterdir():
        file.write_bytes(damage)
    assert search(prepared(), tmp_path, silent, jobs=1) == first
    assert len(measured) == count


@pytest.mark.parametrize("name", ["file", "file/below"])
def test_folder_that_cannot_be_made_is_refused_before_anything_is_measured(
    name: str, measured: list[LayerConfigs], tmp_path: Path
):
    (tmp_path / "file").touch()
    with pytest.raises(InvalidInput, match=f"{name}: cannot be made .*choose another folder"):
        search(prepared(), tmp_path / name, silent, jobs=1)
    assert measured == []


def test_no_jobs_are_refused():
    with pytest.raises(InvalidInput, match="jobs is 0; give how many"):
        search(prepared(), None, silent, jobs=0)


def test_without_calibration_inputs_the_result_says_so(measured: list[LayerConfigs]):
    assert search(replace(prepared(), samples=None), None, silent, jobs=1).synthetic
    assert not search(prepared(), None, silent, jobs=1).synthetic


def test_json_can_be_read_back():
    read = json.loads(json.dumps(found().as_json()))
    assert [point["flash_bytes"] for point in read["points"]] == [
        point.flash_bytes for point in found().points
    ]
