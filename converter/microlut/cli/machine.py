"""Verbs that list boards and tools: boards and doctor."""

from __future__ import annotations

from typing import Annotated

import typer

from microlut.board.board import boards as list_all
from microlut.board.board import load_board
from microlut.cli.options import JsonOption
from microlut.cli.terminal import print_json
from microlut.errors import ToolMissing
from microlut.machine import doctor as doctors
from microlut.show import runs as tables
from microlut.show.boards import board_text, boards_text


def boards(
    name: Annotated[str | None, typer.Argument(help="Board id or .toml file: show it.")] = None,
    as_json: JsonOption = False,
) -> None:
    """List the boards that firmware can be built for; with NAME, show one in full."""
    known = list_all() if name is None else (load_board(name),)
    if as_json:
        print_json({"boards": [board.model_dump(mode="json") for board in known]})
    elif name is None:
        print(boards_text(known))
    else:
        print(board_text(known[0]))


def doctor(as_json: JsonOption = False) -> None:
    """List the tools, and say how to install those that are missing."""
    found = doctors.diagnose()
    if as_json:
        print_json({"tools": [tool.as_json() for tool in found]})
    else:
        print(tables.tools_text(found))
    if any(tool.lacks for tool in found):
        raise typer.Exit(ToolMissing.exit_code)
