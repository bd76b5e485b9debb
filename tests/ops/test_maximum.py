"""The maximum of two tensors in all its forms."""

from binary_cases import binary_cases
from harness import Case, check_keras, layer, operator_tests

from microlut.ops.maximum import Maximum

CASES = binary_cases(Maximum, "Maximum", 2)
(
    test_float_equals_keras,
    test_training_equals_float,
    test_integer_equals_tflite_micro,
    test_c_equals_integer_on_this_computer,
    test_c_equals_integer_on_cortex_m4,
) = operator_tests(CASES)


def test_maximum_of_three_tensors_equals_keras():
    check_keras(Case("three", Maximum(), ((2, 2, 4),) * 3, layer("Maximum")))
