"""Gather what is known about a converted model, and write it as a page."""

from __future__ import annotations

from numpy.typing import ArrayLike

from microlut.board.board import Board
from microlut.importers.samples import Inputs
from microlut.project import Model
from microlut.show.page.write import check_report, write_report
from microlut.support.arguments import PathLike, path_of
from microlut.support.progress import Progress, silent
from microlut.workflow.overview import Overview, overview


def report(  # noqa: PLR0913 (the user's options, by name)
    model: Model,
    inputs: Inputs | None = None,
    output: PathLike | None = None,
    *,
    labels: PathLike | ArrayLike | None = None,
    original: PathLike | object | None = None,
    board: Board | PathLike | None = None,
    limit: int | None = None,
    progress: Progress = silent,
) -> Overview:
    """Gather what is known about a converted model, and write it as HTML or Markdown.

    Args:
        model: The folder of a converted model, a project, or a conversion.
        inputs: An .npz with array `x`, an .npy, or an array [n, ...]: with them, the layers and
            answers of the float and the integer network are compared.
        output: The .html or .md file, written completely or not at all; by default none.
        labels: Class numbers [n]; by default array `y` of the inputs' file.
        original: The model that was converted; by default the file of its name, beside the folder
            or in the current one.
        board: Also run the firmware for this board on the inputs.
        limit: Use only the first so many inputs.
        progress: Called with (what, done, total).

    Raises:
        MicrolutError: One of its subclasses, for everything that can be wrong.
    """
    path = None if output is None else path_of("output", output)
    if path is not None:
        check_report(path)  # before minutes are spent
    found = overview(
        model,
        inputs,
        labels=labels,
        original=original,
        board=board,
        limit=limit,
        progress=progress,
    )
    if path is not None:
        write_report(found, path)
    return found
