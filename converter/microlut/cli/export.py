"""The verb that writes a converted model for other tools."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from microlut import project as projects
from microlut import tables
from microlut.files import write_file
from microlut.options import ExportFormat, FolderArgument, JsonOption
from microlut.terminal import print_json


def export(
    folder: FolderArgument,
    to: Annotated[ExportFormat, typer.Option("--to", help="What to write.")],
    output: Annotated[Path, typer.Option("--output", "-o", help="File to write.")],
    as_json: JsonOption = False,
) -> None:
    """Write a converted model in another tool's format: an int8 .tflite file."""
    data = projects.read(folder).tflite
    write_file(output, data)
    if as_json:
        print_json({"format": to.value, "file": str(output), "bytes": len(data)})
    else:
        print(f"Wrote {output}, {tables.size_text(len(data))}")
