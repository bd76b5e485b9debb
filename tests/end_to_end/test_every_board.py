"""Every board: the examples build where they fit, and QEMU's boards give the same bytes."""

from __future__ import annotations

import re

import numpy as np
import pytest
from forms import interpreter_outputs, need

import microlut
from digits_example import CALIBRATION, MODEL, samples
from microlut.board.board import Core
from microlut.errors import DoesNotFit

pytestmark = pytest.mark.sweep

BOARDS = [microlut.load_board(name) for name in microlut.list_boards()]
DEVICES = [board.id for board in BOARDS if board.core is not Core.HOST]
QEMU_BOARDS = [board.id for board in BOARDS if board.emulators.qemu is not None]

# The example needs 21 KB of flash and, beside the stack, 5 KB of RAM.
TOO_SMALL_FOR_DIGITS: set[str] = set()


def build(project: microlut.Project, board_id: str) -> str | None:
    """Return what does not fit, or None after a build; the report must agree with the memory."""
    board = microlut.load_board(board_id)
    try:
        image = microlut.build(project, board)
    except DoesNotFit as error:
        return str(error)
    assert 0 < image.flash_bytes <= board.memory.flash.size
    assert 0 < image.ram_bytes <= board.memory.ram.size
    return None


@pytest.mark.qemu
@pytest.mark.parametrize("board_id", DEVICES)
def test_digits_is_built(board_id, converted):
    need(*microlut.load_board(board_id).toolchain.needs)
    refused = build(converted(MODEL, CALIBRATION, 4), board_id)
    assert (refused is not None) is (board_id in TOO_SMALL_FOR_DIGITS), refused


@pytest.mark.qemu
@pytest.mark.parametrize("board_id", QEMU_BOARDS)
def test_digits_is_equal_for_all_images(board_id, converted):
    board = microlut.load_board(board_id)
    need(*board.toolchain.needs, board.toolchain.qemu)
    project, images = converted(MODEL, CALIBRATION, 4), samples()
    outcome = microlut.run(project, board, images, count="nothing", emulator="qemu")
    assert np.array_equal(outcome.outputs, interpreter_outputs(project, images))


@pytest.mark.shared
@pytest.mark.slow
@pytest.mark.qemu
@pytest.mark.parametrize("board_id", DEVICES)
def test_resnet8_is_built_or_says_how_many_bytes_are_missing(board_id, converted, shared_data):
    need(*microlut.load_board(board_id).toolchain.needs)
    files = shared_data / "resnet8_cifar10.h5", shared_data / "cifar10_calibration.npz"
    refused = build(converted(*files, 4, count=40), board_id)
    ram = microlut.load_board(board_id).memory.ram.size
    assert (refused is not None) is (ram < 40_000), refused  # its arena alone has 38,848 bytes
    assert refused is None or re.search(r"RAM [\d,]+ of [\d,]+ bytes \([\d,]+ too many\)", refused)
