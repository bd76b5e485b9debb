"""The hand-written fake model, and its expected outputs."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from microlut.board.board import Board
from microlut.machine.tools import find_tool

FAKE_MODEL = Path(__file__).with_name("fake_model")
FAKE_TABLE = (3, -7, 12, -30, 44, 5, -61, 8, 99, -1, 0, 27, -128, 127, 64, -64)


def require_tools(board: Board) -> None:
    """Skip the test if the board's compiler or emulator is missing, and say how to get it."""
    qemu = board.toolchain.qemu if board.emulators.qemu else None
    for tool in (*board.toolchain.needs, *((qemu,) if qemu else ())):
        if find_tool(tool) is None:
            pytest.skip(f"{board.id} not tested: {tool.name} is missing ({tool.apt_command})")


def fake_outputs(inputs: np.ndarray) -> np.ndarray:
    """What fake_model/model.c computes."""
    return np.array(FAKE_TABLE, dtype=np.int8)[inputs[:, :3] & 15] ^ inputs[:, 3:]
