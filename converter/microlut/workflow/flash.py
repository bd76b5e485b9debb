"""Check a built image and write it to a real board.

Nothing is written unless the image was built for this board, lies within its flash, and exactly one
such board is connected.
"""

from __future__ import annotations

import re
import shlex
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import get_args

from elftools.elf.elffile import ELFFile

from microlut.board.board import Board, board_of
from microlut.board.flash_tools import FlashTool, FlashToolName, Uf2Drive
from microlut.board.schema import Memory, Region
from microlut.errors import DeviceFailed, DoesNotFit, InvalidBoard, InvalidInput, ToolMissing
from microlut.flashing import FLASHERS, Flasher, FlashJob
from microlut.flashing.find_device import find_drive, find_port, find_probe
from microlut.machine.tools import find_tool
from microlut.project import Model, Project, project_of
from microlut.support.arguments import PathLike, check_choice, check_flag, check_text
from microlut.support.shown import Record, Shown
from microlut.toolchain.ecosystems import ForeignBoard, foreign_board
from microlut.toolchain.record import read_record
from microlut.workflow.application import (
    build_application,
    check_options,
    flash_call,
    write_application,
)
from microlut.workflow.build import build

_TIMEOUT_SECONDS = 300.0


@dataclass(frozen=True, slots=True)
class _Target:
    """How the user chose among several boards: by the probe or port, or not at all."""

    probe: str | None = None
    port: str | None = None


@dataclass(frozen=True, slots=True, repr=False)
class FlashResult(Shown):
    """What was written, or would be if `written` is False.

    Attributes:
        board: The board's id.
        tool: The tool's name.
        device: Serial number of the probe, or serial port; None if the tool chooses.
        command: The tool's command line.
        bytes: Number of bytes for flash.
        written: Whether they were written.
        note: Why they could not be written now.
    """

    board: str
    tool: str
    device: str | None
    command: tuple[str, ...]
    bytes: int
    written: bool
    note: str = ""

    @property
    def command_text(self) -> str:
        """Return the command line quoted for a shell."""
        return shlex.join(self.command)

    def records(self) -> list[Record]:
        """Return the result as one record, with the command line as a shell takes it."""
        return [self.as_json() | {"command": self.command_text}]

    def as_json(self) -> dict[str, object]:
        """Return the result as JSON values."""
        return {
            "board": self.board,
            "tool": self.tool,
            "device": self.device,
            "command": list(self.command),
            "bytes": self.bytes,
            "written": self.written,
            "note": self.note,
        }


def flash(  # noqa: PLR0913 (the user's options, by name)
    model: Model,
    board: Board | PathLike,
    *,
    tool: FlashToolName | None = None,
    probe: str | None = None,
    port: str | None = None,
    profile: bool = False,
    dry_run: bool = False,
) -> FlashResult:
    """Write a model's firmware to a real board; it is built if it is not there yet.

    Args:
        model: The folder of a converted model, a project, or a conversion.
        board: A board, its id, the path of its .toml file, or one of another ecosystem, whose own
            tool then builds and writes the model's application.
        tool: The flash tool; by default the board's first that is installed.
        probe: Serial number of the debug probe, where there are several.
        port: Serial port, where a board is flashed through one and there are several.
        profile: Whether to write the firmware that times every kernel call.
        dry_run: Check everything, but write nothing; a missing board is only mentioned.

    Raises:
        InvalidBoard: The board cannot be flashed, or not with that tool.
        InvalidInput: The image was built for another board, or has changed since.
        DoesNotFit: The image has bytes outside the board's flash.
        ToolMissing: No tool that the board names is installed.
        DeviceFailed: No board, several, or the tool failed.
    """
    check_flag("profile", profile)
    check_flag("dry_run", dry_run)
    if tool is not None:
        check_choice("tool", tool, get_args(FlashToolName))
    for what, given in (("probe", probe), ("port", port)):
        check_text(what, given)
    project, foreign = project_of(model), foreign_board(board)
    if foreign is not None:
        check_options(foreign, tool=tool, probe=probe, profile=profile)
        return _flash_application(project, foreign, port, dry_run)
    board, target = board_of(board), _Target(probe, port)
    flasher, arguments = _choose_tool(board, tool)
    program = find_tool(flasher.tool)
    assert program is not None
    assert board.memory is not None
    elf, binary = _checked_image(project, board, profile)
    size = _check_place(elf, binary, board.id, _places(board.memory, others=not flasher.flat))
    device, usb, note = _find(flasher, board, arguments, target, dry_run)
    job = FlashJob(program, arguments, elf, binary, board.memory.flash.origin, device, usb)
    command = flasher.command(job)
    if not dry_run:
        _execute(flasher, command)
        if flasher.after is not None:
            _execute(flasher, flasher.after(job))
    return FlashResult(board.id, flasher.tool.name, device, command, size, not dry_run, note)


def _flash_application(
    project: Project, board: ForeignBoard, port: str | None, dry_run: bool
) -> FlashResult:
    image = build_application(project, board)
    call = flash_call(project, board, image, port, dry_run=dry_run)
    if not dry_run:
        write_application(project, board, call)
    size = image.flash_bytes or 0
    return FlashResult(
        board.text, call.tool, call.device, call.command, size, not dry_run, call.note
    )


def _choose_tool(board: Board, name: str | None) -> tuple[Flasher, FlashTool]:
    """Return the first installed tool of the board, and its table in the board file."""
    named = [arguments.name for arguments in board.flash_tools]
    if not named:
        raise InvalidBoard(
            f"{board.id}: has no flash_tools, so it is no board to flash; choose one for which "
            "`microlut boards` shows a flash tool"
        )
    if name is not None and name not in named:
        raise InvalidBoard(
            f"{board.id}: flash_tools: found no {name}; it can be flashed with {', '.join(named)}"
        )
    wanted = [arguments for arguments in board.flash_tools if name in (None, arguments.name)]
    for arguments in wanted:
        if find_tool(FLASHERS[arguments.name].tool) is not None:
            return FLASHERS[arguments.name], arguments
    tools = [FLASHERS[arguments.name].tool for arguments in wanted]
    ways = "; or ".join(f"{tool.name}: {tool.install_command}" for tool in tools)
    raise ToolMissing(f"{board.id}: no flash tool is installed; install {ways}")


def _checked_image(project: Project, board: Board, profile: bool) -> tuple[Path, Path]:
    """Return the .elf and .bin of a sound image for this board, which is built if it is absent."""
    folder = project.build_folder(board.id, profile)
    path = folder / f"{project.prefix}.json"
    if not folder.is_dir():
        build(project, board, profile=profile)
    if not path.is_file():
        raise InvalidInput(
            f"{folder}: does not say what it was built for (no {path.name}); build again: "
            f"microlut build {project.path} --board {board.id}{' --profile' if profile else ''}"
        )
    record = read_record(path)
    record.check(folder, board)
    files = [folder / f"{project.prefix}.{ending}" for ending in ("elf", "bin")]
    missing = [file.name for file in files if file.name not in record.files]
    if missing:
        raise InvalidInput(f"{folder}: has no {missing[0]}, which flash tools need; build again")
    return files[0], files[1]


def _check_place(elf: Path, binary: Path, board: str, places: Sequence[Region]) -> int:
    """Return the bytes to write, after checking that all that is loaded has a place."""
    with elf.open("rb") as file:
        for segment in ELFFile(file).iter_segments("PT_LOAD"):
            start, end = segment["p_paddr"], segment["p_paddr"] + segment["p_filesz"]
            if end > start and not any(p.origin <= start <= end <= p.end for p in places):
                allowed = " or ".join(f"{place.origin:#x} to {place.end:#x}" for place in places)
                raise DoesNotFit(
                    f"{elf}: holds bytes for {start:#x} to {end:#x}, and {board} has {allowed}; "
                    "build it for this board, with fewer bits if it is too large"
                )
    return binary.stat().st_size


def _places(memory: Memory, others: bool) -> tuple[Region, ...]:
    """Return where an image's bytes may be for: flash, or the RAM that a loader copies them to.

    `others` says whether the tool writes other flash of the board, too.
    """
    if memory.code_origin is None:
        return tuple(memory.of_kind("flash").values()) if others else (memory.flash,)
    return memory.ram, Region(origin=memory.code_origin, size=memory.ram.size)


def _find(
    flasher: Flasher, board: Board, arguments: FlashTool, target: _Target, dry_run: bool
) -> tuple[str | None, str | None, str]:
    """Return the device to write to, its USB id, and in a dry run only what is wrong with it."""
    probed = flasher.link == "probe"
    wrong, right = ("--port", "--probe") if probed else ("--probe", "--port")
    if (target.port if probed else target.probe) is not None:
        raise InvalidInput(
            f"{board.id}: {flasher.tool.name} reaches it by its {right[2:]}; "
            f"leave {wrong} out, and give {right} if there are several"
        )
    ids = getattr(arguments, "usb", board.probe.usb if board.probe else ())
    try:
        if isinstance(arguments, Uf2Drive):
            return find_drive(board.id, target.port, arguments.drive), None, ""
        if not probed:
            return find_port(board, target.port, ids), None, ""
        found = find_probe(board, target.probe, ids)
        return (target.probe, None, "") if found is None else (found.serial, found.id, "")
    except DeviceFailed as error:
        if not dry_run:
            raise
        return (target.probe if probed else target.port), None, str(error)


def _execute(flasher: Flasher, command: tuple[str, ...]) -> None:
    """Run the tool; its messages and exit status become one line if it fails."""
    name = flasher.tool.name
    try:
        done = subprocess.run(
            command,
            check=False,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            timeout=_TIMEOUT_SECONDS,
        )
    except subprocess.TimeoutExpired as error:
        raise DeviceFailed(
            f"{name}: took longer than {_TIMEOUT_SECONDS:g} s and was stopped; press the board's "
            "reset button, plug it in again and flash again"
        ) from error
    if done.returncode == 0:
        return
    lines = [line.strip() for line in done.stdout.splitlines() if line.strip()]
    matching = [(p, advice) for p, advice in flasher.advice if re.search(p, done.stdout)]
    pattern, advice = matching[0] if matching else ("", "see docs/guide/flashing.md")
    said = next((line for line in lines if pattern and re.search(pattern, line)), "")
    said = said or (lines[-1] if lines else f"exit status {done.returncode}")
    raise DeviceFailed(f"{name}: {said}; {advice}; by hand: {shlex.join(command)}")
