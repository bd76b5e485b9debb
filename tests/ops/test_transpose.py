"""Other orders of dimensions in all their forms."""

import pytest
from harness import Case, layer, operator_tests

from microlut.ops.transpose import Transpose


def permute(name, shape, order, **options):
    dims = tuple(i + 1 for i in order)
    return Case(name, Transpose(order), (shape,), layer("Permute", dims=dims), **options)


CASES = (
    permute("matrix", (5, 7), (1, 0)),
    permute("picture", (4, 3, 5), (1, 0, 2)),
    permute("channels_first", (4, 6, 3), (2, 0, 1)),
    permute("channels_last", (3, 4, 6), (1, 2, 0)),
    permute("runs_of_four", (6, 5, 4), (1, 0, 2)),
    permute("runs_of_two", (3, 7, 2), (1, 0, 2)),
    permute("long_runs", (3, 4, 33), (1, 0, 2)),
    permute("rank_four", (2, 3, 4, 5), (3, 1, 0, 2)),
    permute("rank_five", (2, 3, 2, 3, 4), (4, 2, 0, 3, 1)),
    permute("merged_to_four", (2, 3, 2, 3, 4), (3, 4, 0, 1, 2)),
    Case("ones", Transpose((1, 0, 2)), ((1, 6, 1),), None),  # which passes make a reshape
    permute("one_between", (5, 1, 7), (2, 1, 0)),
    permute("wide", (2, 40), (1, 0)),
    Case("int16", Transpose((2, 0, 1)), ((4, 6, 3),), None, dtype="int16"),
    Case("int16_runs", Transpose((1, 0, 2)), ((4, 6, 2),), None, dtype="int16"),
    Case("rank_six", Transpose((5, 3, 1, 4, 2, 0)), ((2, 3, 2, 2, 3, 2),), None),
)
(
    test_float_equals_keras,
    test_training_equals_float,
    test_integer_equals_tflite_micro,
    test_c_equals_integer_on_this_computer,
    test_c_equals_integer_on_cortex_m4,
) = operator_tests(CASES)


@pytest.mark.parametrize("order", [(0,), (0, 0), (1, 2), (0, 1, 2)])
def test_order_that_is_none_is_refused(order):
    with pytest.raises(ValueError, match=r"puts the dimensions of \[3, 4\]"):
        Transpose(order).shapes([(3, 4)])
