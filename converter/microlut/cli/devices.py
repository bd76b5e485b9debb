"""Verbs that take a real board: monitor."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from microlut.monitor import monitor as connect
from microlut.options import JsonOption
from microlut.serial_port import DEFAULT_BAUD, SerialPort


def monitor(
    port: Annotated[str, typer.Option(help="Serial port, such as /dev/ttyACM0.")],
    baud: Annotated[int, typer.Option(min=1, help="Its speed.")] = DEFAULT_BAUD,
    _as_json: JsonOption = False,
) -> None:
    """Talk to a board's console in this terminal: type commands like name%; Ctrl-] ends it."""
    with SerialPort(port, baud) as opened:
        print(f"{port} at {baud} baud; help% lists the commands, Ctrl-] ends", file=sys.stderr)
        connect(opened, sys.stdin.fileno(), sys.stdout.fileno())
