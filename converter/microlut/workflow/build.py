"""Build firmware from a converted model."""

from __future__ import annotations

from microlut.board.board import Board, board_of
from microlut.conversion.memories import arena_memory
from microlut.plan.banks import MAIN
from microlut.project import Model, project_of
from microlut.support.arguments import PathLike, check_flag
from microlut.toolchain.build import build as build_image
from microlut.toolchain.ecosystems import foreign_board
from microlut.toolchain.image import Image
from microlut.workflow.application import build_application, check_options


def build(model: Model, board: Board | PathLike, *, profile: bool = False) -> Image:
    """Build the firmware for a board, into the model's folder.

    Args:
        model: The folder of a converted model, a project, or a conversion; one that is in no folder
            is built in a temporary one, which goes with it.
        board: A board, its id, the path of its .toml file, or one of another ecosystem, such as
            "pico:pico2", for which the model's application is built.
        profile: Whether the firmware times every kernel call, for `run` on a real board to ask.

    Raises:
        ToolMissing: A compiler or build tool is not installed.
        InvalidBoard: The board is not known.
        BuildFailed: The compiler or linker found an error.
        DoesNotFit: The firmware needs more flash or RAM than the board has.
    """
    check_flag("profile", profile)
    project, foreign = project_of(model), foreign_board(board)
    if foreign is not None:
        check_options(foreign, profile=profile)
        return build_application(project, foreign)
    target = board_of(board)
    folder, optimize = project.build_folder(target.id, profile), project.report["optimize"]
    arena = MAIN
    if not project.report["memories"]:  # else the plan says where all parts of the arena go
        arena = arena_memory(target, project.graph, project.report["arena_bytes"])
    return build_image(
        project.path, project.prefix, target, folder, optimize, profile=profile, arena=arena
    )
