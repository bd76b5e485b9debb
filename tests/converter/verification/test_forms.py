"""Comparison of forms: equality, the first difference, and accepted rounding."""

from dataclasses import replace

import numpy as np
import pytest

from digits_example import conversion, samples
from microlut.codegen.tflite import to_tflite
from microlut.graph.batch import Batch
from microlut.integer import QNode, QuantizedGraph, quantized_inputs
from microlut.integer import evaluate as int_ops
from microlut.ops.softmax import Softmax
from microlut.ops.tensor import Quantization, Tensor
from microlut.support.progress import silent
from microlut.verification.compare import (
    Difference,
    FormResult,
    bit_exact,
    compare,
    compare_runtimes,
    within_tflite,
)
from microlut.verification.runtimes import TFLITE_MICRO, desktop_name, desktop_tensors

A = np.array([[1, 2], [3, 4], [5, 6]], np.int8)


def test_compare_of_equal_outputs_agrees():
    assert compare("form", A, A) == FormResult("form", 3, 0, None, True)


def test_compare_finds_the_first_difference():
    other = A.copy()
    other[1, 1], other[2, 0] = -4, 0
    expected = FormResult("form", 3, 2, Difference(1, 1, expected=4, found=-4), False)
    assert compare("form", other, A) == expected


def test_compare_of_fewer_outputs_looks_at_the_first_ones():
    assert compare("form", A[:2], A) == FormResult("form", 2, 0, None, True)


def test_bit_exact_needs_all_forms():
    yes, no = compare("a", A, A), compare("b", A + 1, A)
    assert bit_exact([yes, yes])
    assert not bit_exact([yes, no])


@pytest.fixture(scope="module")
def case():
    graph = conversion().quantized
    inputs = quantized_inputs(graph, samples(30).inputs)
    return graph, inputs, int_ops.evaluate(graph, inputs).reshape(30, -1)


def test_compare_runtimes_agree_on_the_exported_file(case):
    graph, inputs, expected = case
    judge, desktop = compare_runtimes(graph, conversion().tflite, inputs, expected, silent)
    assert judge == FormResult(TFLITE_MICRO, 30, 0, None, True)
    assert (desktop.form, desktop.agrees) == (desktop_name(), True)


def test_compare_runtimes_tell_progress(case):
    graph, inputs, expected = case
    told = []
    compare_runtimes(graph, conversion().tflite, inputs, expected, lambda *what: told.append(what))
    assert told == [
        (form, done + 1, 30) for form in (TFLITE_MICRO, desktop_name()) for done in range(30)
    ]


def test_compare_runtimes_refuse_another_model(case):
    graph, inputs, expected = case
    judge, desktop = compare_runtimes(graph, conversion(2).tflite, inputs, expected, silent)
    assert not judge.agrees
    assert not desktop.agrees
    assert desktop.note == ""
    assert judge.first == desktop.first


def test_inputs_that_tflite_is_not_defined_for_are_left_out():
    """Its softmax shifts by 32 bits if 512 values are equal, and tflite-micro ends the process."""
    x = Tensor("x", (600,), "int8", Quantization(0.05, 0))
    y = Tensor("y", (600,), "int8", Quantization(1 / 256, -128))
    node = QNode("y", Softmax().quantize((x,), (y,)), ("x",), (y,))
    graph = QuantizedGraph("flat", (x,), (node,), ("y",))
    values = np.zeros((3, 600), np.int8)
    values[0] = np.arange(600) // 3 - 100
    values[1, 511:] = -128
    inputs = Batch({"x": values})
    expected = int_ops.evaluate(graph, inputs)
    assert within_tflite(graph, inputs).tolist() == [True, True, False]
    file = to_tflite(graph)
    results = compare_runtimes(graph, file, inputs, expected, silent)
    assert [(result.samples, result.agrees) for result in results] == [(2, True), (2, True)]
    assert results[0].note == "1 inputs left out: softmax of 512 equal values or more"
    (none,) = compare_runtimes(graph, file, inputs[2:], expected[2:], silent)
    assert (none.samples, none.agrees, none.note) == (0, True, results[0].note)


def with_other_dense(graph, factor: float):
    """Return the graph with its dense layer's multipliers changed, as if it rounded otherwise."""
    nodes = []
    for node in graph.nodes:
        op = node.op
        if op.kind == "dense":
            multiplier = (op.output.multiplier * factor).astype(np.int32)
            op = replace(op, output=replace(op.output, multiplier=multiplier))
        nodes.append(replace(node, op=op))
    return replace(graph, nodes=tuple(nodes))


@pytest.mark.parametrize(("factor", "explained"), [(0.995, True), (0.9, False)])
def test_compare_runtimes_explain_steps_of_one_only(factor, explained, case):
    graph, inputs, _ = case
    other = with_other_dense(graph, factor)
    expected = int_ops.evaluate(other, inputs).reshape(len(inputs), -1)
    judge, desktop = compare_runtimes(other, conversion().tflite, inputs, expected, silent)
    assert not judge.agrees
    assert desktop.different_bytes > 0
    assert desktop.agrees is explained
    assert desktop.note == (
        "rounds once instead of twice in dense: one step at most" if explained else ""
    )


def rounds_alike(graph, tensors) -> bool:
    """Return whether every operator of the runtime gave what ours gives for the same inputs."""
    known = graph.tensors()
    return all(
        np.array_equal(values[0], tensors[name])
        for node in graph.nodes
        for name, values in int_ops.evaluate_node(
            node, [tensors[name][None] for name in node.inputs], known
        ).items()
    )


def test_compare_runtimes_do_not_explain_what_no_operator_does(case):
    graph, inputs, expected = case
    equal = [rounds_alike(graph, t) for t in desktop_tensors(conversion().tflite, inputs)]
    assert sum(equal) > 5
    other = (expected[equal].astype(int) + 1).clip(-128, 127).astype(np.int8)
    chosen = inputs[np.array(equal)]
    _, desktop = compare_runtimes(graph, conversion().tflite, chosen, other, silent)
    assert not desktop.agrees
    assert desktop.note == ""
