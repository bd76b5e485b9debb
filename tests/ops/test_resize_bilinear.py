"""Bilinear interpolation in all its forms."""

import pytest
from harness import Case, layer, operator_tests

from microlut.ops.resize_bilinear import ResizeBilinear


def resize(name, shape, height, width, alignment="centers", **options):
    made = ResizeBilinear(height, width, alignment)
    keras = layer("Resizing", height=height, width=width) if alignment == "centers" else None
    return Case(name, made, (shape,), keras, **options)


UP = layer("UpSampling2D", size=(2, 3), interpolation="bilinear")
CASES = (
    Case("up_2d", ResizeBilinear(6, 15), ((3, 5, 4),), UP),
    resize("twice", (4, 6, 3), 8, 12),
    resize("odd", (5, 7, 2), 13, 9),
    resize("down", (9, 8, 3), 4, 3),
    resize("half", (8, 8, 3), 4, 4),
    resize("one_pixel", (1, 1, 5), 3, 4),
    resize("to_one_pixel", (5, 4, 3), 1, 1),
    resize("same_height", (5, 4, 3), 5, 7),
    resize("far", (3, 2, 1), 64, 50),
    resize("corners", (3, 5, 4), 7, 9, "corners"),
    resize("corners_down", (7, 9, 2), 3, 1, "corners"),
    resize("origin", (3, 5, 4), 7, 10, "origin"),
    resize("origin_down", (7, 10, 4), 3, 5, "origin"),
)
(
    test_float_equals_keras,
    test_training_equals_float,
    test_integer_equals_tflite_micro,
    test_c_equals_integer_on_this_computer,
    test_c_equals_integer_on_cortex_m4,
) = operator_tests(CASES)


def test_sizes_that_places_cannot_tell_apart_are_refused():
    with pytest.raises(ValueError, match="resizes 3 pixels to 2000"):
        ResizeBilinear(2000, 2000).shapes([(3, 3, 1)])


def test_size_of_nothing_is_refused():
    with pytest.raises(ValueError, match="0 x 2 pixels"):
        ResizeBilinear(0, 2).shapes([(3, 3, 1)])
