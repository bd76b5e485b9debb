"""ResNet8 from a Keras 2 .h5 file: all forms equal, accuracy kept, memory within its limits."""

import re
import subprocess

import pytest
from forms import FEW, QEMU_BOARDS, accuracy, assert_forms_equal, need, need_host, need_qemu

import microlut
from microlut.importers import import_model
from microlut.importers.samples import load_samples
from microlut.toolchain.image import Image
from sweeps import in_sweeps

pytestmark = [pytest.mark.shared, pytest.mark.slow]


@pytest.fixture
def files(shared_data):
    return shared_data / "resnet8_cifar10.h5", shared_data / "cifar10_calibration.npz"


@pytest.fixture
def images(shared_data, files):
    inputs = import_model(files[0]).inputs
    return lambda limit=None: load_samples(shared_data / "cifar10_test.npz", inputs, limit)


@pytest.fixture
def image(files, converted) -> Image:
    need_qemu()
    return microlut.build(converted(*files, 4, count=FEW), microlut.load_board("mps2-an386"))


@pytest.mark.parametrize("bits", [4, *in_sweeps(8, 6, 3, 2)])
def test_resnet8_forms_are_equal(bits, files, images, converted):
    need_host()
    assert_forms_equal(converted(*files, bits, count=FEW), images(20), "host")


@pytest.mark.sweep
@pytest.mark.qemu
def test_resnet8_is_equal_on_boards(files, images, converted):
    need_qemu()
    assert_forms_equal(converted(*files, 4), images(3), *QEMU_BOARDS)


@pytest.mark.parametrize(("bits", "points"), in_sweeps((8, 1.0), (4, 4.0)))
def test_resnet8_keeps_its_accuracy(bits, points, files, images, converted):
    found = accuracy(converted(*files, bits), files[0], images())
    assert found.real > 87
    # 500 images are few: an honest limit would fail one time in six at its very edge without this
    assert found.lost <= points + found.standard_error


def test_resnet8_fits_the_esp32_c3(files, converted):
    board = microlut.load_board("esp32-c3-devkitm-1")
    need(*board.toolchain.needs)
    built = microlut.build(converted(*files, 4, count=FEW), board)
    assert built.flash_bytes < built.ram_bytes < board.memory.ram.size / 2


@pytest.mark.qemu
def test_resnet8_fits_its_memory(image):
    assert image.flash_bytes < 80_000
    assert image.ram_bytes < 70_000


@pytest.mark.qemu
def test_resnet8_sizes_equal_those_of_size(image):
    said = subprocess.run(
        ["arm-none-eabi-size", image.elf], check=True, capture_output=True, text=True
    ).stdout
    text, data, bss = (int(number) for number in said.splitlines()[1].split()[:3])
    assert image.flash_bytes == text + data
    assert image.ram_bytes == data + bss


@pytest.mark.qemu
def test_resnet8_sizes_equal_those_of_the_map(image):
    # an output section of the map: its name, address and size, all at the left margin
    found = re.findall(r"^(\.[\w.]+)\s+0x[0-9a-f]+\s+(0x[0-9a-f]+)", image.map.read_text(), re.M)
    mapped = {name: int(size, 16) for name, size in found}
    assert {name: mapped[name] for name, _ in image.sections} == dict(image.sections)
    flash = sum(size for name, size in image.sections if name not in (".bss", ".stack"))
    assert image.flash_bytes == flash


def test_resnet8_has_the_macs_of_the_benchmark(files, converted):
    # 12,501,632 in the convolutions and the dense layer (MLPerf Tiny)
    assert converted(*files, 4, count=FEW).report["macs"] == 12_501_632
