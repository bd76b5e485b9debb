"""The report of a conversion: its figures follow from the model."""

import dataclasses
import json
import math
import re
from dataclasses import replace

import numpy as np
import pytest

import random_chains as rc
from digits_example import SHAPE, conversion
from graphs import make_node, make_qnode, net
from microlut.codegen.render import render
from microlut.conversion.decisions import Decision
from microlut.conversion.findings import Finding, Remedy
from microlut.conversion.reporting import Making, convert_report
from microlut.ops.concatenate import Concatenate
from microlut.ops.dense import Dense
from microlut.ops.relu import QRelu
from microlut.plan import Goal, make_plan
from microlut.quantize.figures import Comparison, OutputComparison
from microlut.quantize.ranges.measure import calibrate
from microlut.quantize.stage import quantize
from microlut.quantize.weights import WeightConfig

# Of examples/digits/train.py: outputs x weights of a channel.
MACS = {
    "stem": 8 * 8 * 20 * 9,
    "body": 8 * 8 * 20 * 9 * 20,
    "depthwise": 4 * 4 * 20 * 9,
    "pointwise": 4 * 4 * 40 * 20,
    "digit": 10 * 40,
}
OUTPUTS = {"stem": 20, "body": 20, "depthwise": 20, "pointwise": 40, "digit": 10}


def compared(snr) -> Comparison:
    """Return a comparison with these ratios of the layers."""
    output = OutputComparison(conversion().report.quality, "digit", None, False)
    return Comparison({"digit": output}, snr, snr, snr)


@pytest.fixture(scope="module")
def layers():
    return {layer.name: layer for layer in conversion().report.layers}


def test_report_counts_macs(layers):
    assert {name: layer.macs for name, layer in layers.items() if layer.macs} == MACS
    assert conversion().report.macs == sum(MACS.values())


def test_report_counts_parameters(layers):
    # a channel has a 16-bit scale and a 16-bit bias
    found = {name: layer.parameter_bytes for name, layer in layers.items() if layer.bits}
    assert found == {name: 4 * outputs for name, outputs in OUTPUTS.items()}
    assert conversion().report.parameter_bytes == sum(found.values())


def test_report_counts_weights(layers):
    # 4 bits per weight, rows padded to bytes, and 64 levels each, as indices overlap
    assert layers["stem"].weight_bytes == 20 * 5 + 64
    assert layers["digit"].weight_bytes == 10 * 20 + 64
    total = sum(layer.weight_bytes for layer in layers.values())
    assert conversion().report.weight_bytes == total


def test_report_lists_layers_in_execution_order():
    assert [layer.name for layer in conversion().report.layers] == [
        step.node.name for step in conversion().plan.steps
    ]


def test_report_says_which_kernel_makes_an_output(layers):
    reshapes = {node.name for node in conversion().quantized.nodes if node.op.kind == "reshape"}
    assert {name: layer.kernel for name, layer in layers.items()} == {
        name: None if name in reshapes else name for name in layers
    }


def test_report_names_the_convolution_that_does_an_addition():
    plan = conversion().plan
    total = make_qnode("total", QRelu(-128, 127), ("x",), (1,), plan.steps[0].node.quantization)
    steps = tuple(
        replace(step, sum=total) if step.node.name == "body" else step for step in plan.steps
    )
    merged = replace(plan.steps[0], node=total, merged=True, stage=None)
    snr = {step.node.name: 1.0 for step in (*steps, merged)}
    making = Making(
        {node.name: WeightConfig() for node, _ in plan.graph.weighted()},
        *(None, 0, None),
        comparison=compared(snr),
    )
    report = convert_report(replace(plan, steps=(*steps, merged)), "digits", making)
    assert {layer.name for layer in report.layers if layer.kernel == "body"} == {"body", "total"}


def test_report_names_no_kernel_where_nothing_is_called():
    rng = np.random.default_rng(0)
    dense = [
        make_node(name, Dense(rng.normal(size=(8, 4)), np.ones(8)), ("x",), (8,)) for name in "ab"
    ]
    joined = make_node("both", Concatenate(0), ("a", "b"), (16,))
    graph = net("joined", "x", (4,), (*dense, joined), "both")
    x = rng.normal(size=(4, 4)).astype(np.float32)
    plan = make_plan(quantize(graph, calibrate(graph, x), x, WeightConfig()))
    source = render(plan)["model.c"]
    calls = re.findall(r"^    mlut_(\w+)\(&.*\n    MLUT_AFTER_LAYER", source, re.MULTILINE)
    assert calls == ["dense", "dense"]
    assert "concatenate.h" not in source
    comparison = compared({})
    making = Making(dict.fromkeys("ab", WeightConfig()), None, 4, None, comparison)
    layers = convert_report(plan, "joined", making).layers
    assert {layer.name: layer.kernel for layer in layers} == {"a": "a", "b": "b", "both": None}


def test_report_lists_segments_and_names_their_calls():
    plan = make_plan(rc.expanding_case().quantized(), Goal("ram"))
    configs = {node.name: WeightConfig() for node, _ in plan.graph.weighted()}
    comparison = compared({})
    report = convert_report(plan, "expanding", Making(configs, None, 4, None, comparison))
    assert report.segments
    for found in report.segments:
        assert [layer.kernel for layer in report.layers].count(found.last) == found.layers
    calls = [layer.name for layer in report.layers if layer.kernel == layer.name]
    in_run_and_step = render(plan)["model.c"].count("MLUT_AFTER_LAYER")
    assert in_run_and_step == 2 * len(calls)


def test_report_describes_input_and_output():
    report = conversion().report
    (given,), (output,) = report.inputs, report.outputs
    assert (given.shape, output.shape) == (SHAPE, (10,))
    assert (output.scale, output.zero_point) == (1 / 256, -128)


def test_report_has_the_settings():
    report = conversion(3, "tensor").report
    assert (report.bits, report.granularity, report.calibration_samples) == (3, "tensor", 200)


def test_report_of_a_codebook_has_its_fit(layers):
    for name in MACS:
        layer = layers[name]
        assert layer.bits == 4
        assert layer.density is not None
        assert 0 < layer.error < 0.1


def test_report_without_codebook_has_no_fit():
    for layer in conversion(8).report.layers:
        assert (layer.density, layer.ks_gaussian, layer.predicted_error) == (None, None, None)


def test_report_arena_is_not_below_its_bound():
    for bits in (2, 4, 8):
        report = conversion(bits).report
        assert report.arena_bytes >= report.arena_lower_bound_bytes > 0


def test_infinite_ratios_are_null_in_json():
    remedy = Remedy("--bits 8", {"snr_db": math.inf})
    finding = Finding("noisy-output", "digit", "bad", {"layer_snr_db": -math.inf}, (remedy,))
    decision = Decision("bits", "a", "snr_db", True, {"a": math.inf, "b": 1.5})
    report = replace(conversion().report, findings=(finding,), decisions=(decision,))
    found = json.loads(json.dumps(report.as_json(), allow_nan=False))
    assert found["findings"][0]["figures"] == {"layer_snr_db": None}
    assert found["findings"][0]["remedies"] == [{"text": "--bits 8", "figures": {"snr_db": None}}]
    assert found["decisions"][0]["options"] == {"a": None, "b": 1.5}


def test_as_json_has_every_field_and_is_json():
    found = json.loads(json.dumps(conversion().report.as_json()))
    fields = [f.name for f in dataclasses.fields(conversion().report)]
    assert list(found) == [*fields, "input", "output"]
    assert ([found["input"]], [found["output"]]) == (found["inputs"], found["outputs"])
