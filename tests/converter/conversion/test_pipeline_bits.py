"""Bits by layer from the model file to the report: function, command line, errors."""

from __future__ import annotations

import functools
import json
import re
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest

import command_line
from digits_example import CALIBRATION, MODEL, conversion, samples
from microlut.conversion.allocation import flash_bytes
from microlut.conversion.conversion import Conversion
from microlut.conversion.pipeline import convert
from microlut.conversion.settings import Budget
from microlut.errors import InvalidInput
from microlut.integer import evaluate as int_ops
from microlut.integer import load
from microlut.ops.tensor import quantize_array

LAYERS = [node.name for node, _ in conversion().graph.weighted()]
SIZES = [op.kernel.size for _, op in conversion().graph.weighted()]


@functools.cache
def within(**budget: float) -> Conversion:
    return convert(MODEL, CALIBRATION, budget=Budget(**budget))


def bits_of(made: Conversion) -> list[int]:
    return [op.weights.bits for _, op in made.quantized.weighted()]


def average(bits: list[int]) -> float:
    return float(np.average(bits, weights=SIZES))


def file(folder: Path, text: str) -> Path:
    path = folder / "given.toml"
    path.write_text(text, encoding="utf-8")
    return path


def test_convert_keeps_average_bits():
    most = 2.5
    made = within(average_bits=most)
    assert average(bits_of(made)) <= most
    (chosen,) = (each for each in made.report.decisions if each.what == "bits")
    assert chosen.options[chosen.chosen] == min(chosen.options.values())
    assert made.report.bits == pytest.approx(average(bits_of(made)))
    assert made.report.budget == {"average_bits": most}
    layers = [layer.bits for layer in made.report.layers if layer.bits is not None]
    assert layers == bits_of(made)


def test_convert_keeps_flash_bytes():
    budget = conversion(3).report.weight_bytes + conversion(3).report.parameter_bytes
    made = within(flash_bytes=budget)
    assert made.report.weight_bytes + made.report.parameter_bytes <= budget
    assert flash_bytes(made.quantized) == made.report.weight_bytes + made.report.parameter_bytes


def test_convert_with_mixed_bits_gives_the_same_again_and_tells_what_it_measures():
    told: list[str] = []
    budget = Budget(average_bits=2.5)
    again = convert(MODEL, CALIBRATION, budget=budget, progress=lambda what, *_: told.append(what))
    assert again.sources == within(average_bits=2.5).sources
    assert again.report == within(average_bits=2.5).report
    assert told.count("measure bits") == len(LAYERS)


def test_mixed_bits_still_tell_digits_apart():
    made, test = within(average_bits=2.5), samples()
    y = int_ops.evaluate(made.quantized, quantize_array(test.x, made.quantized.inputs[0].quantized))
    assert np.mean(y.argmax(axis=1) == test.y) > 0.9


def test_convert_within_a_budget_needs_no_calibration():
    made = convert(MODEL, budget=Budget(average_bits=3.0), input_range=(0.0, 16.0))
    assert average(bits_of(made)) <= 3.0
    assert made.report.method == "fitted"


def test_convert_refuses_bits_and_a_budget():
    with pytest.raises(InvalidInput, match="bits and a budget are both given"):
        convert(MODEL, CALIBRATION, bits=4, budget=Budget(average_bits=3.0))


def test_settings_pin_layers_and_give_the_budget(tmp_path):
    settings = file(
        tmp_path, f'[budget]\naverage_bits = 3\n[layers."{LAYERS[0]}"]\nexclude = true\n'
    )
    made = convert(MODEL, CALIBRATION, settings=settings)
    assert bits_of(made)[0] == 8
    assert average(bits_of(made)) <= 3.0
    assert made.report.budget == {"average_bits": 3.0}


def test_settings_may_mix_methods_and_granularities(tmp_path):
    text = f'[layers."{LAYERS[0]}"]\nbits = 6\nmethod = "fitted"\ngranularity = "tensor"\n'
    made = convert(MODEL, CALIBRATION, settings=file(tmp_path, text))
    assert bits_of(made) == [6, *[4] * (len(LAYERS) - 1)]
    assert (made.report.method, made.report.granularity) == ("mixed", "mixed")
    first = next(layer for layer in made.report.layers if layer.name == LAYERS[0])
    assert (first.method, first.granularity) == ("fitted", "tensor")


def test_arguments_win_over_settings(tmp_path):
    settings = file(tmp_path, "[defaults]\nbits = 3\n[budget]\naverage_bits = 2\n")
    made = convert(MODEL, CALIBRATION, settings=settings, bits=5)
    assert set(bits_of(made)) == {5}
    assert made.report.budget is None


# --- the command line


call = command_line.call  # a fixture


@pytest.fixture
def run(monkeypatch, call, tmp_path):
    """Call the command line in an empty folder."""
    monkeypatch.chdir(tmp_path)
    return call


@pytest.fixture
def digits(run):
    """Call `microlut convert` for the digits; results go to `out`."""
    return lambda *options: run(
        "convert", MODEL, "--calibration", CALIBRATION, "-o", "out", *options
    )


def test_average_bits_option(digits, tmp_path):
    answer = digits("--average-bits", 2.5, "--json")
    assert (answer.code, answer.err) == (0, "")
    found = json.loads(answer.out)
    assert found["budget"] == {"average_bits": 2.5}
    assert found["bits"] <= 2.5
    assert (tmp_path / "out" / "weights.c").read_text() == within(average_bits=2.5).sources[
        "weights.c"
    ]
    saved = load(tmp_path / "out" / "model.json")
    assert [op.weights.bits for _, op in saved.weighted()] == bits_of(within(average_bits=2.5))


def test_flash_budget_option(digits):
    budget = conversion(4).report.weight_bytes + conversion(4).report.parameter_bytes
    found = json.loads(digits("--flash-budget", budget, "--json").out)
    assert found["budget"] == {"flash_bytes": budget}
    assert budget * 0.8 < found["weight_bytes"] + found["parameter_bytes"] <= budget


@pytest.mark.sweep
def test_max_drop_option(digits):
    found = json.loads(digits("--max-drop", 1, "--json").out)
    assert found["budget"] == {"max_drop": 1.0}
    assert found["quality"]["expected_drop"] < 5
    assert found["bits"] < 8


@pytest.mark.parametrize("rule", ["min-max", "percentile", "min-error"])
def test_ranges_option(digits, rule: str):
    found = json.loads(digits("--ranges", rule, "--bits", 8, "--json").out)
    assert found["range_rule"].startswith(rule)


@pytest.mark.parametrize("given", [True, False])
def test_configuration_is_that_given_or_that_of_the_folder(digits, tmp_path, given: bool):
    name = "mine.toml" if given else "microlut.toml"
    (tmp_path / name).write_text(f'[layers."{LAYERS[-1]}"]\nbits = 7\n')
    found = json.loads(digits(*(("--config", name) if given else ()), "--json").out)
    bits = [layer["bits"] for layer in found["layers"] if layer["bits"]]
    assert bits == [*[4] * (len(LAYERS) - 1), 7]


@pytest.mark.parametrize(
    ("options", "parts"),
    [
        (
            ("--average-bits", 3, "--flash-budget", 9000),
            ("--average-bits and --flash-budget are both given",),
        ),
        (("--average-bits", 3, "--max-drop", 1), ("--average-bits and --max-drop",)),
        (("--bits", 4, "--average-bits", 3), ("--bits and --average-bits are both given",)),
        (("--bits", 4, "--max-drop", 1), ("--bits and --max-drop are both given",)),
        (("--average-bits", 9), ("--average-bits: found 9", "8")),
        (("--average-bits", 1.5), ("--average-bits: found 1.5", "2")),
        (("--flash-budget", 0), ("--flash-budget",)),
        (("--flash-budget", 100), ("bytes cannot hold the weights", "at least")),
        (("--max-drop", -1), ("--max-drop: found -1",)),
        (("--config", "missing.toml"), ("missing.toml",)),
    ],
    ids=lambda value: " ".join(map(str, value)) if isinstance(value, tuple) else None,
)
def test_budget_that_cannot_be_kept_is_one_line_and_exit_code_2(digits, tmp_path, options, parts):
    answer = digits(*options)
    assert (answer.code, answer.out) == (2, "")
    assert answer.err.startswith("microlut: ")
    assert answer.err.count("\n") == 1
    for part in parts:
        assert part in answer.err
    assert not (tmp_path / "out").exists()


@pytest.mark.sweep
def test_search_prints_a_table_and_draws_it_and_resumes(run, tmp_path):
    options = ("search", MODEL, "--calibration", CALIBRATION, "--folder", "kept", "--jobs", 1)
    answer = run(*options, "-o", "pictures/front.svg")
    assert (answer.code, answer.err) == (0, "")
    header, *lines = answer.out.splitlines()
    assert header.split()[:3] == ["weights", "bits", "flash"]
    labels = [re.split(r" {2,}", line)[0] for line in lines[:-2]]
    assert {"int8", *(f"{bits} bits" for bits in range(2, 8))} <= set(labels)
    assert any(label.endswith("on average") for label in labels)
    assert lines[-2].startswith("Against the float model on 200 calibration inputs, held out")
    assert re.search(r"microlut convert \.\.\. --(average-)?bits [\d.]+$", lines[-1])
    drawn = ElementTree.parse(tmp_path / "pictures" / "front.svg").getroot()
    assert drawn.tag.endswith("svg")
    written = {path.name: path.stat().st_mtime_ns for path in (tmp_path / "kept").iterdir()}
    found = json.loads(run(*options, "--json").out)
    assert [point["label"] for point in found["points"]] == labels
    assert found["advised"] in labels
    again = {path.name: path.stat().st_mtime_ns for path in (tmp_path / "kept").iterdir()}
    assert again == written
    assert len(written) == 1 + len(labels)


def test_search_without_calibration_keeps_what_the_configuration_pins(run, tmp_path):
    pins = "".join(f'[layers."{name}"]\nbits = 7\n' for name in LAYERS[1:])
    (tmp_path / "microlut.toml").write_text(pins)
    answer = run("search", MODEL, "--input-range", 0, 16, "--jobs", 1, "--json")
    assert (answer.code, answer.err) == (0, "")
    found = json.loads(answer.out)
    assert found["synthetic_inputs"] is True
    bits = [[point["bits"][name] for name in LAYERS] for point in found["points"]]
    assert sorted(bits) == [[first, *[7] * (len(LAYERS) - 1)] for first in range(2, 9)]


@pytest.mark.parametrize(
    ("options", "part"),
    [
        (("-o", "front.pdf"), ".png or .svg"),
        (("--jobs", 0), "jobs is 0"),
        (("--min-snr", 20), "answers with classes"),
        (("--max-drop", -1), "--max-drop"),
        (("--max-drop", 1, "--min-snr", 20), "max_drop and min_snr; give exactly one"),
        (("--config", "missing.toml"), "missing.toml"),
        (("--folder", MODEL), "cannot be made"),
    ],
    ids=lambda value: value[0] if isinstance(value, tuple) else None,
)
def test_search_that_cannot_be_made_is_one_line_and_exit_code_2(run, tmp_path, options, part):
    answer = run("search", MODEL, "--calibration", CALIBRATION, "--jobs", 1, *options)
    assert (answer.code, answer.out) == (2, "")
    assert answer.err.startswith("microlut: ")
    assert answer.err.count("\n") == 1
    assert part in answer.err
    assert not list(tmp_path.iterdir())
