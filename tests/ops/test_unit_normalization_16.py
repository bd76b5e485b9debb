"""Vectors of int16 values divided by their lengths: the definition, its limits, and the C."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from engine_batch import HOST, M4, run_batch
from harness import check_c, integer_inputs
from test_layer_normalization import high_mul, shifted
from test_unit_normalization import CASES as NARROW

from microlut.codegen.tflite import to_tflite
from microlut.errors import UnsupportedModel
from microlut.integer import evaluate as integers
from microlut.integer import to_bytes
from microlut.ops.fixed_point import inverse_square_root
from microlut.ops.tensor import Quantization, Tensor
from microlut.ops.unit_normalization import LONGEST, QUnitNormalization16
from microlut.plan import make_plan

CASES = tuple(replace(one, name=f"wide_{one.name}", dtype="int16") for one in NARROW)


def test_c_equals_integer_on_this_computer(tmp_path: Path):
    check_c(CASES, tmp_path, HOST)


@pytest.mark.sweep  # where only the usual tests run, test_operators.py has some cases
@pytest.mark.qemu
def test_c_equals_integer_on_cortex_m4(tmp_path: Path):
    check_c(CASES, tmp_path, M4)


def definition(vector: list[int]) -> list[int]:
    """Return the results by docs/reference/format.md, one value after the other."""
    squares, halved = sum(q * q for q in vector), 0
    while squares >= 1 << 30:
        squares //= 4
        halved += 1
    multiplier, shift = (int(n) for n in inverse_square_root(np.array(squares)))
    shift += 15 - halved
    made = []
    for q in vector:
        left = q << max(shift, 0)
        assert abs(left) < 1 << 31
        scaled = shifted(high_mul(left, multiplier), max(-shift, 0))
        made.append(max(min(scaled, 32767), -32768))
    return made


def results(x: np.ndarray) -> np.ndarray:
    source = Tensor("x", x.shape[1:], "int16", Quantization(1e-4, 0))
    output = replace(source, name="y", quantization=Quantization(2.0**-15, 0))
    op = QUnitNormalization16()
    op.check([source], [output])
    return op.evaluate([x.astype(np.int16)], [source], [output])[0]


def extreme(count: int) -> np.ndarray:
    """Return vectors [n, count] of large and small values, or all the same."""
    x = np.full((9, count), -32768, np.int16)
    x[1:4] = np.array([[-32767], [0], [32767]])
    x[4, 0] = 32767
    x[5] = 1
    x[6] = 0
    x[6, 0] = -1
    x[7] = np.resize([-32768, 32767], count)
    x[8] = np.resize([3, 0, -4], count)
    return x


@pytest.mark.parametrize("count", [1, 2, 3, 64, LONGEST])
def test_integers_equal_their_definition(count: int):
    rng = np.random.default_rng(count)
    spreads = np.array([[3], [200], [32767]])
    drawn = np.round(rng.uniform(-1, 1, (3, count)) * spreads).astype(np.int16)
    x = np.concatenate([extreme(count), drawn])
    assert results(x).tolist() == [definition(row) for row in x.tolist()]


def test_results_are_near_the_real_ones():
    rng = np.random.default_rng(0)
    for count in (2, 5, 64, 2000):
        x = np.round(rng.normal(size=(50, count)) * rng.uniform(1, 9000, (50, 1)))
        x = np.clip(x, -32768, 32767)
        real = 32768 * x / np.maximum(np.sqrt(np.square(x).sum(axis=1, keepdims=True)), 1)
        assert np.abs(results(x) - np.clip(real, -32768, 32767)).max() < 0.8


@pytest.mark.parametrize(
    ("x", "wanted"),
    [
        ([3, 4], [19661, 26214]),
        ([0, 0], [0, 0]),
        ([1, 0], [32767, 0]),
        ([-1, 0], [-32768, 0]),
        ([-32768, 32767], [-23171, 23170]),
    ],
)
def test_worked_out_by_hand(x: list[int], wanted: list[int]):
    assert math.isclose(math.hypot(*wanted), 32768 if any(x) else 0, rel_tol=1e-4)
    assert results(np.array([x])).tolist() == [wanted]


def test_c_equals_integer_on_extreme_vectors(tmp_path: Path):
    graphs = [one.quantized for one in CASES]
    samples = [extreme(graph.inputs[0].size) for graph in graphs]
    given = [x.view(np.int8).reshape(len(x), -1) for x in samples]
    found = run_batch([make_plan(graph) for graph in graphs], given, tmp_path, HOST)
    for graph, x, got in zip(graphs, samples, found, strict=True):
        shaped = x.reshape(-1, *graph.inputs[0].shape)
        np.testing.assert_array_equal(got, to_bytes(integers.outputs(graph, shaped)), graph.name)


def test_network_with_it_has_no_tflite_file():
    graph = CASES[0].quantized
    assert len(np.unique(to_bytes(integers.outputs(graph, integer_inputs(CASES[0], graph))))) > 2
    assert "unit_normalization" in graph.tflite_lacks()
    with pytest.raises(UnsupportedModel, match="no operator for unit_normalization_16"):
        to_tflite(graph)
