"""Values weighed by a sigmoid of theirs, in all their forms."""

from elementwise_cases import activation, function_cases, operation
from harness import layer, operator_tests

from microlut.ops.gates import Gelu, HardSilu, Mish, Silu

CASES = function_cases(
    ("silu", Silu(), activation("silu")),
    ("silu_function", Silu(), operation("silu")),
    ("swish", Silu(), layer("Dense", units=9, activation="swish")),
    ("hard_silu", HardSilu(), activation("hard_silu")),
    ("hard_silu_function", HardSilu(), operation("hard_silu")),
    ("hard_swish", HardSilu(), layer("Dense", units=7, activation="hard_swish")),
    ("gelu", Gelu(), activation("gelu")),
    ("gelu_exact", Gelu(), operation("gelu", False)),
    ("gelu_function", Gelu(True), operation("gelu")),
    ("mish", Mish(), activation("mish")),
)
(
    test_float_equals_keras,
    test_training_equals_float,
    test_integer_equals_tflite_micro,
    test_c_equals_integer_on_this_computer,
    test_c_equals_integer_on_cortex_m4,
) = operator_tests(CASES)
