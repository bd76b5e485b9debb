"""Values that are repeated each on its own, in all forms."""

import pytest
from harness import Case, layer, operator_tests

from microlut.ops.repeat import Repeat


def repeat(count, axis):
    def apply(tensors):
        import keras

        return keras.ops.repeat(tensors[0], count, axis=axis)

    return apply


UP = layer("UpSampling2D")
CASES = (
    Case("up_2d", Repeat((2, 2, 1)), ((3, 5, 4),), UP),
    Case("up_uneven", Repeat((3, 2, 1)), ((2, 3, 7),), layer("UpSampling2D", size=(3, 2))),
    Case("up_rows", Repeat((4, 1, 1)), ((2, 3, 1),), layer("UpSampling2D", size=(4, 1))),
    Case("up_one_channel", Repeat((2, 2, 1)), ((4, 3, 1),), UP),
    Case("up_1d", Repeat((2, 1)), ((6, 5),), layer("UpSampling1D", size=2)),
    Case("up_3d", Repeat((2, 2, 3, 1)), ((2, 3, 2, 3),), layer("UpSampling3D", size=(2, 2, 3))),
    Case("channels", Repeat((1, 1, 3)), ((3, 2, 5),), repeat(3, -1)),
    Case("vector", Repeat((4,)), ((7,),), repeat(4, 1)),
    Case("up_int16", Repeat((2, 3, 1)), ((3, 2, 3),), None, dtype="int16"),
)
(
    test_float_equals_keras,
    test_training_equals_float,
    test_integer_equals_tflite_micro,
    test_c_equals_integer_on_this_computer,
    test_c_equals_integer_on_cortex_m4,
) = operator_tests(CASES)


@pytest.mark.parametrize("counts", [(2,), (2, 0), (1, 1, 1)])
def test_counts_that_do_not_fit_are_refused(counts):
    with pytest.raises(ValueError, match=r"repeats \[3, 4\] by"):
        Repeat(counts).shapes([(3, 4)])
