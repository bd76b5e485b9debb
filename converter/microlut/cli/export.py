"""The verb that exports converted models for other build systems and tools."""

from __future__ import annotations

from typing import Annotated

import typer

from microlut import exporters
from microlut import project as projects
from microlut.cli.options import ExportOption, FoldersArgument, ForceOption, JsonOption, NameOption
from microlut.cli.terminal import print_json
from microlut.errors import InvalidInput
from microlut.exporters import ExportFormat, format_of
from microlut.show import runs as tables
from microlut.signal.file import KNOWN


def _format(name: str) -> ExportFormat:
    try:
        return format_of(name)
    except InvalidInput as error:
        raise typer.BadParameter(str(error)) from error


FormatOption = Annotated[
    ExportFormat,
    typer.Option(
        "--to",
        parser=_format,
        metavar="FORMAT",
        help=f"What to write: {', '.join(one.value for one in ExportFormat)}.",
    ),
]


def export(
    folders: FoldersArgument,
    to: FormatOption,
    output: ExportOption,
    name: NameOption = None,
    front: Annotated[
        str | None,
        typer.Option(
            metavar="FRONT",
            help=f"Front end whose C code goes along: {', '.join(KNOWN)}, or a .toml file.",
        ),
    ] = None,
    app: Annotated[
        bool,
        typer.Option(
            "--app", help="A whole application: the model behind the console, for any board."
        ),
    ] = False,
    force: ForceOption = False,
    as_json: JsonOption = False,
) -> None:
    """Write converted models as a library of another build system, or as an int8 .tflite file."""
    given = [projects.read(folder) for folder in folders]
    exported = exporters.export(given, to, output, name, front=front, app=app, force=force)
    if as_json:
        print_json(exported.as_json())
    else:
        print(tables.export_text(exported))
