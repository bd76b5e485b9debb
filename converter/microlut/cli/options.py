"""The command line's arguments and options, each described once for all verbs that take it."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from microlut.board.flash_tools import FlashToolName
from microlut.board.schema import EmulatorName
from microlut.errors import InvalidInput
from microlut.support.limits import size_of


def _board_ids(incomplete: str) -> list[str]:
    """Return the boards that a shell can complete a word to."""
    from microlut.board.board import list_boards  # a shell waits for this

    return [name for name in list_boards() if name.startswith(incomplete)]


def size(text: str) -> int:
    """Return the bytes that an option names, such as 64k, for typer."""
    try:
        return size_of(text)
    except InvalidInput as error:
        raise typer.BadParameter(str(error)) from error


ModelArgument = Annotated[
    Path,
    typer.Argument(
        metavar="MODEL", help=".keras, .h5, .tflite or .onnx file, or SavedModel folder."
    ),
]
OptionalModel = Annotated[
    Path | None,
    typer.Argument(
        metavar="[MODEL]", help=".keras, .h5, .tflite or .onnx file, or SavedModel folder."
    ),
]
CustomOption = Annotated[
    list[str] | None,
    typer.Option(
        metavar="NAME=WHAT",
        help="What a class, activation or layer of the model is: a class of Keras, such as "
        "MyConv=Conv2D, or an expression, such as lambda_3='x / 255'. May be repeated.",
    ),
]
FolderArgument = Annotated[
    Path, typer.Argument(metavar="DIR", help="Folder that `convert` or `deploy` wrote.")
]
OutputOption = Annotated[Path, typer.Option("--output", "-o", help="Folder to write.")]
FoldersArgument = Annotated[
    list[Path],
    typer.Argument(metavar="DIR...", help="Folders that `convert` wrote; they share one engine."),
]
SaidOutput = Annotated[
    Path | None,
    typer.Option("--output", "-o", help="Folder to write.", show_default="as microlut.toml says"),
]
SaidBoard = Annotated[
    str | None,
    typer.Option(
        help="Board id (see `microlut boards`) or .toml file.",
        show_default="as microlut.toml says",
        autocompletion=_board_ids,
    ),
]
BoardOption = Annotated[
    str,
    typer.Option(
        help="Board id (see `microlut boards`), .toml file, or ECOSYSTEM:BOARD like pico:pico2.",
        autocompletion=_board_ids,
    ),
]
EmulatorOption = Annotated[
    EmulatorName | None,
    typer.Option(help="What to run in.", show_default="renode if there, else qemu or native"),
]
BoardsOption = Annotated[
    list[str] | None, typer.Option("--board", help="Board to verify on; may be repeated.")
]
_INPUTS = typer.Option(
    help=".npz with array x, or one per input's name, and for the accuracy class numbers y."
)
InputsOption = Annotated[Path, _INPUTS]
OptionalInputs = Annotated[Path | None, _INPUTS]


def at_least_one(option: typer.CallbackParam, value: int | None) -> int | None:
    """Return the value of an option that counts something; typer's own bounds have other words.

    Raises:
        InvalidInput: It is zero or negative.
    """
    if value is not None and value < 1:
        raise InvalidInput(f"{option.opts[0]} is {value}; give 1 or more")
    return value


LimitOption = Annotated[
    int | None, typer.Option(callback=at_least_one, help="Use only the first N inputs.")
]
OutputsOption = Annotated[
    Path | None,
    typer.Option(
        help="Write the outputs to this .npz: y_int8 and y (real); of several outputs by name."
    ),
]
OriginalOption = Annotated[
    Path | None,
    typer.Option("--model", help="The original model, for the float accuracy beside it."),
]
ConvertedOption = Annotated[
    Path | None,
    typer.Option("--model", help="The original model.", show_default="the file of its name"),
]
ComparedBoard = Annotated[
    str | None, typer.Option("--board", help="Also read each layer's output from firmware.")
]
LayerOption = Annotated[str | None, typer.Option("--layer", help="Show one layer in detail.")]
ProfileOption = Annotated[
    bool,
    typer.Option(
        "--profile",
        help="Say where the instructions of an inference go; with --port, its microseconds.",
    ),
]
TimingOption = Annotated[
    bool, typer.Option("--profile", help="Firmware that times every kernel call.")
]
PortOption = Annotated[
    str | None,
    typer.Option(help="Run on the board at this serial port, such as /dev/ttyACM0."),
]
FlashPortOption = Annotated[
    str | None, typer.Option("--port", help="Serial port, where a board is flashed through one.")
]
ProbeOption = Annotated[str | None, typer.Option(help="Serial number of the debug probe.")]
FlashToolChoice = Annotated[
    FlashToolName | None,
    typer.Option(help="Flash tool.", show_default="the board's first that is installed"),
]
DryRunOption = Annotated[
    bool, typer.Option("--dry-run", help="Check, and print the command without running it.")
]
PtyOption = Annotated[
    bool,
    typer.Option("--pty", help="Run no inputs: offer the emulated board as a serial port instead."),
]
NameOption = Annotated[str | None, typer.Option(help="Name in C; the (first) model's by default.")]
ExportOption = Annotated[
    Path,
    typer.Option("--output", "-o", help="Folder; a file for tflite, zip, and if it ends in .zip."),
]
ForceOption = Annotated[
    bool,
    typer.Option("--force", help="Replace an earlier result even if its files were edited since."),
]
JsonOption = Annotated[bool, typer.Option("--json", help="Print one JSON object and nothing else.")]


def custom_of(given: list[str] | None) -> dict[str, str]:
    """Return the names and meanings of `--custom NAME=WHAT`.

    Raises:
        InvalidInput: One of them has no `=`, or nothing on one side of it.
    """
    pairs = [text.partition("=") for text in given or ()]
    for name, _, what in pairs:
        if not name.strip() or not what.strip():
            raise InvalidInput(
                f"--custom {name}: expected NAME=WHAT, such as MyConv=Conv2D or lambda='x / 255'"
            )
    return {name.strip(): what.strip() for name, _, what in pairs}
