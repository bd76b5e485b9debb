"""Images of the hand-written fake model, built once per board and test run."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from fake_images import FAKE_MODEL, require_tools

from microlut.board.board import Board, load_board
from microlut.toolchain.build import build
from microlut.toolchain.image import Image


@pytest.fixture(scope="session")
def fake_image(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], tuple[Board, Image]]:
    """A function from a board's id to the board and its image."""
    built: dict[str, tuple[Board, Image]] = {}

    def image_of(board_id: str) -> tuple[Board, Image]:
        board = load_board(board_id)
        require_tools(board)
        if board_id not in built:
            output = tmp_path_factory.mktemp("images") / board_id
            built[board_id] = board, build(FAKE_MODEL, "fake", board, output)
        return built[board_id]

    return image_of


@pytest.fixture
def altered_model(tmp_path: Path) -> Callable[[str, str], Path]:
    """A function that copies the fake model with one piece of model.c replaced."""

    def alter(old: str, new: str) -> Path:
        folder = tmp_path / "model"
        folder.mkdir()
        for source in FAKE_MODEL.iterdir():
            text = source.read_text(encoding="utf-8")
            if source.name == "model.c":
                assert old in text
                text = text.replace(old, new)
            (folder / source.name).write_text(text, encoding="utf-8")
        return folder

    return alter
