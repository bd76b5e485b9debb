"""The sum of two tensors in all its forms."""

import numpy as np
import pytest
from binary_cases import binary_cases
from harness import Case, check_keras, in_a_row, layer, operator_tests

from graphs import run_integer
from microlut.ops.activation import ActivationKind
from microlut.ops.add import Add, QAdd

ADD = layer("Add")
RELU, RELU6 = Add(ActivationKind.RELU), Add(ActivationKind.RELU6)
CASES = (
    Case("picture", Add(), ((5, 7, 3), (5, 7, 3)), ADD),
    Case("unlike_scales", Add(), ((3, 1, 8), (3, 1, 8)), ADD, spreads=(0.1, 7.0)),
    Case("left_is_small", Add(), ((33,), (33,)), ADD, spreads=(1.0, 1.3)),
    Case("right_is_small", Add(), ((33,), (33,)), ADD, spreads=(1.3, 1.0)),
    Case("rank_four", Add(), ((2, 3, 2, 5), (2, 3, 2, 5)), None),
    Case("relu", RELU, ((6, 3), (6, 3)), in_a_row(ADD, layer("ReLU"))),
    Case(
        "relu6",
        RELU6,
        ((4, 4, 5), (4, 4, 5)),
        in_a_row(ADD, layer("ReLU", max_value=6.0)),
        spreads=(4.0, 9.0),
    ),
    Case("relu_by_channel", RELU, ((6, 3), (1, 3)), in_a_row(ADD, layer("ReLU"))),
    *binary_cases(Add, "Add", 4),
)
(
    test_float_equals_keras,
    test_training_equals_float,
    test_integer_equals_tflite_micro,
    test_c_equals_integer_on_this_computer,
    test_c_equals_integer_on_cortex_m4,
) = operator_tests(CASES)


def test_sum_of_three_tensors_equals_keras():
    check_keras(Case("three", Add(), ((2, 2, 4),) * 3, ADD))


def test_shapes_that_cannot_be_broadcast_are_refused():
    with pytest.raises(ValueError, match=r"shapes \[2, 3\], \[1, 4\]"):
        Add().shapes(((2, 3), (1, 4)))


def test_only_tensors_of_equal_shape_have_the_kernel_without_broadcasting():
    kinds = {case.name: case.quantized.nodes[0].op.kind for case in CASES}
    assert {name for name, kind in kinds.items() if kind == "add"} >= {"picture", "vector", "relu"}
    assert {kinds["by_channel"], kinds["row"], kinds["number"]} == {"binary"}


def test_sum_of_two_scales_worked_out_by_hand():
    # (10 - 1) * 1/2 + (3 + 2) * 1/4 = 5.75 in units of 2^-20; the last factor is 2^-20
    op = QAdd(((1 << 30, 0), (1 << 30, -1)), (1 << 30, -19), -128, 127)
    y = run_integer(op, [np.full((1, 1), 10, np.int8), np.full((1, 1), 3, np.int8)], (1, -2), 4)
    assert y.tolist() == [[10]]
