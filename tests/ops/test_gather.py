"""Chosen places along a dimension in all their forms."""

import pytest
from harness import Case, layer, operator_tests

from microlut.ops.gather import Gather


def take(*indices, axis):
    def apply(tensors):
        import keras

        return keras.ops.take(tensors[0], list(indices), axis=axis)

    return apply


def roll(shift, axis):
    def apply(tensors):
        import keras

        return keras.ops.roll(tensors[0], shift, axis=axis)

    return apply


NEAREST = layer("Resizing", height=5, width=4, interpolation="nearest")
CASES = (
    Case("rows", Gather(0, (2, 0, 0, 3)), ((4, 3, 5),), take(2, 0, 0, 3, axis=1)),
    Case("columns", Gather(1, (1, 4, 2)), ((3, 5, 2),), take(1, -1, 2, axis=2)),
    Case("channels", Gather(2, (5, 1, 1, 0)), ((3, 4, 6),), take(5, 1, 1, 0, axis=-1)),
    Case("vector", Gather(0, (3, 3, 1)), ((7,),), take(3, 3, 1, axis=1)),
    Case("roll", Gather(1, (3, 4, 0, 1, 2)), ((3, 5),), roll(2, 2)),
    Case("nearest", Gather(0, (0, 0, 1, 2, 2)), ((3, 4, 2),), NEAREST),
    Case("rank_four", Gather(2, (1, 0, 0)), ((2, 3, 3, 2),), take(1, 0, 0, axis=3)),
)
(
    test_float_equals_keras,
    test_training_equals_float,
    test_integer_equals_tflite_micro,
    test_c_equals_integer_on_this_computer,
    test_c_equals_integer_on_cortex_m4,
) = operator_tests(CASES)


@pytest.mark.parametrize("op", [Gather(0, (3,)), Gather(0, (-1,)), Gather(0, ()), Gather(2, (0,))])
def test_places_that_are_not_there_are_refused(op):
    with pytest.raises(ValueError, match="takes places"):
        op.shapes([(3, 4)])
