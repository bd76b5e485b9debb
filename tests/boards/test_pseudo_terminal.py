"""Emulated boards and the host program behind a serial port: the answers stay the same."""

from __future__ import annotations

import time

import numpy as np
import pytest
from fake_images import fake_outputs

from microlut.board.board import load_board
from microlut.board.schema import Emulators, QemuEmulator, RenodeEmulator
from microlut.errors import InvalidBoard, RunFailed
from microlut.machine.serial_port import SerialPort
from microlut.running.device import Device, run_inputs
from microlut.running.emulators import offer_image
from microlut.running.emulators.pseudo_terminal import offered

BOARDS = ["host", pytest.param("mps2-an386", marks=pytest.mark.qemu)]


@pytest.fixture(params=BOARDS)
def port(request, fake_image):
    """The name of a port behind which the fake model runs."""
    board, image = fake_image(request.param)
    with offer_image(board, image.elf) as offer:
        yield offer.port


def test_inputs_over_the_line_give_every_byte(port):
    inputs = np.random.default_rng(0).integers(-128, 128, (40, 6), dtype=np.int8)
    with SerialPort(port) as opened:
        found = run_inputs(Device(opened), inputs, 3)
    assert np.array_equal(found.outputs, fake_outputs(inputs))
    assert len(found.microseconds) == 40
    assert all(0 <= time < 10_000_000 for time in found.microseconds)


def test_port_can_be_opened_again_in_the_middle_of_a_command(port):
    with SerialPort(port) as opened:
        assert Device(opened).model() == "fake01"
        opened.write(b"db 01")
    with SerialPort(port) as opened:
        assert Device(opened).model() == "fake01"


def test_program_is_stopped_at_the_end(fake_image):
    board, image = fake_image("host")
    with offer_image(board, image.elf) as offer:
        assert offer.process.poll() is None
    assert offer.process.poll() is not None


def test_program_that_ends_says_so():
    command = ("/bin/sh", "-c", "echo 'cannot load the image' >&2; exit 3")
    with (
        offered(command) as offer,
        pytest.raises(RunFailed, match=r"sh: ended with status 3 \(cannot load the image\)"),
    ):
        offer.wait()


def test_program_that_is_killed_leaves_a_silent_port(fake_image):
    board, image = fake_image("host")
    with offer_image(board, image.elf) as offer, SerialPort(offer.port) as opened:
        device = Device(opened, silence_seconds=0.3)
        offer.process.kill()
        start = time.monotonic()
        with pytest.raises(RunFailed, match=r"the board was silent for 0.3 s"):
            device.model()
        assert time.monotonic() - start < 5


@pytest.mark.parametrize(
    ("emulators", "asked"),
    [
        (Emulators(), None),
        (Emulators(renode=RenodeEmulator(platform="x")), None),
        (Emulators(qemu=QemuEmulator(machine="mps2-an386")), "renode"),
    ],
    ids=["none", "only_renode", "renode_asked_for"],
)
def test_board_without_emulator_is_refused(emulators, asked, tmp_path):
    board = load_board("mps2-an386").model_copy(update={"emulators": emulators})
    with pytest.raises(InvalidBoard, match="mps2-an386: cannot be offered as a serial port in"):
        offer_image(board, tmp_path / "absent.elf", asked)
