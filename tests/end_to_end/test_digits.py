"""The shipped example, at every number of bits and both granularities."""

import numpy as np
import pytest
from forms import accuracy, assert_forms_equal, need_host

import microlut
from digits_example import CALIBRATION, MODEL, TEST, conversion, samples
from sweeps import in_sweeps


@pytest.mark.parametrize("granularity", ["channel", *in_sweeps("tensor")])
@pytest.mark.parametrize("bits", [2, 4, 7, 8, *in_sweeps(3, 5, 6)])
def test_digits_forms_are_equal(bits, granularity, tmp_path):
    need_host()
    project = microlut.write(conversion(bits, granularity), tmp_path / "out")
    assert_forms_equal(project, samples(40), "host")


# On 597 images one is 0.17 %: half a point is three images.
@pytest.mark.parametrize(("bits", "points"), [(8, 0.5), (6, 0.5), (4, 0.5), (3, 2.0)])
def test_digits_keeps_its_accuracy(bits, points, tmp_path):
    project = microlut.write(conversion(bits), tmp_path / "out")
    found = accuracy(project, MODEL, samples())
    assert found.real > 99
    assert found.lost <= points


def test_digits_conversion_from_the_files_equals_that_from_an_array():
    with np.load(CALIBRATION) as arrays:
        again = microlut.convert(MODEL, arrays["x"])
    assert again.sources == conversion().sources


def test_digits_test_images_have_labels():
    with np.load(TEST) as arrays:
        assert set(arrays["y"].tolist()) == set(range(10))
