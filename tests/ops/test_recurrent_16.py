"""Recurrent layers between int16 tensors: equal to tflite-micro and in C, and how near they are."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from engine_batch import HOST, M4
from harness import Case, check_c, check_tflite_micro
from test_recurrent import CASES as NARROW
from test_recurrent import recurrent

from microlut.errors import UnsupportedModel
from microlut.graph import evaluate as floats
from microlut.integer import QuantizedGraph
from microlut.integer import evaluate as integers
from microlut.ops.cells import GATES, Cell
from microlut.ops.recurrent_integer import QRecurrent
from microlut.ops.tensor import Activation, dequantize_array, quantize_array
from microlut.plan.kernels import calls_of, kernel_for
from microlut.quantize.ranges.measure import calibrate
from microlut.quantize.stage import quantize_without_data
from microlut.quantize.weights import WeightConfig

CASES = tuple(replace(one, name=f"wide_{one.name}", dtype="int16") for one in NARROW)
# Sums of 2 x 700 products have more than 32 bits.
LONG = tuple(
    replace(recurrent(f"long_{cell}", cell, (3, 700), 4, WeightConfig(8)), dtype="int16")
    for cell in GATES
)


@pytest.mark.parametrize("one", (*CASES, *LONG), ids=lambda one: one.name)
def test_integer_equals_tflite_micro(one: Case):
    check_tflite_micro(one)


def test_c_equals_integer_on_this_computer(tmp_path: Path):
    check_c((*CASES[1::2], *LONG), tmp_path, HOST)


@pytest.mark.sweep
def test_c_of_all_cases_equals_integer_on_this_computer(tmp_path: Path):
    check_c(CASES, tmp_path, HOST)


@pytest.mark.sweep  # where only the usual tests run, test_operators.py has some cases
@pytest.mark.qemu
def test_c_equals_integer_on_cortex_m4(tmp_path: Path):
    check_c((*CASES, *LONG), tmp_path, M4)


def test_weights_are_decoded_step_by_step_where_memory_is_scarce():
    (call,) = calls_of(CASES[0].quantized).values()
    whole, row = kernel_for(call).tiles(call)
    assert (whole.scratch_bytes, row.scratch_bytes) == (6 * 8 + 32 * 13, 6 * 8 + 16)


def test_large_inputs_are_refused():
    case = replace(recurrent("huge", "gru", (4, 40), 8, WeightConfig(8), 1e7), dtype="int16")
    with pytest.raises(UnsupportedModel, match="huge_y: its sums may need more than 32 bits"):
        _ = case.quantized


def test_damaged_sums_are_refused():
    graph = CASES[0].quantized
    (node,), (x,) = graph.nodes, graph.inputs
    assert isinstance(node.op, QRecurrent)
    larger = np.array(node.op.own_scales, np.float32) * 1e6
    broken = replace(node.op, own_scales=tuple(larger.tolist()))
    with pytest.raises(ValueError, match="the size of its sums"):
        broken.check([x], node.outputs)


def snr_case(cell: Cell, dtype: Activation) -> Case:
    """Return a layer with weights of 8 bits."""
    case = replace(recurrent(f"snr_{cell}", cell, (24, 6), 16, WeightConfig(8)), dtype=dtype)
    op = replace(case.op, kernel=case.op.kernel * np.float32(0.4))  # type: ignore[type-var]
    return replace(case, op=op)


def signal_to_noise(case: Case, made: QuantizedGraph) -> float:
    """Return the ratio of a layer's outputs in dB."""
    graph, samples = case.graph(), case.samples()
    wanted = floats.evaluate(graph, samples)
    (x,) = samples.arrays.values()
    given = quantize_array(x, made.inputs[0].quantized, case.dtype)
    end = made.nodes[0].outputs[0]
    found = dequantize_array(integers.evaluate(made, given), end.quantized)
    return 10 * math.log10(np.square(wanted).mean() / np.square(found - wanted).mean())


@pytest.mark.parametrize(
    ("cell", "gain"), [("lstm", 4), ("gru", 6), ("gru_reset_before", 12), ("simple_rnn", 0.5)]
)
def test_activations_of_16_bits_are_nearer_to_the_real_results(cell: Cell, gain: float):
    narrow, wide = (
        signal_to_noise(case, case.quantized)
        for case in (snr_case(cell, "int8"), snr_case(cell, "int16"))
    )
    assert wide > narrow + gain


def test_biases_without_calibration_inputs_are_as_near():
    case = snr_case("gru", "int16")
    graph, x = case.graph(), case.samples()
    ranges = calibrate(graph, x).typed(dict.fromkeys(graph.tensors(), "int16"))
    made = quantize_without_data(graph, ranges, x, WeightConfig(8, method="fitted"))
    assert abs(signal_to_noise(case, made) - signal_to_noise(case, case.quantized)) < 1
