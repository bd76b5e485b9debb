"""ResNet8 from a Keras 3 .keras file, on the larger set of JPEG-compressed images."""

import pytest
from forms import FEW, QEMU_BOARDS, accuracy, assert_forms_equal, need_host, need_qemu

from microlut.importers import import_model
from microlut.importers.samples import load_samples
from sweeps import in_sweeps

pytestmark = [pytest.mark.shared, pytest.mark.slow, pytest.mark.sweep]


@pytest.fixture
def files(shared_data):
    return shared_data / "resnet8_cifar10jpeg.keras", shared_data / "cifar10jpeg_calibration.npz"


@pytest.fixture
def images(shared_data, files):
    inputs = import_model(files[0]).inputs
    return lambda limit=None: load_samples(shared_data / "cifar10jpeg_test.npz", inputs, limit)


@pytest.mark.parametrize("bits", [8, 2, *in_sweeps(6, 4, 3)])
def test_resnet8_jpeg_forms_are_equal(bits, files, images, converted):
    need_host()
    assert_forms_equal(converted(*files, bits, count=FEW), images(20), "host")


@pytest.mark.qemu
def test_resnet8_jpeg_is_equal_on_boards(files, images, converted):
    need_qemu()
    assert_forms_equal(converted(*files, 4), images(2), *QEMU_BOARDS)


@pytest.mark.parametrize(("bits", "points"), [(8, 1.0), (4, 4.0)])
def test_resnet8_jpeg_keeps_its_accuracy(bits, points, files, images, converted):
    found = accuracy(converted(*files, bits), files[0], images(1000))
    assert found.real > 83
    # the first 1,000 of 5,000 images: a standard error keeps the limit honest for so few
    assert found.lost <= points + found.standard_error
