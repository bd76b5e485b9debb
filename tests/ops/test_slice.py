"""Parts of tensors in all their forms."""

import pytest
from harness import Case, layer, operator_tests

from microlut.ops.movement import Axis, whole
from microlut.ops.slice import Slice


def part(name, shape, *axes, keras=None, **options):
    places = tuple(Axis(*axis) for axis in axes)
    return Case(name, Slice((*places, *map(whole, shape[len(axes) :]))), (shape,), keras, **options)


def subscript(*items):
    """Return what takes a part of each input of the batch."""
    return lambda tensors: tensors[0][(slice(None), *items)]


def flip(axis):
    def apply(tensors):
        import keras

        return keras.ops.flip(tensors[0], axis=axis)

    return apply


CROP = layer("Cropping2D", cropping=((1, 2), (0, 3)))
STEPS = subscript(slice(1, None, 2), slice(0, 9, 4))
TAIL = subscript(..., slice(2, 5))
CASES = (
    part("crop_2d", (6, 8, 3), (1, 1, 3), (0, 1, 5), keras=CROP),
    part("crop_1d", (9, 4), (2, 1, 6), keras=layer("Cropping1D", cropping=(2, 1))),
    part("crop_3d", (4, 5, 3, 2), (1, 1, 2), (1, 1, 3), (1, 1, 1), keras=layer("Cropping3D")),
    part("center", (7, 8, 3), (1, 1, 4), (1, 1, 6), keras=layer("CenterCrop", height=4, width=6)),
    part("rows", (6, 4, 3), (2, 1, 3), keras=subscript(slice(2, 5))),
    part("last", (5, 7), (4, 1, 1), keras=subscript(slice(-1, None))),
    part("vector", (9,), (3, 1, 4), keras=subscript(slice(3, 7))),
    part("channels", (4, 5, 6), (0, 1, 4), (0, 1, 5), (2, 1, 3), keras=TAIL),
    part(
        "steps", (7, 9, 4), (1, 2, 3), (0, 4, 3), keras=subscript(slice(1, None, 2), slice(0, 9, 4))
    ),
    part("backwards", (5, 6, 3), (0, 1, 5), (5, -1, 6), keras=flip(2)),
    part("steps_back", (9,), (7, -3, 3), keras=subscript(slice(7, 0, -3))),
    part("upside_down", (4, 11), (3, -1, 4), keras=flip(1)),
    part("all_back", (3, 2, 5), (2, -1, 3), (1, -1, 2), (4, -1, 5)),
    part("rank_five", (2, 3, 2, 3, 4), (1, -1, 2), (1, 1, 2), (0, 1, 1), (0, 2, 2), (1, 2, 2)),
    part("int16", (6, 4, 3), (1, 1, 4), (1, 2, 2), dtype="int16"),
    part("rows_int16", (6, 4, 3), (1, 1, 4), dtype="int16"),
)
(
    test_float_equals_keras,
    test_training_equals_float,
    test_integer_equals_tflite_micro,
    test_c_equals_integer_on_this_computer,
    test_c_equals_integer_on_cortex_m4,
) = operator_tests(CASES)


@pytest.mark.parametrize("axis", [(-1, 1, 2), (0, 1, 4), (3, 1, 1), (0, -1, 2), (0, 1, 0)])
def test_places_that_are_not_there_are_refused(axis):
    with pytest.raises(ValueError, match=r"of \[3\], which has no such places"):
        Slice((Axis(*axis),)).shapes([(3,)])


def test_another_number_of_dimensions_is_refused():
    with pytest.raises(ValueError, match="no such places"):
        Slice((whole(3),)).shapes([(3, 4)])
