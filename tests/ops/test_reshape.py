"""Another view of the same values in all its forms."""

import pytest
from harness import Case, layer, operator_tests

from microlut.ops.reshape import Reshape


def reshape(name, shape, to):
    return Case(name, Reshape(to), (shape,), layer("Reshape", target_shape=to))


CASES = (
    Case("flatten", Reshape((105,)), ((5, 7, 3),), layer("Flatten")),
    reshape("rows", (5, 7, 3), (35, 3)),
    reshape("picture", (60,), (3, 4, 5)),
    reshape("swapped", (3, 7), (7, 3)),
    reshape("rank_four", (6, 5), (3, 1, 2, 5)),
    Case("int16", Reshape((7, 3)), ((3, 7),), None, dtype="int16"),
)
(
    test_float_equals_keras,
    test_training_equals_float,
    test_integer_equals_tflite_micro,
    test_c_equals_integer_on_this_computer,
    test_c_equals_integer_on_cortex_m4,
) = operator_tests(CASES)


def test_another_size_is_refused():
    with pytest.raises(ValueError, match=r"reshapes \[3, 7\] to \[20\]"):
        Reshape((20,)).shapes([(3, 7)])
