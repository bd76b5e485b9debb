"""Layer, group and root mean square normalization in all their forms."""

import math
from dataclasses import replace

import numpy as np
import pytest
from engine_batch import HOST, run_batch
from harness import Case, in_a_row, integer_inputs, layer, own_operator_tests

from graphs import run_integer
from microlut.codegen.tflite import to_tflite
from microlut.errors import UnsupportedModel
from microlut.graph import evaluate as floats
from microlut.graph.ir import Graph, single
from microlut.integer import evaluate as integers
from microlut.integer import from_bytes, to_bytes
from microlut.ops import layer_normalization
from microlut.ops.activation import ActivationKind
from microlut.ops.arrays import frozen_array
from microlut.ops.fixed_point import inverse_square_root
from microlut.ops.layer_normalization import (
    MOST_NORMALIZED,
    LayerNormalization,
)
from microlut.ops.tensor import Quantization, Tensor, quantize_array
from microlut.plan import make_plan
from microlut.plan.limits import check_sizes

LAYER = layer("LayerNormalization")
MODES = ("standard", "deviation", "rms")


def norm(name, gains, offsets, epsilon=1e-3, **options):
    """Return an operator with random gains and offsets, some of them negative."""
    rng = np.random.default_rng(list(name.encode()))
    gain = np.ones(1) if gains is None else rng.uniform(-1.0, 1.5, gains)
    offset = np.zeros(1) if offsets is None else rng.uniform(-1.0, 1.0, offsets)
    return LayerNormalization(frozen_array(gain), frozen_array(offset), epsilon, **options)


def case(name, shape, keras=LAYER, spread=1.0, gain=True, offset=True, **options):
    channels = shape[-1]
    op = norm(name, channels if gain else None, channels if offset else None, **options)
    return Case(name, op, (shape,), keras, (spread,))


CASES = (
    case("vector", (9,)),
    case("two", (2,), spread=100.0),
    case("single", (1,)),
    case("long", (1031,), spread=0.01),
    case("rows", (7, 5), layer("LayerNormalization", axis=2, epsilon=1e-6), epsilon=1e-6),
    case("picture", (4, 5, 3), layer("LayerNormalization", axis=[-1])),
    case("rank_four", (2, 3, 4, 5)),
    case("no_gain", (3, 8), layer("LayerNormalization", scale=False), gain=False),
    case("no_offset", (3, 8), layer("LayerNormalization", center=False), offset=False),
    case("large_epsilon", (6, 8), layer("LayerNormalization", epsilon=50.0), epsilon=50.0),
    case("no_epsilon", (6, 8), layer("LayerNormalization", epsilon=0.0), epsilon=0.0),
    case("rms", (3, 8), layer("RMSNormalization"), offset=False, epsilon=1e-6, mode="rms"),
    case("rms_of_one", (1,), layer("RMSNormalization"), offset=False, epsilon=1e-6, mode="rms"),
    case(
        "deviation",
        (3, 8),
        layer("LayerNormalization", rms_scaling=True),
        offset=False,
        mode="deviation",
    ),
    case("groups", (4, 5, 6), layer("GroupNormalization", groups=3), groups=3, rows=20),
    case("one_group", (4, 5, 6), layer("GroupNormalization", groups=1), rows=20),
    case("instances", (4, 5, 6), layer("GroupNormalization", groups=-1), groups=6, rows=20),
    case("parts_of_a_vector", (8,), layer("GroupNormalization", groups=2), groups=2),
    case("parts_of_steps", (3, 4), layer("GroupNormalization", groups=2), groups=2, rows=3),
    case(
        "relu",
        (3, 8),
        in_a_row(LAYER, layer("ReLU")),
        activation=ActivationKind.RELU,
    ),
    case(
        "relu6",
        (4, 5, 6),
        in_a_row(layer("GroupNormalization", groups=2), layer("ReLU", max_value=6)),
        groups=2,
        rows=20,
        activation=ActivationKind.RELU6,
    ),
    case("rows_of_pictures", (4, 5, 6), None, groups=3, rows=5),
)
(
    test_float_equals_keras,
    test_training_equals_float,
    test_c_equals_integer_on_this_computer,
    test_c_equals_integer_on_cortex_m4,
) = own_operator_tests(CASES)


def high_mul(a, b):
    return (a * b + (1 << 30)) // (1 << 31)


def shifted(x, bits):
    """Return x / 2^bits, halves away from zero."""
    half = 1 << bits >> 1
    return (abs(x) + half) // (1 << bits) * (-1 if x < 0 else 1)


def definition(op, x, zero_point, extra=0):
    """Return the results of one sample by docs/reference/format.md, one value after the other."""
    *_, channels = x.shape
    size = channels // op.groups
    flat = x.reshape(-1, op.rows, op.groups, size).tolist()
    made = []
    for picture in flat:
        results = np.zeros((op.rows, op.groups, size), int)
        for g in range(op.groups):
            values = [picture[r][g][i] - zero_point for r in range(op.rows) for i in range(size)]
            n, s = len(values), sum(values)
            spread = n * sum(v * v for v in values) - (0 if op.mode == "rms" else s * s)
            for _ in range(abs(op.spread_shift)):
                spread = spread * 4 if op.spread_shift > 0 else spread // 4
            spread += op.epsilon
            halved = 0
            while spread >= 1 << 30:
                spread //= 4
                halved += 1
            multiplier, shift = (int(n) for n in inverse_square_root(np.array(spread)))
            shift = max(min(shift - halved + op.spread_shift + op.value_bits + extra, 31), -31)
            for k, v in enumerate(values):
                moved = n * v - (s if op.mode == "standard" else 0)
                scaled = shifted(high_mul(moved << max(shift, 0), multiplier), max(-shift, 0))
                normal = max(min(scaled, 32767 << extra), -32767 << extra)
                r, i = divmod(k, size)
                c = (g * size + i) if op.gains.size > 1 else 0
                b = (g * size + i) if op.offsets.size > 1 else 0
                product = normal * int(op.gains[c]) // 2**extra
                y = (product + int(op.offsets[b])) // 2**op.shift
                results[r, g, i] = max(min(y, op.maximum), op.minimum)
        made.append(results)
    return np.array(made).reshape(x.shape)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_integer_equals_its_definition(case):
    graph = case.quantized
    (node,), (tensor,) = graph.nodes, graph.inputs
    x = integer_inputs(case, graph)[:3]
    found = integers.outputs(graph, x).arrays[node.output]
    for sample, wanted in zip(x.arrays[tensor.name], found, strict=True):
        np.testing.assert_array_equal(definition(node.op, sample, tensor.zero_point), wanted)


@pytest.fixture
def in_32_bits(monkeypatch):
    """Let products raise an error unless all numbers are those of 32 bits."""
    multiply = layer_normalization.multiply

    def checked(x, multiplier, shift):
        assert np.abs(x << np.maximum(shift, 0)).max() < 1 << 31
        assert np.abs(multiplier).max() < 1 << 31
        assert np.abs(shift).max() <= 31
        return multiply(x, multiplier, shift)

    monkeypatch.setattr(layer_normalization, "multiply", checked)


def quantized(op, shape, scale, output_scale, zero_point=0, output_zero=0):
    x = Tensor("x", shape, "int8", Quantization(scale, zero_point))
    y = Tensor("y", shape, "int8", Quantization(output_scale, output_zero))
    made = op.quantize([x], [y])
    made.check([x], [y])
    return made


def extreme(count):
    """Return groups [n, count] whose values are far from each other, or all the same."""
    x = np.full((9, count), -128, np.int8)
    x[1:4] = np.array([[-127], [0], [127]])
    x[4, 0] = 127
    x[5, 0] = -127
    x[6] = 127
    x[6, 0] = -128
    x[7, : count // 2] = 127
    x[8] = np.resize([-128, 127], count)
    return x


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("count", [1, 2, 3, 64, 4099])
def test_nothing_overflows(count, mode, in_32_bits):
    gains = frozen_array([1.0, -1e-3, 0.0])
    plain = LayerNormalization(gains, frozen_array([0.5, -0.5, 0.0]), 0.0, 1, count, mode)
    x = np.repeat(extreme(count)[..., None], 3, axis=-1)
    for epsilon, scale in ((0.0, 0.05), (1e-3, 0.05), (1e9, 1e-30), (0.0, 1e-30), (1e-3, 1e6)):
        op = replace(plain, epsilon=epsilon)
        for output_scale in (op.smallest_scale([scale]), 0.02, 1e3):
            made = quantized(op, (count, 3), scale, output_scale)
            for point in (-128, 127):
                run_integer(made, [x], (point,))


@pytest.mark.parametrize("mode", MODES)
def test_nothing_overflows_in_the_largest_group(mode, in_32_bits):
    shape = (MOST_NORMALIZED["int8"] // 4, 4)
    op = norm("largest", 4, 4, rows=shape[0], mode=mode)
    x = np.full((1, *shape), -128, np.int8)
    x[0, 0, 0] = 127
    y = run_integer(quantized(op, shape, 0.05, 0.02, 127), [x], (127,))
    assert len(np.unique(y)) > 1


@pytest.mark.parametrize("mode", MODES)
def test_integers_are_near_the_real_results(mode):
    rng = np.random.default_rng(5)
    for count in (1, 2, 5, 32, 500):
        for spread in (1.0, 1e-3):
            gain = frozen_array(rng.normal(size=count))
            op = LayerNormalization(gain, frozen_array(rng.normal(size=count)), 1e-3, mode=mode)
            x = rng.integers(-128, 128, (40, count)).astype(np.int8)
            scale = spread / 50
            real = op.evaluate([(x.astype(np.float32) + 11) * np.float32(scale)])[0]
            step = float(np.float32(np.abs(real).max() / 127))
            made = quantized(op, (count,), scale, step, -11)
            found = run_integer(made, [x], (-11,)).astype(np.float64)
            bound = 0.5 + 2.0**-made.shift * np.abs(made.gains).max() + 2.0**-7
            assert np.abs(found - real / step).max() < bound + 1e-4 * 127


@pytest.mark.parametrize(
    ("shape", "options"),
    [
        ((64,), {}),
        ((10, 64), {}),
        ((8, 8, 16), {"groups": 4, "rows": 64}),
        ((8, 8, 16), {"groups": 16, "rows": 64}),
        ((8, 8, 16), {"rows": 64}),
        ((64,), {"mode": "rms", "offset": False}),
    ],
)
def test_signal_to_noise_ratio(shape, options):
    made = case("snr", shape, None, **options)
    graph, samples = made.graph(), made.samples()
    wanted = floats.evaluate(graph, samples)
    quantized = made.quantized
    tensor = quantized.inputs[0]
    (x,) = samples.arrays.values()
    given = quantize_array(x, tensor.quantized)
    found = integers.evaluate(quantized, given)
    y = quantized.output_tensors()[quantized.outputs[0]].quantized
    real = (found.astype(np.float64) - y.zero_point) * y.scale
    ratio = 10 * math.log10(np.square(wanted).mean() / np.square(real - wanted).mean())
    assert ratio > 35


def test_groups_of_one_value_become_the_offsets():
    op = LayerNormalization(frozen_array([1.0, -2.0]), frozen_array([3.0, -1.0]), 1e-3, 2, 3)
    for constant in (-128, 0, 127):
        made = quantized(replace(op, rows=1), (3, 2), 0.1, 0.05, output_zero=7)
        y = run_integer(made, [np.full((1, 3, 2), constant, np.int8)], (0,), 7)
        np.testing.assert_array_equal(y[0], [[67, -13]] * 3)


def test_c_equals_integer_on_constant_and_extreme_groups(tmp_path):
    graphs = [case.quantized for case in CASES]
    samples = []
    for graph in graphs:
        (tensor,) = graph.inputs
        x = extreme(tensor.size)
        x = np.concatenate([x, np.full((1, tensor.size), tensor.zero_point, np.int8)])
        samples.append(x)
    found = run_batch([make_plan(graph) for graph in graphs], samples, tmp_path, HOST)
    for graph, x, got in zip(graphs, samples, found, strict=True):
        given = from_bytes({tensor.name: tensor for tensor in graph.inputs}, x)
        np.testing.assert_array_equal(got, to_bytes(integers.outputs(graph, given)), graph.name)


def test_equal_gains_and_offsets_are_stored_once():
    op = LayerNormalization(frozen_array(np.ones(8)), frozen_array(np.zeros(8)), 1e-3)
    made = quantized(op, (8,), 0.1, 0.02)
    assert made.gains.shape == made.offsets.shape == (1,)


def test_group_that_is_too_large_is_refused():
    shape = (1 + MOST_NORMALIZED["int8"] // 8, 8)
    node = single("norm", norm("large", 8, 8, rows=shape[0]), ("x",), shape)
    with pytest.raises(UnsupportedModel, match="values that are normalized together is 8,388,616"):
        check_sizes(Graph("net", (Tensor("x", shape),), (node,), ("norm",)))


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("gains", frozen_array([-32768], np.int16)),
        ("offsets", frozen_array([(1 << 30) + 1], np.int32)),
        ("shift", 0),
        ("shift", 31),
        ("value_bits", 15),
        ("value_bits", -1),
        ("minimum", -129),
        ("maximum", 128),
        ("epsilon", -1),
        ("epsilon", 1 << 62),
        ("spread_shift", 30),
        ("spread_shift", -31),
        ("mode", "deviation"),
    ],
)
def test_damaged_numbers_are_found(field, value):
    op = LayerNormalization(frozen_array([1.0]), frozen_array([0.0]), 0.0)
    x = Tensor("x", (9,), "int8", Quantization(0.1, 0))
    made = op.quantize([x], [x])
    made.check([x], [x])
    with pytest.raises(ValueError, match=r"^(its|the) "):
        replace(made, **{field: value}).check([x], [x])


@pytest.mark.parametrize(("rows", "groups"), [(0, 1), (1, 0), (3, 1), (1, 3)])
def test_rows_and_groups_that_do_not_fit_are_refused(rows, groups):
    with pytest.raises(ValueError, match=f"normalizes {rows} rows and {groups} groups"):
        norm("odd", 4, 4, rows=rows, groups=groups).shapes([(4, 4)])


def test_tensorflow_lite_has_no_such_operator():
    with pytest.raises(UnsupportedModel, match="vector_y: TensorFlow Lite has no operator for"):
        to_tflite(CASES[0].quantized)
