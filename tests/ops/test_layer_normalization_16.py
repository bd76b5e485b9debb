"""Normalization between int16 tensors: its definition, its limits, and how near it is."""

import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from engine_batch import HOST, M4, run_batch
from harness import Case, check_c, integer_inputs
from test_layer_normalization import CASES as NARROW
from test_layer_normalization import MODES, case, definition, in_32_bits, norm  # noqa: F401

from microlut.errors import UnsupportedModel
from microlut.graph import evaluate as floats
from microlut.integer import evaluate as integers
from microlut.integer import to_bytes
from microlut.ops.arrays import frozen_array
from microlut.ops.layer_normalization import (
    MOST_NORMALIZED,
    LayerNormalization,
    QLayerNormalization,
)
from microlut.ops.tensor import Quantization, Tensor, dequantize_array, quantize_array
from microlut.plan import make_plan

CASES = tuple(replace(one, name=f"wide_{one.name}", dtype="int16") for one in NARROW)


def test_c_equals_integer_on_this_computer(tmp_path: Path):
    check_c(CASES, tmp_path, HOST)


@pytest.mark.sweep  # where only the usual tests run, test_operators.py has some cases
@pytest.mark.qemu
def test_c_equals_integer_on_cortex_m4(tmp_path: Path):
    check_c(CASES, tmp_path, M4)


@pytest.mark.parametrize("one", CASES, ids=lambda one: one.name)
def test_integer_equals_its_definition(one: Case):
    graph = one.quantized
    (node,), (tensor,) = graph.nodes, graph.inputs
    x = integer_inputs(one, graph)[:3]
    found = integers.outputs(graph, x).arrays[node.output]
    for sample, wanted in zip(x.arrays[tensor.name], found, strict=True):
        np.testing.assert_array_equal(definition(node.op, sample, 0, extra=4), wanted)


def extreme(count: int) -> np.ndarray:
    """Return groups [n, count] whose values are far from each other, or all the same."""
    x = np.full((8, count), -32768, np.int16)
    x[1:4] = np.array([[-32767], [0], [32767]])
    x[4, 0] = 32767
    x[5] = 32767
    x[5, 0] = -32768
    x[6, : count // 2] = 32767
    x[7] = np.resize([-32768, 32767], count)
    return x


def quantized(
    op: LayerNormalization, shape: tuple[int, ...], scale: float, output_scale: float
) -> tuple[QLayerNormalization, Tensor, Tensor]:
    x = Tensor("x", shape, "int16", Quantization(scale, 0))
    y = Tensor("y", shape, "int16", Quantization(output_scale, 0))
    made = op.quantize([x], [y])
    made.check([x], [y])
    return made, x, y


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("count", [1, 2, 3, 64, 4099])
def test_nothing_overflows(count: int, mode: str, in_32_bits: None):  # noqa: F811
    gains = frozen_array([1.0, -1e-3, 0.0])
    plain = LayerNormalization(gains, frozen_array([0.5, -0.5, 0.0]), 0.0, 1, count, mode)
    given = np.repeat(extreme(count)[..., None], 3, axis=-1)
    for epsilon, scale in ((0.0, 2e-4), (1e-3, 2e-4), (1e9, 1e-30), (0.0, 1e-30), (1e-3, 1e6)):
        op = replace(plain, epsilon=epsilon)
        for output_scale in (op.smallest_scale([257 * scale]), 1e-4, 1e3):
            made, x, y = quantized(op, (count, 3), scale, output_scale)
            made.evaluate([given], [x], [y])


@pytest.mark.parametrize("mode", MODES)
def test_nothing_overflows_in_the_largest_group(mode: str, in_32_bits: None):  # noqa: F811
    shape = (MOST_NORMALIZED["int16"] // 4, 4)
    op = norm("largest", 4, 4, rows=shape[0], mode=mode)
    given = np.full((1, *shape), -32768, np.int16)
    given[0, 0, 0] = 32767
    made, x, y = quantized(op, shape, 2e-4, 1e-4)
    (found,) = made.evaluate([given], [x], [y])
    assert len(np.unique(found)) > 1


@pytest.mark.parametrize(
    ("shape", "options"),
    [
        ((64,), {}),
        ((10, 64), {}),
        ((8, 8, 16), {"groups": 4, "rows": 64}),
        ((64,), {"mode": "rms", "offset": False}),
    ],
)
def test_signal_to_noise_ratio(shape: tuple[int, ...], options: dict[str, object]):
    made = replace(case("snr_16", shape, None, **options), dtype="int16")
    graph, samples = made.graph(), made.samples()
    wanted = floats.evaluate(graph, samples)
    (x,) = samples.arrays.values()
    given = quantize_array(x, made.quantized.inputs[0].quantized, "int16")
    end = made.quantized.nodes[0].outputs[0]
    found = dequantize_array(integers.evaluate(made.quantized, given), end.quantized)
    ratio = 10 * math.log10(np.square(wanted).mean() / np.square(found - wanted).mean())
    assert ratio > 75


def test_c_equals_integer_on_constant_and_extreme_groups(tmp_path: Path):
    graphs = [one.quantized for one in CASES]
    samples = [extreme(graph.inputs[0].size) for graph in graphs]
    given = [x.view(np.int8).reshape(len(x), -1) for x in samples]
    found = run_batch([make_plan(graph) for graph in graphs], given, tmp_path, HOST)
    for graph, x, got in zip(graphs, samples, found, strict=True):
        shaped = x.reshape(-1, *graph.inputs[0].shape)
        wanted = to_bytes(integers.outputs(graph, shaped))
        np.testing.assert_array_equal(got, wanted, graph.name)


def test_group_that_is_too_large_is_refused_with_what_to_do():
    shape = (1 + MOST_NORMALIZED["int16"] // 8, 8)
    one = Case("large", norm("large", 8, 8, rows=shape[0]), (shape,), dtype="int16")
    graph = replace(one, shapes=((16, 8),), op=norm("large", 8, 8, rows=16)).quantized
    tensors = [replace(t, shape=shape) for t in (*graph.inputs, *graph.nodes[0].outputs)]
    op = replace(graph.nodes[0].op, rows=shape[0])
    node = replace(graph.nodes[0], op=op, outputs=(tensors[1],))
    with pytest.raises(UnsupportedModel, match="16,392, the engine's limit is 16,384; give its"):
        make_plan(replace(graph, inputs=(tensors[0],), nodes=(node,)))
