"""Mean over the whole picture in all its forms."""

import numpy as np
import pytest
from harness import Case, layer, operator_tests

from graphs import run_integer
from microlut.ops.mean import Mean, QMean

KEEP, FLAT = layer("GlobalAveragePooling2D", keepdims=True), layer("GlobalAveragePooling2D")
CASES = (
    Case("picture", Mean(), ((5, 7, 3),), KEEP),
    Case("flat", Mean(), ((4, 4, 8),), FLAT, spreads=(5.0,)),
    Case("pool", Mean(), ((3, 5, 4),), layer("AveragePooling2D", pool_size=(3, 5))),
    Case("row", Mean(), ((1, 9, 5),), KEEP, spreads=(0.01,)),
    Case("one_pixel", Mean(), ((1, 1, 6),), KEEP),
    Case("many_pixels", Mean(), ((31, 33, 1),), KEEP),
)
(
    test_float_equals_keras,
    test_training_equals_float,
    test_integer_equals_tflite_micro,
    test_c_equals_integer_on_this_computer,
    test_c_equals_integer_on_cortex_m4,
) = operator_tests(CASES)


@pytest.mark.parametrize(("last", "wanted"), [(7, 7), (9, 8), (-23, -8), (-24, -9), (127, 67)])
def test_mean_of_another_scale_worked_out_by_hand(last, wanted):
    # the sum less three zero points of 1, halved, and the zero point of the output: 3
    x = np.array([1, 2, last], np.int8).reshape(1, 3, 1, 1)
    assert run_integer(QMean(1 << 30, 0), [x], (1,), 3).item() == wanted


def test_means_are_limited_to_int8():
    x = np.array([-128, 127], np.int8).reshape(1, 1, 1, 2)
    assert run_integer(QMean(1 << 30, 2), [x]).ravel().tolist() == [-128, 127]
