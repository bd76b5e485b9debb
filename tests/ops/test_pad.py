"""Zero padding in all its forms."""

import numpy as np
import pytest
from harness import Case, layer, operator_tests

from graphs import run_integer
from microlut.ops.pad import Pad, QPad
from microlut.ops.windows import Padding


def pad(name, shape, padding):
    rows, columns = (padding.top, padding.bottom), (padding.left, padding.right)
    return Case(name, Pad(padding), (shape,), layer("ZeroPadding2D", padding=(rows, columns)))


CASES = (
    pad("all_sides", (3, 5, 4), Padding(1, 1, 1, 1)),
    pad("top", (4, 3, 3), Padding(top=3)),
    pad("bottom", (4, 3, 3), Padding(bottom=2)),
    pad("left", (2, 7, 1), Padding(left=1)),
    pad("right", (2, 7, 5), Padding(right=4)),
    pad("uneven", (1, 1, 6), Padding(0, 2, 3, 1)),
)
(
    test_float_equals_keras,
    test_training_equals_float,
    test_integer_equals_tflite_micro,
    test_c_equals_integer_on_this_computer,
    test_c_equals_integer_on_cortex_m4,
) = operator_tests(CASES)


def test_padding_has_the_value_of_the_zero_point():
    x = np.full((1, 1, 1, 1), 3, np.int8)
    y = run_integer(QPad(Padding(1, 0, 0, 1)), [x], (-9,), -9)
    assert y.ravel().tolist() == [-9, -9, 3, -9]


def test_negative_padding_is_refused():
    with pytest.raises(ValueError, match="negative padding"):
        Pad(Padding(left=-1)).shapes([(2, 3, 4)])
