"""Circular and hyperbolic functions in all their forms."""

import numpy as np
from elementwise_cases import function_cases, operation
from harness import Case, operator_tests

from microlut.ops.trigonometric import (
    Acos,
    Acosh,
    Asin,
    Asinh,
    Atan,
    Atanh,
    Cosh,
    Sinh,
    Tan,
)


def of_range(name, op, low, high):
    """Return a case of a function of keras.ops with inputs in a range."""

    class Ranged(Case):
        def samples(self):
            made = Case.samples(self)
            return type(made)(
                {key: (low + (high - low) * np.abs(np.sin(x))) for key, x in made.arrays.items()}
            )

    return Ranged(name, op, ((6, 7),), operation(name))


CASES = [
    *function_cases(
        *(
            (name, op, operation(name))
            for name, op in {"arctan": Atan(), "arcsinh": Asinh()}.items()
        ),
    ),
    of_range("tan", Tan(), -1.2, 1.2),
    of_range("sinh", Sinh(), -2.0, 2.5),
    of_range("cosh", Cosh(), -2.0, 1.5),
    of_range("arcsin", Asin(), -0.9, 0.9),
    of_range("arccos", Acos(), -0.9, 0.9),
    of_range("arctanh", Atanh(), -0.9, 0.9),
    of_range("arccosh", Acosh(), 1.05, 4.0),
]
(
    test_float_equals_keras,
    test_training_equals_float,
    test_integer_equals_tflite_micro,
    test_c_equals_integer_on_this_computer,
    test_c_equals_integer_on_cortex_m4,
) = operator_tests(CASES)
