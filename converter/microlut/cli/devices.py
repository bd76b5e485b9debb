"""Verbs that take a real board: flash and monitor."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from microlut import project as projects
from microlut.cli.options import (
    BoardOption,
    DryRunOption,
    FlashPortOption,
    FlashToolChoice,
    FolderArgument,
    JsonOption,
    ProbeOption,
    TimingOption,
    at_least_one,
)
from microlut.cli.terminal import print_json
from microlut.machine.serial_port import DEFAULT_BAUD, SerialPort
from microlut.running.monitor import monitor as connect
from microlut.show import runs as tables
from microlut.workflow.flash import flash as write_image


def flash(
    folder: FolderArgument,
    board: BoardOption,
    port: FlashPortOption = None,
    probe: ProbeOption = None,
    tool: FlashToolChoice = None,
    profile: TimingOption = False,
    dry_run: DryRunOption = False,
    as_json: JsonOption = False,
) -> None:
    """Write the firmware to a real board, by a debug probe or the board's own loader.

    A board of another ecosystem, such as zephyr:BOARD, is written by that ecosystem's own tool.
    Before writing, microlut checks that the image was built for this board and fits, and that
    exactly one such board is connected.
    """
    project = projects.read(folder)
    result = write_image(
        project, board, tool=tool, probe=probe, port=port, profile=profile, dry_run=dry_run
    )
    if as_json:
        print_json(result.as_json())
    else:
        print(tables.flash_text(project, result))


def monitor(
    port: Annotated[str, typer.Option(help="Serial port, such as /dev/ttyACM0.")],
    baud: Annotated[int, typer.Option(callback=at_least_one, help="Its speed.")] = DEFAULT_BAUD,
    _as_json: JsonOption = False,
) -> None:
    """Talk to a board's console in this terminal: type commands like name%; Ctrl-] ends it."""
    with SerialPort(port, baud) as opened:
        print(f"{port} at {baud} baud; help% lists the commands, Ctrl-] ends", file=sys.stderr)
        connect(opened, sys.stdin.fileno(), sys.stdout.fileno())
