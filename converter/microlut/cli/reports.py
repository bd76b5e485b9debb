"""The verb that writes a report."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from microlut import project as projects
from microlut.cli.options import (
    ConvertedOption,
    FolderArgument,
    JsonOption,
    LimitOption,
    OptionalInputs,
)
from microlut.cli.terminal import print_json, progress_bar
from microlut.show.page import report as page
from microlut.show.page.write import HTML, report_name


def report(
    folder: FolderArgument,
    inputs: OptionalInputs = None,
    model: ConvertedOption = None,
    board: Annotated[
        str | None,
        typer.Option(help="Also run the firmware for this board on the inputs."),
    ] = None,
    limit: LimitOption = None,
    output: Annotated[
        Path | None,
        typer.Option("--output", "-o", help="The .html or .md file.", show_default=f"DIR/{HTML}"),
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Write what is known about a converted model as one HTML page, or as Markdown.

    With --inputs it compares the float and the integer network on them, layer by layer, and says
    which layers deserve more bits. --json prints the same as JSON and writes no file, unless
    --output names one.
    """
    project = projects.read(folder)
    path = output
    if path is None and not as_json:
        path = folder / report_name()
    with progress_bar(as_json) as progress:
        found = page.report(
            project,
            inputs,
            path,
            original=model,
            board=board,
            limit=limit,
            progress=progress,
        )
    if as_json:
        print_json(found.as_json())
    else:
        print(f"Wrote {path}")
