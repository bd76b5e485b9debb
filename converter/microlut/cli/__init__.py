"""The command line, one verb per stage and `deploy` for all. Nothing else prints or exits."""

from __future__ import annotations

import os
import sys
import traceback
from collections.abc import Callable, Sequence
from functools import wraps
from importlib import import_module
from typing import Annotated

import typer

from microlut.cli.failures import (
    EXIT_INTERRUPTED,
    Terminated,
    describe,
    raise_when_terminated,
)
from microlut.cli.terminal import OutputLost, print_error, standard_streams
from microlut.errors import InvalidInput

# Every verb in the order of the help: its module here, and its line in the help.
VERBS = {
    "demo": ("start", "Convert, build and run an example that comes along."),
    "init": ("start", "Write microlut.toml, with which deploy needs no arguments."),
    "analyze": ("analysis", "Show layers, obstacles, and what boards need, without data."),
    "convert": ("models", "Convert a model to C sources and a .tflite file."),
    "tune": ("models", "Convert a model, and train it on labelled data."),
    "search": ("models", "Measure accuracy against bytes, and draw it."),
    "fit": ("models", "Fit levels to the weights of each layer, and draw the fit."),
    "build": ("firmware", "Compile the firmware for a board."),
    "run": ("firmware", "Run the firmware on inputs: emulated, natively or on a board."),
    "verify": ("firmware", "Compare all executable forms, byte by byte."),
    "compare": ("firmware", "Compare layers with the float network, and with firmware."),
    "report": ("reports", "Write one page about a converted model."),
    "deploy": ("models", "Convert, build and run."),
    "export": ("export", "Write converted models for your own project."),
    "flash": ("devices", "Write the firmware to a real board."),
    "monitor": ("devices", "Open a terminal for a board's console."),
    "boards": ("machine", "List the boards that firmware can be built for, or show one."),
    "doctor": ("machine", "List the tools, and say how to install missing ones."),
}

EPILOG = (
    "Every verb takes --json (one JSON object on standard output) and --debug (tracebacks). "
    "Exit codes: 0 done, 1 outputs disagree, 2 bad command line or input, 3 unsupported model, "
    "4 unknown or invalid board, 5 does not fit, 6 tool missing, 7 build failed, 8 run failed, "
    "9 board, probe or port failed, 70 internal error, 130 interrupted, 143 terminated."
)


def _print_version(wanted: bool) -> None:
    if wanted:
        from microlut.version import VERSION

        print(f"microlut {VERSION}")
        raise typer.Exit


def _root(
    _version: Annotated[
        bool,
        typer.Option("--version", is_eager=True, callback=_print_version, help="Print and exit."),
    ] = False,
) -> None:
    """Take what stands before the verb."""


def _app(arguments: Sequence[str]) -> typer.Typer:
    """Return the command line with all verbs, of which only those in `arguments` are imported.

    A shell that completes a command line has its words in an environment variable instead.

    The others are only listed: the stages that a verb needs take a second to import.
    """
    app = typer.Typer(
        name="microlut",
        help="Turn a trained network (.keras, .h5, SavedModel, .tflite or .onnx) into small, "
        "exact, verified firmware for microcontrollers.",
        epilog=EPILOG,
        rich_markup_mode=None,
    )
    arguments = [*arguments, *os.environ.get("COMP_WORDS", "").split()]
    arguments += os.environ.get("_TYPER_COMPLETE_ARGS", "").split()
    app.callback()(_root)
    for name, (_, short_help) in VERBS.items():
        verb = _imported(name) if name in arguments else _not_imported
        app.command(name, short_help=short_help)(verb)
    return app


def _imported(name: str) -> Callable[..., None]:
    module, _ = VERBS[name]
    verb: Callable[..., None] = getattr(import_module(f"microlut.cli.{module}"), name)

    @wraps(verb)
    def told(*arguments: object, **options: object) -> None:
        try:
            verb(*arguments, **options)
        except BrokenPipeError as error:  # click takes any for standard output's, and is silent
            raise InvalidInput(describe(error)[0]) from error

    return told


def _not_imported() -> None:
    """Stand for a verb that is not called."""


def main() -> None:
    """Run the command line; every expected error becomes one line and its exit code."""
    # Board files need no plugins of pydantic, and looking for some reads what every package says.
    os.environ.setdefault("PYDANTIC_DISABLE_PLUGINS", "__all__")
    code = 0
    try:
        with standard_streams():
            code = run(sys.argv[1:] or ["--help"])
            sys.stdout.flush()
    except OutputLost as lost:
        message, own_code = describe(lost)
        print_error(message, own_code, as_json=False)
        code = code or own_code
    sys.exit(code)


def run(arguments: list[str]) -> int:
    """Run a verb and return the exit code; what went wrong has been printed."""
    debug, as_json = "--debug" in arguments, "--json" in arguments
    arguments = [argument for argument in arguments if argument != "--debug"]
    raise_when_terminated()
    try:
        code: int = _app(arguments)(arguments, prog_name="microlut", standalone_mode=False) or 0
    except OutputLost:
        raise
    except (KeyboardInterrupt, typer.Abort):
        code = EXIT_INTERRUPTED
    except (Exception, Terminated) as error:  # noqa: BLE001 (the last resort: no traceback for users)
        if debug:
            traceback.print_exc()
        message, code = describe(error, arguments)
        print_error(message, code, as_json=as_json)
    if code == EXIT_INTERRUPTED:  # typer returns that code too
        print_error("interrupted", code, as_json=as_json)
    return code
