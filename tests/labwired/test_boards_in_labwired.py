"""The digits example on boards in a real LabWired, where it is installed."""

from __future__ import annotations

import re

import pytest

import microlut
from digits_example import conversion, samples
from microlut.board.board import list_boards, load_board
from microlut.errors import InvalidBoard
from microlut.machine.tools import LABWIRED, find_tool

BOARDS = [board for board in map(load_board, list_boards()) if board.emulators.labwired]
REFUSED = r"LabWired [\d.]+ does not execute (ADD PC|SSAT)"

pytestmark = pytest.mark.skipif(
    find_tool(LABWIRED) is None,
    reason=f"LabWired is missing: {LABWIRED.install_command}",
)


@pytest.fixture(scope="module")
def project(tmp_path_factory):
    """The digits example."""
    return microlut.write(conversion(), tmp_path_factory.mktemp("labwired") / "digits")


@pytest.mark.parametrize("board", BOARDS, ids=lambda board: board.id)
def test_it_is_bit_exact_or_refused(project, board):
    """Version 0.25 is refused for the Cortex-M4; a newer one that is right needs no change here."""
    try:
        outcome = microlut.run(project, board, samples(5), emulator="labwired")
    except InvalidBoard as error:
        assert board.core.value == "cortex-m4f"
        assert re.search(REFUSED, str(error))
        pytest.xfail(str(error))
    assert outcome.bit_exact
    assert outcome.instructions is None


def test_the_esp32_and_the_pico_are_among_them():
    assert {"esp32-c3-devkitm-1", "raspberry-pi-pico"} <= {board.id for board in BOARDS}
