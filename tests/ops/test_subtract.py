"""The difference of two tensors in all its forms."""

from binary_cases import binary_cases
from harness import Case, in_a_row, layer, operator_tests

from microlut.ops.activation import ActivationKind
from microlut.ops.subtract import Subtract

RELU, RELU6 = Subtract(ActivationKind.RELU), Subtract(ActivationKind.RELU6)
SUBTRACT = layer("Subtract")
CASES = (
    *binary_cases(Subtract, "Subtract", 1),
    Case("rank_four", Subtract(), ((2, 3, 2, 5), (2, 3, 2, 5)), None),
    Case("relu", RELU, ((6, 3), (6, 3)), in_a_row(SUBTRACT, layer("ReLU"))),
    Case("relu6", RELU6, ((6, 3), (1, 3)), None, spreads=(4.0, 4.0)),
)
(
    test_float_equals_keras,
    test_training_equals_float,
    test_integer_equals_tflite_micro,
    test_c_equals_integer_on_this_computer,
    test_c_equals_integer_on_cortex_m4,
) = operator_tests(CASES)
