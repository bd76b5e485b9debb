"""Compile and link the firmware of a converted model for a board.

CMake and Ninja work in a temporary folder with links to all other folders, so they never see a path
that they would misread. Only finished files are copied to the output.
"""

from __future__ import annotations

import re
import shutil
import sys
from dataclasses import dataclass, replace
from pathlib import Path

import jinja2

from microlut.board.board import Board, Core
from microlut.errors import BuildFailed, DoesNotFit, InvalidInput
from microlut.machine.tools import CMAKE, HOST_CC, NINJA, require_tool
from microlut.plan import Optimize
from microlut.plan.banks import MAIN
from microlut.support.files import plain_folder
from microlut.support.resources import data_folder
from microlut.support.system import not_on_windows
from microlut.toolchain.esp_image import esptool_of, write_esp_image
from microlut.toolchain.image import OTHER_SECTION, Image, Stack, engine_code_bytes, measure
from microlut.toolchain.programs import check_program, run_program
from microlut.toolchain.record import BuildRecord, write_record
from microlut.toolchain.shortage import shortage, without_limits
from microlut.toolchain.stack import worst_stack_bytes
from microlut.toolchain.uf2_image import write_uf2_image


@dataclass(frozen=True, slots=True)
class _Job:
    """One build in its temporary folder; `project` is what its link `model` points to."""

    project: Path
    prefix: str
    board: Board
    work: Path
    optimize: Optimize
    profile: bool
    arena: str

    @property
    def model(self) -> Path:
        return self.work / "model"

    @property
    def firmware(self) -> Path:
        return self.work / "firmware"

    @property
    def config(self) -> Path:
        return self.work / "config"

    @property
    def build(self) -> Path:
        return self.work / "build"


def build(  # noqa: PLR0913 (a choice each)
    project: Path,
    prefix: str,
    board: Board,
    output: Path,
    optimize: Optimize = "balanced",
    *,
    profile: bool = False,
    arena: str = MAIN,
) -> Image:
    """Build the firmware of a converted model for a board.

    Args:
        project: Folder with `model.h`, `model.c`, `weights.h` and `weights.c`.
        prefix: C prefix of the model; the files in `output` get this name.
        board: What to build for.
        output: Folder for the ELF, BIN, HEX and MAP files; made if absent. On failure, files of an
            earlier build stay as they are, and `<output>-build.log` has the compiler's messages.
        optimize: What the engine is compiled for.
        profile: Whether the firmware times every kernel call.
        arena: The board's memory that an arena in "ram" goes to instead.

    Raises:
        ToolMissing: A compiler or build tool is not installed.
        BuildFailed: The compiler or linker found an error.
        DoesNotFit: The firmware needs more flash or RAM than the board has.
    """
    for name in ("model.h", "model.c", "weights.h", "weights.c"):
        if not (project / name).is_file():
            raise InvalidInput(f"{project}: has no {name}; give the folder that `convert` made")
    check_tools(board)
    output.parent.mkdir(parents=True, exist_ok=True)
    with plain_folder() as folder:
        job = _Job(project.resolve(), prefix, board, folder, optimize, profile, arena)
        job.model.symlink_to(job.project)
        job.firmware.symlink_to(data_folder("firmware").resolve())
        log = output.with_name(f"{output.name}-build.log")
        _write_config(job, board)
        _configure(job, log)
        _compile(job, log)
        log.unlink(missing_ok=True)
        return _deliver(job, output)


def check_tools(board: Board) -> None:
    """Raise ToolMissing or InvalidInput if this machine cannot build for a board."""
    if sys.platform == "win32":
        raise not_on_windows("building firmware")
    for tool in (*board.toolchain.needs, CMAKE, NINJA):
        check_program(require_tool(tool))


def _write_config(job: _Job, board: Board) -> None:
    """Fill the templates with the board and the model's name."""
    templates = jinja2.Environment(  # nosec B701 # makes C, not HTML
        loader=jinja2.FileSystemLoader(data_folder("templates")),
        undefined=jinja2.StrictUndefined,
        keep_trailing_newline=True,
        autoescape=False,
    )
    job.config.mkdir(exist_ok=True)
    header = templates.get_template("app_config.h.j2").render(prefix=job.prefix, board=board)
    (job.config / "app_config.h").write_text(header, encoding="utf-8")
    if board.memory is not None:
        header = templates.get_template("board_config.h.j2").render(board=board)
        (job.config / "board_config.h").write_text(header, encoding="utf-8")
        script = templates.get_template("memory.ld.j2").render(
            board=board,
            flash=board.memory.flash,
            ram=board.memory.ram,
            preload=board.memory.preload,
        )
        (job.config / "memory.ld").write_text(script, encoding="utf-8")
        script = templates.get_template("memories.ld.j2").render(board=board)
        (job.config / "memories.ld").write_text(script, encoding="utf-8")


def _formats(board: Board) -> tuple[str, ...]:
    """Return what objcopy makes of the ELF file, as the names of format and file ending."""
    plain = board.core is not Core.HOST and esptool_of(board) is None and board.uf2 is None
    return ("binary:bin", "ihex:hex") if plain else ()


def _left_out(board: Board) -> tuple[str, ...]:
    """Return the sections of other flash, which a flat file of one flash cannot hold."""
    flash = () if board.memory is None else [*board.memory.of_kind("flash")][1:]
    return tuple(f"{OTHER_SECTION}{name}" for name in flash)


def _configure(job: _Job, log: Path) -> None:
    toolchain = job.board.toolchain
    defines = {
        "CMAKE_MAKE_PROGRAM": str(require_tool(NINJA)),
        "MLUT_MODEL_DIR": str(job.model),
        "MLUT_CONFIG_DIR": str(job.config),
        "MLUT_NAME": job.prefix,
        "MLUT_PORT": job.board.port,
        "MLUT_STARTUP": toolchain.startup,
        "MLUT_SPECS": toolchain.specs,
        "MLUT_FORMATS": ";".join(_formats(job.board)),
        "MLUT_BINARY_LACKS": ";".join(_left_out(job.board)),
        "MLUT_CORE_FLAGS": ";".join(job.board.flags),
        "MLUT_OPTIMIZE": "-Os" if job.optimize == "size" else "-O2",
        "MLUT_PROFILE": "ON" if job.profile else "OFF",
        "MLUT_ARENA_MEMORY": "" if job.arena == MAIN else job.arena,
    }
    if job.board.core is Core.HOST:
        defines["CMAKE_C_COMPILER"] = str(require_tool(HOST_CC))
    else:
        defines["CMAKE_TOOLCHAIN_FILE"] = str(job.firmware / "cmake" / "bare-metal.cmake")
        defines["MLUT_COMPILER_PREFIX"] = toolchain.prefix
    command = [str(require_tool(CMAKE)), "-G", "Ninja"]
    command += ["-S", str(job.firmware), "-B", str(job.build)]
    result = run_program([*command, *(f"-D{name}={value}" for name, value in defines.items())])
    if result.returncode != 0:
        raise _build_failed(job, result.stdout, log)


def _compile(job: _Job, log: Path) -> None:
    ninja = [str(require_tool(NINJA)), "-C", str(job.build)]
    result = run_program([*ninja, "-k", "1"])
    if result.returncode == 0:
        return
    if job.board.memory is not None and "overflowed by" in result.stdout:
        # Link again with plenty of memory, to learn the exact need in both memories.
        _write_config(job, without_limits(job.board))
        again = run_program(ninja)
        if again.returncode == 0:
            log.write_text(result.stdout, encoding="utf-8")
            elf = job.build / f"{job.prefix}.elf"
            raise DoesNotFit(shortage(elf, job.prefix, job.board, result.stdout))
    raise _build_failed(job, result.stdout, log)


def _build_failed(job: _Job, messages: str, log: Path) -> BuildFailed:
    """Keep the messages beside the output, and quote the first error."""
    messages = messages.replace(f"{job.model}/", "").replace(f"{job.work}/", "")
    log.write_text(messages, encoding="utf-8")
    lines = [line.strip() for line in messages.splitlines() if line.strip()]
    # the linker's lines come before the driver's "error: ld returned 1 exit status"
    marks = (r"multiple definition|undefined reference", r"error:", r"CMake Error")
    errors = [line for mark in marks for line in lines if re.search(mark, line)]
    first = (errors or lines or ["no message"])[0]
    return BuildFailed(f"{job.project.name} for {job.board.id}: {first}; all messages: {log}")


def _forget_folders(job: _Job) -> None:
    """Remove the temporary folders from the map, so that equal builds give equal maps."""
    file = job.build / f"{job.prefix}.map"
    text = file.read_text(encoding="utf-8", errors="replace")
    for folder, name in ((job.build, "build"), (job.model, "model"), (job.work, "work")):
        text = text.replace(str(folder), f"/{name}")
    file.write_text(text, encoding="utf-8")


def _deliver(job: _Job, output: Path) -> Image:
    """Move the finished files into the output folder, each in one step."""
    hosted = job.board.core is Core.HOST
    image = Image(job.board.id, job.build / f"{job.prefix}.elf", job.build / f"{job.prefix}.map")
    if not hosted:
        image = _measured(job, image)
    endings = ("elf", "map", *(format.partition(":")[2] for format in _formats(job.board)))
    if esptool_of(job.board) is not None:
        write_esp_image(image.elf, image.elf.with_suffix(".bin"), job.board)
        endings += ("bin",)
    if job.board.uf2 is not None:
        write_uf2_image(image.elf, job.board.uf2)
        endings += ("bin", "uf2")
    output.mkdir(exist_ok=True)
    _forget_folders(job)
    placed: dict[str, Path] = {}
    for ending in endings:
        made = job.build / f"{job.prefix}.{ending}"
        placed[ending] = output / made.name
        beside = output / f".{made.name}.new"  # the output may be on another file system
        shutil.copy(made, beside)
        beside.replace(placed[ending])
    write_record(output / f"{job.prefix}.json", BuildRecord.of(job.board, placed.values()))
    return replace(
        image,
        elf=placed["elf"],
        map=placed["map"],
        bin=placed.get("bin"),
        hex=placed.get("hex"),
        uf2=placed.get("uf2"),
    )


def _measured(job: _Job, image: Image) -> Image:
    """Return the image with its memory measured."""
    sizes = measure(image.elf, job.board)
    graphs = (path.read_text(encoding="utf-8") for path in sorted(job.build.rglob("*.ci")))
    assert job.board.stack_bytes is not None
    return replace(
        image,
        flash_bytes=sizes.flash_bytes,
        ram_bytes=sizes.ram_bytes,
        sections=sizes.sections,
        others=sizes.others,
        engine_code_bytes=engine_code_bytes(image.map),
        stack=Stack(worst_stack_bytes(graphs, image.elf), job.board.stack_bytes),
    )
