"""Pixels as channels, in all forms."""

import pytest
from harness import Case, operator_tests

from microlut.ops.space_to_depth import SpaceToDepth


def gathered(block):
    def apply(tensors):
        import keras

        return keras.ops.space_to_depth(tensors[0], block)

    return apply


CASES = (
    Case("two", SpaceToDepth(2), ((4, 6, 3),), gathered(2)),
    Case("one_channel", SpaceToDepth(2), ((2, 8, 1),), gathered(2)),
    Case("three", SpaceToDepth(3), ((3, 6, 4),), gathered(3)),
    Case("int16", SpaceToDepth(2), ((4, 2, 3),), None, dtype="int16"),
)
(
    test_float_equals_keras,
    test_training_equals_float,
    test_integer_equals_tflite_micro,
    test_c_equals_integer_on_this_computer,
    test_c_equals_integer_on_cortex_m4,
) = operator_tests(CASES)


@pytest.mark.parametrize("block", [0, 2])
def test_size_that_makes_no_blocks_is_refused(block):
    with pytest.raises(ValueError, match="out of 3 x 4 pixels"):
        SpaceToDepth(block).shapes([(3, 4, 2)])
