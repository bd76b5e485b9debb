"""The product of two tensors in all its forms."""

import numpy as np
import pytest
from binary_cases import binary_cases
from harness import Case, check_keras, layer, operator_tests

from microlut.graph.batch import Batch
from microlut.integer.evaluate import evaluate
from microlut.ops.activation import ActivationKind
from microlut.ops.mul import Mul


def operation(tensors):
    return tensors[0] * tensors[1]


MULTIPLY = layer("Multiply")
RELU, RELU6 = Mul(ActivationKind.RELU), Mul(ActivationKind.RELU6)
CASES = (
    *binary_cases(Mul, "Multiply", 3),
    Case("operation", Mul(), ((33,), (33,)), operation),
    Case("operation_by_channel", Mul(), ((1, 1, 6), (4, 4, 6)), operation),
    Case("relu", RELU, ((6, 3), (6, 3)), None),
    Case("relu6", RELU6, ((6, 3), (1, 3)), None, spreads=(4.0, 4.0)),
)
(
    test_float_equals_keras,
    test_training_equals_float,
    test_integer_equals_tflite_micro,
    test_c_equals_integer_on_this_computer,
    test_c_equals_integer_on_cortex_m4,
) = operator_tests(CASES)


def test_product_of_three_tensors_equals_keras():
    three = Case("three", Mul(), ((4,), (4,)), lambda t: MULTIPLY([t[0], t[1], t[0]]))
    check_keras(three)


def test_shapes_that_cannot_be_broadcast_are_refused():
    with pytest.raises(ValueError, match=r"shapes \[2, 3\], \[2, 4\]"):
        Mul().shapes(((2, 3), (2, 4)))


def test_zero_points_count_nothing():
    case = CASES[0]
    graph = case.quantized
    zeros = {t.name: np.full((1, *t.shape), t.zero_point, np.int8) for t in graph.inputs}
    assert set(evaluate(graph, Batch(zeros)).ravel()) == {graph.nodes[0].quantization.zero_point}
