"""Comparison of forms: equality, the first difference, and accepted rounding."""

from dataclasses import replace

import numpy as np
import pytest

from digits_example import conversion, samples
from microlut.integer import evaluate as int_ops
from microlut.integer import quantized_inputs
from microlut.support.progress import silent
from microlut.verification.compare import (
    Difference,
    FormResult,
    bit_exact,
    compare,
    compare_runtimes,
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
