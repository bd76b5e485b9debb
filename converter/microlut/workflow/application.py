"""Build and flash a model's application by another ecosystem's own tool.

The application is exported into the model's build folder, and only files that have changed are
written: ecosystems compile again what is newer.
"""

from __future__ import annotations

import os
import shlex
import shutil
from dataclasses import dataclass
from pathlib import Path

from elftools.common.exceptions import ELFError

from microlut.errors import (
    BuildFailed,
    DeviceFailed,
    DoesNotFit,
    InvalidBoard,
    InvalidInput,
    MicrolutError,
    ToolMissing,
)
from microlut.exporters.application import application_files
from microlut.exporters.formats import ExportFormat
from microlut.exporters.sources import Files
from microlut.flashing.find_device import find_drive
from microlut.flashing.uf2_drive import copy_command
from microlut.machine.tools import COPY, NINJA, Tool, find_tool, require_tool
from microlut.project import Project
from microlut.toolchain.ecosystems import Folders, ForeignBoard
from microlut.toolchain.image import Image, measure
from microlut.toolchain.programs import run_program
from microlut.toolchain.uf2_image import drive_of_application, uf2_of_application
from microlut.workflow.tool_messages import find_line, reason


def build_application(project: Project, board: ForeignBoard) -> Image:
    """Export the application, and build it for a board of an ecosystem.

    Raises:
        ToolMissing: The ecosystem's tool is not installed, or its folder is not known.
        InvalidBoard: The ecosystem does not know the board.
        DoesNotFit: The application needs more memory than the board has.
        BuildFailed: The tool failed otherwise.
    """
    ecosystem = board.of
    program, at = _program(board, ecosystem.tool), _folders(project, board)
    _write(application_files([project], ExportFormat(ecosystem.format), at.name), at.sources)
    _forget_failure(at.work)
    at.work.mkdir(parents=True, exist_ok=True)
    log = project.build_folder(f"{board.id}-build.log")
    for arguments in ecosystem.build(at, board.name):
        done = run_program([str(program), *arguments], ecosystem.variables(at, board.name))
        if done.returncode != 0:
            log.write_text(done.stdout, encoding="utf-8")
            raise _failed(board, done.stdout, f"all messages: {log}")
    log.unlink(missing_ok=True)
    elf = at.work / ecosystem.elf.format(name=at.name, board=board.name)
    try:
        sizes = measure(elf)
    except (OSError, ELFError) as error:
        raise BuildFailed(
            f"{board.text}: {ecosystem.tool.name} made no ELF file {elf} ({error}); its release "
            f"may be one that microlut does not know; build it by hand, in {at.sources}"
        ) from error
    beside = (elf.with_suffix(".map"), elf.with_suffix(".elf.map"))
    return Image(
        board.text,
        elf,
        next((path for path in beside if path.is_file()), beside[0]),
        flash_bytes=sizes.flash_bytes,
        ram_bytes=sizes.ram_bytes,
        sections=sizes.sections,
        uf2=uf2_of_application(elf) if board.ecosystem == "pico" else None,
    )


@dataclass(frozen=True, slots=True)
class FlashCall:
    """How a built application is written to a board.

    Attributes:
        tool: The tool's name.
        device: The serial port or drive; None if the tool chooses.
        command: Its command line.
        note: Why it could not run now.
    """

    tool: str
    device: str | None
    command: tuple[str, ...]
    note: str = ""


def flash_call(
    project: Project, board: ForeignBoard, image: Image, port: str | None, *, dry_run: bool
) -> FlashCall:
    """Return how to write a built application to a board: by the tool, or to the drive of a Pico.

    Raises:
        ToolMissing: The ecosystem's tool is not installed.
        DeviceFailed: Nor is there a drive to copy to, and this is no dry run.
    """
    flasher = board.of.flasher
    if find_tool(flasher) is None and image.uf2 is not None:
        return _copy_call(board, image.uf2, port, dry_run)
    arguments = board.of.flash(_folders(project, board), board.name, port)
    return FlashCall(flasher.name, port, (str(_program(board, flasher)), *arguments))


def _copy_call(board: ForeignBoard, file: Path, port: str | None, dry_run: bool) -> FlashCall:
    flasher, note = board.of.flasher, ""
    try:
        drive: str | None = find_drive(board.text, port, drive_of_application(file))
    except DeviceFailed as error:
        if not dry_run:
            raise DeviceFailed(
                f"{error}; or install {flasher.name}: {flasher.install_command}"
            ) from error
        drive, note = port, str(error)
    return FlashCall(COPY.name, drive, copy_command(Path(COPY.program), file, drive), note)


def write_application(project: Project, board: ForeignBoard, call: FlashCall) -> None:
    """Write an application as `flash_call` says.

    Raises:
        DeviceFailed: The tool failed to write the application.
    """
    variables = board.of.variables(_folders(project, board), board.name)
    done = run_program([*call.command], variables)
    if done.returncode != 0:
        raise DeviceFailed(
            f"{board.text}: {call.tool}: {reason(done.stdout, call.tool)}; check the cable and the "
            f"port; by hand: {shlex.join(call.command)}"
        )


def _folders(project: Project, board: ForeignBoard) -> Folders:
    folder = project.build_folder(board.id).resolve()
    return Folders(folder / "app", folder / "build", project.prefix)


def _program(board: ForeignBoard, tool: Tool) -> Path:
    """Return the path of a tool, after a look at what else it needs."""
    variable = board.of.folder_variable
    folder = os.environ.get(variable, "") if variable else ""
    if variable and not (folder and Path(folder).is_dir()):
        found = f"is {folder!r}, which is no folder" if folder else "is not set"
        raise ToolMissing(
            f"{board.text}: {variable} {found}; install {board.of.title}, and set {variable} to "
            "its folder"
        )
    if board.ecosystem == "pico":
        require_tool(NINJA)
    return require_tool(tool)


def _write(files: Files, folder: Path) -> None:
    """Write what has changed, and remove what is of an earlier export."""
    if folder.is_dir():
        for path in sorted(folder.rglob("*"), reverse=True):
            if path.is_file() and path.relative_to(folder).as_posix() not in files:
                path.unlink()
            elif path.is_dir() and not any(path.iterdir()):
                path.rmdir()
    for name, data in files.items():
        file = folder / name
        if file.is_dir():
            shutil.rmtree(file)
        if not file.is_file() or file.read_bytes() != data:
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes(data)


def _forget_failure(work: Path) -> None:
    """Remove what CMake keeps of a failed start, such as a compiler that was not there."""
    if (work / "CMakeCache.txt").is_file() and not (work / "build.ninja").is_file():
        shutil.rmtree(work)


def _failed(board: ForeignBoard, messages: str, more: str) -> MicrolutError:
    """Return what the messages of a tool that failed say."""
    ecosystem = board.of
    kinds: tuple[type[MicrolutError], ...] = (InvalidBoard, DoesNotFit)
    for kind, patterns in zip(kinds, (ecosystem.unknown, ecosystem.too_large), strict=True):
        line = find_line(patterns, messages)
        if line is not None:
            return kind(f"{board.text}: {ecosystem.tool.name}: {line}; {more}")
    said = reason(messages, ecosystem.tool.name)
    return BuildFailed(f"{board.text}: {ecosystem.tool.name}: {said}; {more}")


def check_options(board: ForeignBoard, **given: object) -> None:
    """Raise InvalidInput for options that only boards with a board file take."""
    for name, value in given.items():
        if value:
            raise InvalidInput(
                f"{board.text}: {board.of.title} builds and flashes it, which takes no --{name}; "
                "leave that out"
            )
