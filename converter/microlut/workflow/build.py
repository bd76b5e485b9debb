"""Build firmware from a converted model."""

from __future__ import annotations

from microlut.board.board import Board
from microlut.project import Project
from microlut.toolchain.build import build as build_image
from microlut.toolchain.image import Image


def build(project: Project, board: Board, *, profile: bool = False) -> Image:
    """Build the firmware into the project's folder for that board.

    With `profile` it is one that times every kernel call, for `run_on_board` to ask.
    """
    folder, optimize = project.build_folder(board.id, profile), project.report["optimize"]
    return build_image(project.path, project.prefix, board, folder, optimize, profile=profile)
