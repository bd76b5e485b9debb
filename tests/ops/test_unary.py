"""Mathematical functions in all their forms."""

from elementwise_cases import activation, function_cases, of_positive, operation
from harness import operator_tests

from microlut.ops.unary import (
    Abs,
    Ceil,
    Cos,
    Erf,
    Exp,
    Expm1,
    Floor,
    Log,
    Log1p,
    Power,
    Reciprocal,
    Rsqrt,
    Sign,
    Sin,
    Sqrt,
    Square,
)

CASES = [
    *function_cases(
        ("exponential", Exp(), activation("exponential")),
        *(
            (name, op, operation(name))
            for name, op in {
                "abs": Abs(),
                "exp": Exp(),
                "expm1": Expm1(),
                "square": Square(),
                "erf": Erf(),
                "sign": Sign(),
                "sin": Sin(),
                "cos": Cos(),
                "floor": Floor(),
                "ceil": Ceil(),
            }.items()
        ),
    ),
    of_positive("sqrt", Sqrt()),
    of_positive("rsqrt", Rsqrt()),
    of_positive("log", Log()),
    of_positive("log1p", Log1p()),
    of_positive("reciprocal", Reciprocal()),
    of_positive("power", Power(1.5), operation("power", 1.5)),
    of_positive("inverse_power", Power(-0.75), operation("power", -0.75)),
    *function_cases(("fifth", Power(5.0), operation("power", 5.0))),
]
(
    test_float_equals_keras,
    test_training_equals_float,
    test_integer_equals_tflite_micro,
    test_c_equals_integer_on_this_computer,
    test_c_equals_integer_on_cortex_m4,
) = operator_tests(CASES)
