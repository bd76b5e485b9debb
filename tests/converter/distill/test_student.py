"""The trainable form of an integer network, and the way back."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

import numpy as np
import pytest

import random_graphs as rg
from graphs import make_node, net, output_of
from microlut.integer import evaluate as int_ops
from microlut.integer.packing import stored_bytes
from microlut.ops.dense import Dense
from microlut.ops.depthwise_conv2d import DepthwiseConv2D
from microlut.ops.tensor import dequantize_array, quantize_array
from microlut.ops.windows import Window
from microlut.quantize.ranges.measure import calibrate
from microlut.quantize.stage import quantize
from microlut.quantize.weights import WeightConfig

tf = pytest.importorskip("tensorflow", reason="needs TensorFlow; pip install tensorflow")

from microlut.distill.student import Student, _apart  # noqa: E402


def cases(kinds: Iterable[str], count: int) -> list[rg.Case]:
    return [case for kind in kinds for case in rg.operator_cases(kind, count)]


def student_of(case: rg.Case) -> Student:
    configs = {node.name: case.config for node in case.graph.nodes}
    return Student(case.graph, case.quantized(), configs)


KINDS = ("conv2d", "depthwise_conv2d", "dense", "add", "average_pool2d", "max_pool2d", "mean")
ALL = cases(KINDS, 7)
NETWORKS = list(rg.network_cases(5))
WIDE = [
    replace(case, ranges=case.ranges.typed(dict.fromkeys(case.graph.tensors(), "int16")))
    for case in cases(KINDS, 2)
]


@pytest.mark.parametrize("case", ALL + NETWORKS + WIDE)
def test_an_untrained_student_is_the_integer_network(case):
    quantized = case.quantized()
    found = student_of(case).quantized()
    for (_, op), (_, expected) in zip(found.weighted(), quantized.weighted(), strict=True):
        assert np.array_equal(op.weights.indices, expected.weights.indices)
        assert np.array_equal(op.weights.scales, expected.weights.scales)
    x = rg.int8_inputs(quantized, 0)
    assert np.array_equal(int_ops.evaluate(found, x), int_ops.evaluate(quantized, x))


@pytest.mark.parametrize("case", ALL + WIDE)
def test_tensors_are_within_a_step_of_the_integer_ones(case):
    quantized = case.quantized()
    found = student_of(case).tensors({case.graph.inputs[0].name: tf.constant(case.samples)})[
        case.graph.outputs[0]
    ]
    source = quantized.inputs[0]
    read = quantize_array(case.samples, source.quantized, source.dtype)
    integers = int_ops.evaluate(quantized, read)
    step = output_of(quantized).scale
    if source.dtype == "int16":  # multipliers of 15 bits are off by half a step at most
        step *= 2
    # a sum at the border of two steps may fall to either side, as double rounding has it
    expected = dequantize_array(integers, output_of(quantized).quantized)
    assert np.max(np.abs(found - expected)) <= 1.01 * step


@pytest.mark.parametrize("bits", [2, 4, 5, 8])
def test_only_few_levels_and_their_weights_can_move(bits):
    case = next(case for case in cases(("conv2d",), 40) if case.config.bits == bits)
    assert len(student_of(case).variables) == (4 if bits <= 4 else 2)


def test_one_scale_stays_one():
    case = next(case for case in cases(("conv2d",), 40) if case.config.granularity == "tensor")
    student = student_of(case)
    student.variables[0].assign_add(tf.fill(student.variables[0].shape, 0.1))
    before, after = (
        graph.weighted()[0][1].weights.scales for graph in (case.quantized(), student.quantized())
    )
    assert len(set(after.tolist())) == 1
    np.testing.assert_allclose(after, before * np.exp(0.1), rtol=2.0**-11)


def test_a_moved_place_takes_another_level():
    case = next(case for case in cases(("dense",), 40) if case.config.bits == 2)
    student = student_of(case)
    places = student.variables[3]
    places.assign(tf.fill(places.shape, 1000.0))
    assert np.all(student.quantized().weighted()[0][1].weights.indices == 3)


def test_where_indices_overlap_only_levels_move():
    case = rg.kernel_case(2, 1)
    quantized, student = case.quantized(), student_of(case)
    old = next(op.weights for _, op in quantized.weighted() if op.weights.overlap > 0)
    levels = next(v for v in student.variables if v.shape == old.codebook.shape)
    levels.assign_sub(tf.one_hot(5, len(old.codebook)) * 3 / 127)
    student.limit()
    new = next(op.weights for _, op in student.quantized().weighted() if op.weights.overlap > 0)
    assert np.array_equal(new.indices, old.indices)
    expected = np.where(
        np.arange(len(old.codebook)) == 5, old.codebook.astype(int) - 3, old.codebook
    )
    assert np.array_equal(new.codebook, np.maximum(expected, -127))


def test_pruned_weights_stay_zero():
    case = next(case for case in cases(("dense",), 40) if case.config.bits == 3)
    sparse = replace(case, config=replace(case.config, sparsity=0.5))
    quantized, student = sparse.quantized(), student_of(sparse)
    old = quantized.weighted()[0][1].weights
    for number, variable in enumerate(student.variables):
        noise = np.random.default_rng(number).normal(0, 0.2, variable.shape)
        variable.assign_add(noise.astype(np.float32))
    student.limit()
    new = student.quantized().weighted()[0][1].weights
    new.check()
    assert np.array_equal(new.indices, old.indices)
    assert not new.int8()[old.int8() == 0].any()
    assert not np.array_equal(new.codebook, old.codebook)


def test_limit_keeps_levels_in_order_and_within_int8():
    case = next(case for case in cases(("dense",), 40) if case.config.bits == 2)
    student = student_of(case)
    student.variables[2].assign([0.5, -2.0, 3.0, 0.1])
    student.limit()
    codebook = student.quantized().weighted()[0][1].weights.codebook
    assert codebook is not None
    assert np.all(np.diff(codebook.astype(int)) > 0)
    assert codebook.min() == -127
    assert codebook.max() == 127


@pytest.mark.parametrize("bits", [2, 4])
def test_layers_that_share_their_weights_still_do_when_these_have_moved(bits):
    rng = np.random.default_rng(0)
    kernel = rng.normal(size=(6, 6)).astype(np.float32)
    nodes = [
        make_node(name, Dense(kernel, rng.normal(size=6).astype(np.float32)), (source,), (6,))
        for name, source in (("one", "x"), ("two", "one"))
    ]
    graph = net("twice", "x", (6,), nodes, "two")
    x = rng.normal(size=(20, 6)).astype(np.float32)
    config = WeightConfig(bits)
    quantized = quantize(graph, calibrate(graph, x), x, config)
    student = Student(graph, quantized, {"one": config, "two": config})
    before = student.quantized()
    for variable in student.variables:
        variable.assign_add(rng.normal(0, 0.05, variable.shape).astype(np.float32))
    student.limit()
    after = student.quantized()
    one, two = (op for _, op in after.weighted())
    assert np.array_equal(one.weights.indices, two.weights.indices)
    assert not np.array_equal(one.output.bias, two.output.bias)
    assert not np.array_equal(one.weights.indices, before.weighted()[0][1].weights.indices)
    assert stored_bytes(after) == stored_bytes(quantized)


@pytest.mark.parametrize("bits", [2, 3, 4])
def test_weights_that_are_all_equal_can_be_trained(bits):
    """Those of an untrained batch normalization that stands alone."""
    op = DepthwiseConv2D(np.ones((1, 1, 3), np.float32), np.zeros(3, np.float32), Window((1, 1)), 1)
    graph = net("ones", "x", (2, 2, 3), [make_node("y", op, ("x",), (2, 2, 3))], "y")
    x = np.random.default_rng(0).normal(size=(9, 2, 2, 3)).astype(np.float32)
    config = WeightConfig(bits)
    quantized = quantize(graph, calibrate(graph, x), x, config)
    student = Student(graph, quantized, {"y": config})
    found = student.tensors({"x": tf.constant(x)})["y"]
    assert np.isfinite(found).all()
    given = rg.int8_inputs(quantized, 0)
    trained = int_ops.evaluate(student.quantized(), given)
    assert np.array_equal(trained, int_ops.evaluate(quantized, given))


@pytest.mark.parametrize(
    ("levels", "expected"),
    [
        ([-3, 0, 5], [-3, 0, 5]),
        ([4, 4, 4], [4, 5, 6]),
        ([126, 127, 127], [125, 126, 127]),
        ([-127, -127, -127], [-127, -126, -125]),
    ],
)
def test_levels_that_coincide_move_apart(levels, expected):
    assert _apart(np.asarray(levels, np.float32)).tolist() == expected
