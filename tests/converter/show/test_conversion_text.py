"""A conversion as text: one line per layer, its memory and its estimated instructions."""

from dataclasses import replace

import pytest

from digits_example import conversion
from microlut.conversion.report import SegmentReport
from microlut.graph.passes.prune_channels import Pruned
from microlut.quantize.figures import LabelQuality, Quality
from microlut.show.conversion import conversion_text
from microlut.show.quality import figures


def test_conversion_text_has_a_line_for_each_layer():
    report = conversion().report
    lines = conversion_text(report).splitlines()
    assert lines[0].split()[-5:] == ["SNR", "weights", "stage", "scratch", "instructions"]
    behind = len(report.layers) + 1
    assert [line.split()[0] for line in lines[1:behind]] == [layer.name for layer in report.layers]
    for line, layer in zip(lines[1:], report.layers, strict=False):
        assert ("exact" if layer.snr_db is None else f" {layer.snr_db:.1f} dB") in line
    assert lines[behind].startswith("Against the float model on 40 calibration inputs kept aside: ")
    assert f"expected drop {report.quality.expected_drop:.2f} points" in lines[behind]
    assert f"weights {report.weight_bytes:,} bytes" in lines[behind + 1]
    assert f"output stages {report.parameter_bytes:,} bytes" in lines[behind + 1]
    assert report.estimated_instructions == sum(
        layer.estimated_instructions for layer in report.layers
    )


def test_conversion_text_has_the_range_of_each_input():
    report = conversion().report
    line = "input image: 0 to 16 in steps of 0.0627; calibration inputs span 0 to 16"
    assert line in conversion_text(report).splitlines()
    unlike = replace(
        report.inputs[0], scale=None, range=(-5.0, 90_000.0), measured=None, scales=(0.1, 300.0)
    )
    text = conversion_text(replace(report, inputs=(unlike,)))
    assert "input image: -5 to 90000 with steps for each feature\n" in text


def test_drop_has_its_standard_error_unless_nothing_changed():
    found = replace(conversion().report.quality, expected_drop=0.5, drop_error=0.25)
    assert figures(found)[-1] == "expected drop 0.50 points (standard error 0.25)"
    none = replace(found, expected_drop=0.0, drop_error=0.0)
    assert figures(none)[-1] == "expected drop 0.00 points"


@pytest.mark.parametrize(
    ("judged_on", "text"),
    [
        ("calibration", "calibration inputs that made it, which are too few to keep some aside"),
        ("synthetic", "synthetic inputs that made it; it will lose more on real ones"),
    ],
)
def test_figures_of_inputs_that_made_the_network_are_no_expectations(judged_on: str, text: str):
    shown = conversion_text(replace(conversion().report, judged_on=judged_on))
    assert text in shown
    assert "expected" not in shown
    assert "drop on these" in shown


@pytest.mark.parametrize(
    ("integers", "text"),
    [
        ("kept", "All integers are those of the file: nothing is lost against it. "),
        ("recoded", "Against the network of the file in real numbers, from which its own "),
    ],
)
def test_figures_of_files_of_integers_say_what_they_compare(integers: str, text: str):
    shown = conversion_text(replace(conversion().report, file_integers=integers))
    assert text in shown
    assert "Against the float model" not in shown
    made = replace(conversion().report, file_integers=integers, judged_on="synthetic")
    assert ("it will lose more" in conversion_text(made)) == (integers == "recoded")


def test_each_of_several_outputs_has_a_line():
    report = conversion().report
    values = Quality(0.001, None, None, 40, largest_error=0.25)
    label = LabelQuality(0, 0.01, 97.5, 1.25, 30.0, 0.1)
    both = {"digit": report.quality, "box": values, "tag": replace(values, labels=(label,))}
    lines = conversion_text(replace(report, qualities=both)).splitlines()
    assert "  box: SNR 30.0 dB, largest error 0.25, relative divergence 0.001" in lines
    assert any(line.startswith("  digit: divergence ") for line in lines)
    (tag,) = (line for line in lines if line.startswith("  tag: "))
    assert tag.endswith(
        "97.50 % or more of each label, expected drop 1.25 points at most (label 0)"
    )


def test_conversion_text_estimates_instructions_unless_compiled_for_size():
    report = replace(conversion().report, estimated_instructions=12_345_678, core="cortex-m3")
    end = "estimated: 12,300,000 instructions per inference on cortex-m3"
    assert end in conversion_text(report).splitlines()
    small = replace(report, estimated_instructions=None)
    assert "estimated" not in conversion_text(small)


@pytest.mark.parametrize(
    ("least", "text"),
    [
        (4752, "arena 4,752 bytes (these tensors and scratch need no less)"),
        (4736, "arena 4,752 bytes (these tensors and scratch need at least 4,736)"),
    ],
)
def test_conversion_text_tells_how_near_the_arena_is_to_its_bound(least: int, text: str):
    report = replace(conversion().report, arena_bytes=4752, arena_lower_bound_bytes=least)
    assert f", {text}\n" in conversion_text(report)


def test_conversion_text_names_the_layers_that_lost_most_channels():
    assert "Removed" not in conversion_text(conversion().report)
    lost = tuple(Pruned(f"conv{i}", 1000, 100 * i) for i in range(1, 6))
    text = conversion_text(replace(conversion().report, pruned=lost))
    assert (
        "Removed 1,500 channels that always have one value, equal another one or are read by "
        "nothing: conv5 500 of 1000, conv4 400 of 1000, conv3 300 of 1000, 2 more layers\n"
    ) in text


def test_conversion_text_names_the_layers_that_run_in_bands():
    assert "bands" not in conversion_text(conversion().report)
    found = (SegmentReport("a", "c", 3, 2, 1000), SegmentReport("d", "d", 1, 1, 0))
    text = conversion_text(replace(conversion().report, segments=found))
    assert "in bands of rows: a to c by 2 rows (1,000 bytes between them), d by 1 row\n" in text
