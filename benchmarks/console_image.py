"""Link an engine and a model with microlut's console application into an image for a board.

Probes, start-up code and linker script are microlut's, so all engines are measured alike.
"""

from __future__ import annotations

import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import jinja2

import microlut

FIRMWARE = Path(__file__).resolve().parent.parent / "firmware"
TEMPLATES = FIRMWARE.parent / "templates"
GCC, AR = "arm-none-eabi-gcc", "arm-none-eabi-ar"
PREFIX = "rival"

_HEADER = """#include "microlut/microlut.h"
#define RIVAL_ARENA_BYTES {arena}u
#define RIVAL_INPUTS 1u
#define RIVAL_OUTPUTS 1u
#define RIVAL_INPUT_BYTES {inputs}u
#define RIVAL_OUTPUT_BYTES {outputs}u
#ifdef __cplusplus
extern "C" {{
#endif
extern uint8_t rival_arena[RIVAL_ARENA_BYTES];
#define RIVAL_CRC32 0u
extern const mlut_model_t rival_model;
static inline uint32_t rival_check(void) {{ return 0u; }}
#ifdef __cplusplus
}}
#endif
#define RIVAL_TENSORS \\
    static const mlut_tensor_t rival_input = {{"x", 0, RIVAL_INPUT_BYTES, 1.0f, 0, MLUT_INT8}}; \\
    static const mlut_tensor_t rival_output = {{"y", 0, RIVAL_OUTPUT_BYTES, 1.0f, 0, MLUT_INT8}};
#define RIVAL_SIZES \\
    &rival_input, &rival_output, 1, 1, RIVAL_ARENA_BYTES, RIVAL_INPUT_BYTES, RIVAL_OUTPUT_BYTES
"""


@dataclass(frozen=True, slots=True)
class Sizes:
    """Bytes of a model's arena, input and output."""

    arena: int
    inputs: int
    outputs: int


def write_configuration(board: microlut.Board, sizes: Sizes, folder: Path) -> None:
    """Write model.h, which declares `rival_model`, and the application's board configuration."""
    header = _HEADER.format(arena=sizes.arena, inputs=sizes.inputs, outputs=sizes.outputs)
    (folder / "model.h").write_text(header, encoding="utf-8")
    write_board_configuration(board, PREFIX, folder)


def write_board_configuration(board: microlut.Board, prefix: str, folder: Path) -> None:
    """Write what the application has to know of the board and of the model's name."""
    assert board.memory is not None
    templates = jinja2.Environment(
        loader=jinja2.FileSystemLoader(TEMPLATES), keep_trailing_newline=True, autoescape=False
    )
    regions = {name: getattr(board.memory, name) for name in ("flash", "ram", "preload")}
    for name in ("app_config.h", "board_config.h", "memory.ld", "memories.ld"):
        text = templates.get_template(f"{name}.j2").render(prefix=prefix, board=board, **regions)
        (folder / name).write_text(text, encoding="utf-8")


def includes(folder: Path) -> list[str]:
    """Return the compiler's options for the headers of a model's source in `folder`."""
    places = [
        *(FIRMWARE / name for name in ("app", "common", "port", "startup", "include")),
        folder,
    ]
    return [f"-I{path}" for path in places]


def link(
    board: microlut.Board, folder: Path, model: Sequence[Path | str], options: Sequence[str] = ()
) -> Path:
    """Return the image of the application with a model's sources and libraries.

    `folder` has the files of `write_board_configuration`.
    """
    toolchain = board.toolchain
    startup = toolchain.startup
    places = (FIRMWARE / "app", FIRMWARE / "common", FIRMWARE / "port" / board.port)
    sources = [source for place in places for source in place.glob("*.c")]
    sources += [*(FIRMWARE / "startup").glob(f"{startup}*.c"), FIRMWARE / "startup" / "paint.c"]
    elf = folder / f"{PREFIX}.elf"
    command = [
        f"{toolchain.prefix}gcc",
        *board.flags,
        "-Os",
        "-w",
        "-ffunction-sections",
        "-fdata-sections",
    ]
    command += ["-nostartfiles", f"--specs={toolchain.specs}", *includes(folder), *options]
    command += ["-Wl,--gc-sections", f"-L{folder}", f"-T{FIRMWARE / 'linker' / startup}.ld"]
    subprocess.run([*command, *map(str, (*sources, *model)), "-o", str(elf)], check=True)
    return elf


def archive(folder: Path, name: str) -> Path:
    """Return a static library of all object files in a folder."""
    objects = [str(file.relative_to(folder)) for file in sorted(folder.rglob("*.o"))]
    subprocess.run([AR, "rcs", name, *objects], cwd=folder, check=True)
    return folder / name
