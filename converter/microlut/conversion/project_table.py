"""The table of a configuration file that says what to deploy."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from pydantic import Field

from microlut.support.toml_file import Table

_Name = Annotated[str, Field(min_length=1)]


class ProjectTable(Table):
    """What `microlut deploy` takes if it is given no model; paths are seen from the file's folder.

    `input_range` is the least and the largest value of the inputs, needed without calibration.
    """

    model: _Name | None = None
    calibration: _Name | None = None
    input_range: Annotated[list[float], Field(min_length=2, max_length=2)] | None = None
    inputs: _Name | None = None
    board: _Name | None = None
    output: _Name | None = None


@dataclass(frozen=True, slots=True)
class Deployment:
    """The same with paths seen from the current folder; None for what is not said."""

    model: Path | None = None
    calibration: Path | None = None
    input_range: tuple[float, float] | None = None
    inputs: Path | None = None
    board: str | None = None
    output: Path | None = None


def deployment(table: ProjectTable, folder: Path) -> Deployment:
    """Return what a table of a file in `folder` says.

    A board is an id, or a .toml file.
    """

    def path(said: str | None) -> Path | None:
        return None if said is None else folder / said

    board, ends = table.board, table.input_range
    if board is not None and board.endswith(".toml"):
        board = str(folder / board)
    return Deployment(
        model=path(table.model),
        calibration=path(table.calibration),
        input_range=None if ends is None else (ends[0], ends[1]),
        inputs=path(table.inputs),
        board=board,
        output=path(table.output),
    )
