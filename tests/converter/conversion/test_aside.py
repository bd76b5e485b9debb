"""Inputs that are kept aside: which they are, and that they make nothing and judge the result."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from digits_example import CALIBRATION, MODEL, conversion, samples
from graphs import as_batch
from microlut import load_samples
from microlut.conversion.aside import FEWEST_INPUTS, set_aside
from microlut.conversion.pipeline import convert
from microlut.distill import decision
from microlut.distill.decision import worthwhile_training
from microlut.graph.batch import Batch, only
from microlut.ops.arrays import FloatArray
from microlut.quantize.quality import integer_quality
from microlut.quantize.ranges.choose import choose_ranges
from small_classifier import classifier, pictures, prepared


def rows(batch: Batch) -> set[bytes]:
    return {row.tobytes() for row in only(batch)}


def numbers(count: int) -> FloatArray:
    return np.arange(2 * count, dtype=np.float32).reshape(count, 2)


@pytest.mark.parametrize(("count", "kept"), [(100, 20), (203, 40), (500, 100), (5000, 128)])
def test_a_fifth_is_kept_aside_evenly(count: int, kept: int):
    used, aside = set_aside(Batch({"x": numbers(count)}))
    assert len(aside) == kept
    assert not rows(used) & rows(aside)
    assert rows(used) | rows(aside) == rows(Batch({"x": numbers(count)}))
    steps = np.diff(only(aside)[:, 0])
    assert steps.min() > 0
    assert steps.max() - steps.min() <= 2


def test_few_inputs_all_make_the_network():
    few = Batch({"x": numbers(FEWEST_INPUTS - 1)})
    assert set_aside(few) == (few, None)
    copies = Batch({"x": np.tile(numbers(FEWEST_INPUTS - 1), (4, 1))})
    assert set_aside(copies) == (copies, None)


def test_copies_of_inputs_kept_aside_make_nothing():
    used, aside = set_aside(Batch({"x": np.tile(numbers(100), (3, 1))}))
    assert (len(used), len(aside)) == (240, 20)
    assert not rows(used) & rows(aside)


def test_inputs_kept_aside_decide_the_figures_and_nothing_else():
    """Other inputs aside give the same network, and other figures."""
    given = load_samples(CALIBRATION, conversion().graph.inputs).inputs
    _, aside = set_aside(given)
    x = only(given).copy()
    places = [i for i, row in enumerate(x) if row.tobytes() in rows(aside)]
    x[places] = samples().x[: len(places)][::-1]
    options = {"range_rule": "min-max", "distill": False, "input_range": (0, 16)}
    first = convert(MODEL, given, bits=2, **options)
    other = convert(MODEL, x, bits=2, **options)
    assert other.sources == first.sources
    assert other.report.quality != first.report.quality
    assert (first.report.calibration_samples, first.report.kept_aside) == (200, 40)
    assert (first.report.judged_on, first.report.quality.inputs) == ("kept aside", 40)
    held_out = integer_quality(other.graph, other.quantized, samples().x[: len(places)])
    assert other.report.quality.divergence == pytest.approx(held_out.divergence)


def test_report_says_where_the_figures_are_from():
    few = load_samples(CALIBRATION, conversion().graph.inputs, 60).inputs
    report = convert(MODEL, few, bits=8).report
    assert (report.judged_on, report.kept_aside, report.quality.inputs) == ("calibration", 0, 60)
    assert not any(made.held_out for made in report.decisions)
    report = convert(MODEL, input_range=(0.0, 16.0)).report
    assert (report.judged_on, report.decisions) == ("synthetic", ())


def test_rules_for_ranges_are_compared_on_the_inputs_kept_aside():
    report = conversion().report
    ranges = next(made for made in report.decisions if made.what == "ranges")
    assert (ranges.chosen, ranges.held_out) == (report.range_rule, True)
    given = load_samples(CALIBRATION, conversion().graph.inputs).inputs
    used, aside = set_aside(given)
    expected = choose_ranges(conversion().graph, used, judges=aside).divergences
    assert ranges.options == pytest.approx(dict(expected))
    assert len(ranges.options) > 1
    in_json = report.as_json()["decisions"][0]
    assert in_json["options"] == ranges.options


def test_inputs_kept_aside_decide_whether_training_is_worthwhile(monkeypatch):
    monkeypatch.setattr(decision, "_LITTLE", 0.0)
    ready = prepared(samples=pictures(240))
    q = ready.quantize(ready.configs)
    aside = as_batch(ready.graph, pictures(60, seed=9))
    training = worthwhile_training(ready.graph, q, ready.samples, aside)
    assert rows(training.judges) == rows(aside)
    lost = integer_quality(ready.graph, q, aside).divergence
    monkeypatch.setattr(decision, "_LITTLE", 0.999 * lost)
    assert worthwhile_training(ready.graph, q, ready.samples, aside) is not None
    monkeypatch.setattr(decision, "_LITTLE", 1.001 * lost)
    assert worthwhile_training(ready.graph, q, ready.samples, aside) is None


def test_judges_are_those_kept_aside_if_there_are_any():
    ready = prepared(classifier(), pictures(40))
    assert ready.judges is ready.samples
    aside = as_batch(ready.graph, pictures(9, seed=3))
    assert replace(ready, aside=aside).judges is aside
