"""The command line: one verb a stage and `deploy` for all. Nothing but this prints or exits."""

from __future__ import annotations

import os
import sys
import traceback
from typing import Annotated

import typer

from microlut.cli.devices import flash, monitor
from microlut.cli.export import export
from microlut.cli.firmware import build, run, verify
from microlut.cli.machine import boards, doctor
from microlut.cli.models import convert, deploy, fit, search
from microlut.failures import (
    EXIT_INTERRUPTED,
    Terminated,
    describe,
    raise_when_terminated,
)
from microlut.terminal import print_error
from microlut.version import VERSION

# Every verb, in the order of the help, and what that says of it.
VERBS = (
    (convert, "Convert a model to C sources and a .tflite file."),
    (search, "Measure what accuracy costs in bytes, and draw it."),
    (fit, "Say which density each layer's weights have, and draw it."),
    (build, "Compile the firmware for a board."),
    (run, "Run the firmware on inputs: emulated, natively or on a board."),
    (verify, "Compare all executable forms, byte by byte."),
    (deploy, "The whole line: convert, build and run."),
    (export, "Write converted models for your own project."),
    (flash, "Write the firmware to a real board."),
    (monitor, "A terminal for a board's console."),
    (boards, "List the boards that firmware can be built for, or show one."),
    (doctor, "Say which tools are there and how to install the others."),
)

app = typer.Typer(
    name="microlut",
    help="Turn a trained Keras CNN into small, exact, verified firmware for microcontrollers.",
    epilog="Every verb takes --json (one JSON object on standard output) and --debug (tracebacks). "
    "Exit codes: 0 done, 1 outputs disagree, 2 bad command line or input, 3 unsupported model, "
    "4 unknown or invalid board, 5 does not fit, 6 tool missing, 7 build failed, 8 run failed, "
    "9 board, probe or port failed, 70 internal error, 130 interrupted, 143 terminated.",
    add_completion=False,
    rich_markup_mode=None,
)


def _print_version(wanted: bool) -> None:
    if wanted:
        print(f"microlut {VERSION}")
        raise typer.Exit


@app.callback()
def _root(
    _version: Annotated[
        bool,
        typer.Option("--version", is_eager=True, callback=_print_version, help="Print and exit."),
    ] = False,
) -> None:
    """Take what stands before the verb."""


for _verb, _short_help in VERBS:
    app.command(short_help=_short_help)(_verb)


def main() -> None:
    """Run the command line; every expected error becomes one line and its exit code."""
    arguments = sys.argv[1:] or ["--help"]
    debug = "--debug" in arguments
    arguments = [argument for argument in arguments if argument != "--debug"]
    raise_when_terminated()
    try:
        code = app(arguments, prog_name="microlut", standalone_mode=False) or 0
        sys.stdout.flush()
    except BrokenPipeError:  # the reader, such as `head`, has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        code = 0
    except (KeyboardInterrupt, typer.Abort):
        code = EXIT_INTERRUPTED
    except (Exception, Terminated) as error:  # noqa: BLE001 (the last resort: no traceback for users)
        if debug:
            traceback.print_exc()
        message, code = describe(error)
        print_error(message, code, as_json="--json" in arguments)
    if code == EXIT_INTERRUPTED:  # typer returns that code too
        print_error("interrupted", code, as_json="--json" in arguments)
    sys.exit(code)
