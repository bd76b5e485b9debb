"""The hyperbolic tangent in all its forms."""

from harness import elementwise_cases, operator_tests

from microlut.ops.tanh import Tanh

CASES = elementwise_cases(Tanh(), "tanh")
(
    test_float_equals_keras,
    test_training_equals_float,
    test_integer_equals_tflite_micro,
    test_c_equals_integer_on_this_computer,
    test_c_equals_integer_on_cortex_m4,
) = operator_tests(CASES)
