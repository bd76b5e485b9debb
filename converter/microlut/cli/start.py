"""The first verbs: an example, and a configuration file of one's own."""

from __future__ import annotations

import shlex
import sys
from pathlib import Path
from typing import Annotated

import typer

from microlut.cli import run
from microlut.cli.conversion_options import CalibrationOption, InputRangeOption
from microlut.cli.options import (
    JsonOption,
    OptionalInputs,
    OptionalModel,
    SaidBoard,
)
from microlut.cli.terminal import print_json
from microlut.errors import InvalidInput
from microlut.machine.tools import ARM_GCC, NEWLIB, QEMU, find_tool
from microlut.show.start import started_text
from microlut.support.resources import data_folder
from microlut.workflow import init as starting

_SUFFIXES = (".keras", ".h5", ".hdf5", ".tflite", ".onnx")
_EMULATED = "mps2-an386"  # a board that needs no hardware


def demo(
    output: Annotated[Path, typer.Option("--output", "-o", help="Folder to write.")] = Path(
        "build/digits"
    ),
    as_json: JsonOption = False,
) -> None:
    """Convert, build and run a classifier of handwritten digits that comes with microlut.

    It runs on an emulated Cortex-M4, or on this computer where the compiler or QEMU is missing.
    """
    example = data_folder("examples/digits")
    there = all(find_tool(tool) is not None for tool in (ARM_GCC, NEWLIB, QEMU))
    words = ["deploy", example / "digits.keras", "--board", _EMULATED if there else "host"]
    words += ["--calibration", example / "digits_calibration.npz"]
    words += ["--inputs", example / "digits_test.npz", "--output", output]
    arguments = [*map(str, words), *(["--json"] if as_json else [])]
    if not as_json:
        print(f"$ microlut {shlex.join(arguments)}", flush=True)
    raise typer.Exit(run(arguments))


def init(
    model: OptionalModel = None,
    calibration: CalibrationOption = None,
    input_range: InputRangeOption = None,
    inputs: OptionalInputs = None,
    board: SaidBoard = None,
    folder: Annotated[
        Path | None,
        typer.Option("--deploy-to", help="Folder for `deploy`.", show_default="build/NAME"),
    ] = None,
    output: Annotated[Path, typer.Option("--output", "-o", help="The configuration file.")] = Path(
        "microlut.toml"
    ),
    as_json: JsonOption = False,
) -> None:
    """Write microlut.toml, with which `microlut deploy` needs no arguments.

    What is not given is asked for in a terminal. MODEL is read and planned for the board: the bits
    per weight are the most, up to 4, with which it fits.
    """
    if output.exists():
        raise InvalidInput(f"{output}: is there; edit it, or choose another file with --output")
    ask = sys.stdin.isatty() and not as_json
    if model is None:
        model = Path(_asked(ask, "Model", "MODEL", _only(Path(), _SUFFIXES)))
    if calibration is None and input_range is None and ask:
        found = _only(Path(), (".npz", ".npy"), "calib")
        text = _prompt("Calibration inputs, some hundred without labels (- for none)", found or "-")
        calibration = None if text == "-" else Path(text)
    if calibration is None and input_range is None and ask and starting.needs_range(model):
        ends = _prompt("Least and largest value of the inputs", "0 1").split()
        input_range = _range(ends)
    if inputs is None and ask:
        text = _prompt(
            "Test inputs, with labels y (- for none)", _only(Path(), (".npz",), "test") or "-"
        )
        inputs = None if text == "-" else Path(text)
    if board is None:
        board = _asked(ask, "Board (microlut boards lists them)", "--board", _EMULATED)
    started = starting.init(
        model,
        board,
        calibration=calibration,
        input_range=input_range,
        inputs=inputs,
        output=folder,
        config=output,
    )
    if as_json:
        print_json(started.records()[0])
    else:
        print(started_text(started))


def _asked(ask: bool, question: str, option: str, default: str | None) -> str:
    """Return the answer to a question, or raise InvalidInput if nobody can be asked."""
    if not ask:
        raise InvalidInput(f"{option}: is not given, and this is no terminal to ask in; give it")
    return _prompt(question, default)


def _prompt(question: str, default: str | None) -> str:
    return str(typer.prompt(question, default=default)).strip()


def _only(folder: Path, suffixes: tuple[str, ...], part: str = "") -> str | None:
    """Return the only file of a kind whose name has a part, if there is one alone."""
    found = [p for p in sorted(folder.iterdir()) if p.suffix in suffixes and part in p.name]
    return str(found[0]) if len(found) == 1 else None


def _range(ends: list[str]) -> tuple[float, float]:
    try:
        low, high = map(float, ends)
    except ValueError as error:
        raise InvalidInput(f"{' '.join(ends)}: are not two numbers, such as 0 1") from error
    return low, high
