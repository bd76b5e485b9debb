"""Channels as pixels, in all forms."""

import pytest
from harness import Case, operator_tests

from microlut.ops.depth_to_space import DepthToSpace


def spread(block):
    def apply(tensors):
        import keras

        return keras.ops.depth_to_space(tensors[0], block)

    return apply


CASES = (
    Case("two", DepthToSpace(2), ((3, 5, 8),), spread(2)),
    Case("one_channel_left", DepthToSpace(2), ((3, 2, 4),), spread(2)),
    Case("three", DepthToSpace(3), ((2, 2, 18),), spread(3)),
    Case("int16", DepthToSpace(2), ((2, 3, 8),), None, dtype="int16"),
)
(
    test_float_equals_keras,
    test_training_equals_float,
    test_integer_equals_tflite_micro,
    test_c_equals_integer_on_this_computer,
    test_c_equals_integer_on_cortex_m4,
) = operator_tests(CASES)


@pytest.mark.parametrize("block", [0, 3])
def test_channels_that_make_no_blocks_are_refused(block):
    with pytest.raises(ValueError, match="of 8 channels"):
        DepthToSpace(block).shapes([(3, 5, 8)])
