"""The verb that writes converted models for other people's build systems and tools."""

from __future__ import annotations

from typing import Annotated

import typer

from microlut import exporters, tables
from microlut import project as projects
from microlut.options import ExportOption, FoldersArgument, JsonOption, NameOption
from microlut.terminal import print_json


def export(
    folders: FoldersArgument,
    to: Annotated[exporters.ExportFormat, typer.Option(help="What to write.")],
    output: ExportOption,
    name: NameOption = None,
    as_json: JsonOption = False,
) -> None:
    """Write converted models as a library of another build system, or as an int8 .tflite file."""
    exported = exporters.export([projects.read(folder) for folder in folders], to, output, name)
    if as_json:
        print_json(exported.as_json())
    else:
        print(tables.export_text(exported))
