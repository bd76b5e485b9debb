"""Read and write the record of what an image was built for, a JSON file beside it.

The record is not in the image: a note in flash would cost bytes, and .bin and .hex files have no
sections.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from pathlib import Path
from typing import Self

from pydantic import ValidationError

from microlut.board.board import Board
from microlut.errors import InvalidInput
from microlut.support.toml_file import Table, describe
from microlut.version import VERSION


class BuildRecord(Table):
    """One build: its board, with the digest of the board file, and the SHA-256 of every output."""

    microlut: str
    board: str
    core: str
    board_sha256: str
    files: dict[str, str]

    @classmethod
    def of(cls, board: Board, files: Iterable[Path]) -> Self:
        """Return the record of files that were just built."""
        return cls(
            microlut=VERSION,
            board=board.id,
            core=board.core.value,
            board_sha256=board_digest(board),
            files={file.name: _digest(file.read_bytes()) for file in files},
        )

    def check(self, folder: Path, board: Board) -> None:
        """Raise InvalidInput unless the files in `folder` are the recorded ones, for this board."""
        again = f"build again: microlut build {folder.parents[1]} --board {board.id}"
        if (self.board, self.core) != (board.id, board.core.value):
            raise InvalidInput(
                f"{folder}: was built for {self.board} ({self.core}) and not for {board.id} "
                f"({board.core.value}); {again}"
            )
        if self.board_sha256 != board_digest(board):
            raise InvalidInput(f"{folder}: {board.id}'s board file has changed since; {again}")
        for name, digest in self.files.items():
            file = folder / name
            if not file.is_file() or _digest(file.read_bytes()) != digest:
                raise InvalidInput(f"{file}: is missing or was changed since the build; {again}")


def write_record(path: Path, record: BuildRecord) -> None:
    """Write a record as JSON."""
    path.write_text(record.model_dump_json(indent=2) + "\n", encoding="utf-8")


def read_record(path: Path) -> BuildRecord:
    """Read a record; raises InvalidInput if it is damaged."""
    try:
        return BuildRecord.model_validate_json(path.read_bytes())
    except ValidationError as error:
        raise InvalidInput(f"{path}: is damaged ({describe(error)}); build again") from error


def board_digest(board: Board) -> str:
    """Return the SHA-256 of the contents of a board file."""
    return _digest(board.model_dump_json().encode())


def _digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()
