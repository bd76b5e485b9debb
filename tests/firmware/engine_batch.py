"""Compile many generated models into one program and run them: plans and inputs in.

The program is one of this computer, under both sanitizers, or one of an emulated core.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from microlut.board.board import CORE_FLAGS, Board, Core
from microlut.codegen.names import identifier
from microlut.codegen.render import Sources, render
from microlut.machine.tools import find_tool
from microlut.plan import Optimize, Plan
from microlut.plan.goal import LEAST_STEP
from microlut.plan.pieces import pieces_of
from microlut.running.emulators import Task, run_image
from microlut.support.resources import data_folder
from microlut.toolchain.build import build

HERE = Path(__file__).parent
FIRMWARE = data_folder("firmware")
ENGINE = sorted(FIRMWARE.glob("src/**/*.c"))
INCLUDES = (f"-I{FIRMWARE / 'include'}", f"-I{FIRMWARE / 'src'}")
WARNINGS = (
    *("-Wall", "-Wextra", "-Wpedantic", "-Wconversion", "-Wsign-conversion", "-Wshadow"),
    *("-Wstrict-prototypes", "-Wmissing-prototypes", "-Wundef", "-Wcast-align", "-Werror"),
)
_ONLY_C = {"-Wpedantic", "-Wstrict-prototypes", "-Wmissing-prototypes"}
LANGUAGES = {  # options of a language; compilers have designated initializers in C++17, too
    "c11": ("-x", "c", "-std=c11", *WARNINGS),
    "c17": ("-x", "c", "-std=c17", *WARNINGS),
    "c23": ("-x", "c", "-std=c2x", *WARNINGS),
    "c++17": ("-x", "c++", "-std=c++17", *(w for w in WARNINGS if w not in _ONLY_C)),
}
CORES = {core.value: CORE_FLAGS[core] for core in Core if core.value.startswith("cortex")} | {
    "cortex-m33-softfp": ("-mcpu=cortex-m33", "-mthumb", "-mfloat-abi=softfp")
}
del CORES["cortex-m0"]  # whose files are those of M0+
SANITIZERS = ("-fsanitize=address,undefined", "-fno-sanitize-recover=all")


@dataclass(frozen=True, slots=True)
class Target:
    """What programs are compiled for and executed by.

    Attributes:
        linker: The compiler that links, if it is another one.
        unity: Whether the engine is compiled as one unit.
        whole: The language in which the engine and all models are compiled as one unit; empty: they
            are several, in C11.
    """

    compiler: str
    compile_options: tuple[str, ...]
    link_options: tuple[str, ...] = ()
    link_sources: tuple[Path, ...] = ()
    emulator: tuple[str, ...] = ()
    linker: str = ""
    unity: bool = False
    whole: str = ""

    def execute(self, program: Path, *arguments: Path) -> str:
        """Run a program and return its output; fail the test if it fails."""
        if not self.emulator:
            return run(program, *arguments)
        # Newlib cuts a command line after 255 bytes: give names in the program's folder.
        names = (file.relative_to(program.parent) for file in (program, *arguments))
        words = ",".join(f"arg={name}" for name in names)
        semihosting = ("-semihosting-config", f"enable=on,target=native,{words}")
        emulator, *options = self.emulator
        kernel = ("-kernel", program.name)
        return run(require(emulator), *options, *semihosting, *kernel, folder=program.parent)


HOST = Target("gcc", ("-g", "-O1", *SANITIZERS), SANITIZERS)
# The DSP extension's variant in C, on this computer.
DSP = ("-D__ARM_FEATURE_DSP=1", "-D__ARM_FEATURE_SIMD32=1", f"-I{HERE / 'fake_acle'}")
HOST_DSP = replace(HOST, compile_options=(*HOST.compile_options, *DSP))


_GUARD = "-DBATCH_GUARD=64"  # bytes behind the arena take the sanitizer's place


def _emulated(core: Core, machine: str) -> Target:
    """Return a core whose files and exit status go through semihosting."""
    return Target(
        "arm-none-eabi-gcc",
        (*CORE_FLAGS[core], "-O2", _GUARD),
        (*CORE_FLAGS[core], "--specs=rdimon.specs", f"-T{HERE / 'bare.ld'}"),
        (HERE / "bare.c",),
        ("qemu-system-arm", "-machine", machine, "-display", "none", "-monitor", "none"),
    )


M0PLUS = _emulated(Core.CORTEX_M0PLUS, "mps2-an385")
M3 = _emulated(Core.CORTEX_M3, "mps2-an385")
M4 = _emulated(Core.CORTEX_M4F, "mps2-an386")
M55 = _emulated(Core.CORTEX_M55, "mps3-an547")

_XTENSA = HERE / "xtensa"
XTENSA = Target(  # the ESP8266's core, call0 ABI
    "xtensa-lx106-elf-gcc",
    ("-O2", "-ffreestanding", "-mtext-section-literals", f"-I{_XTENSA}", _GUARD),
    ("-nostdlib", "-Wl,--no-warn-rwx-segments", f"-T{_XTENSA / 'sim.ld'}", "-lgcc"),
    tuple(sorted(_XTENSA.glob("*.[cS]"))),
    ("qemu-system-xtensa", "-machine", "sim", "-cpu", "lx106", "-display", "none"),
)


def require(program: str) -> str:
    """Return the path of a program, or skip."""
    path = shutil.which(program)
    if path is None:
        pytest.skip(f"needs {program}; install it with scripts/install-tools.sh")
    return path


def require_tools(board: Board) -> None:
    """Skip unless all tools are there that build and emulate a board's images."""
    for tool in (*board.toolchain.needs, board.toolchain.qemu):
        if find_tool(tool) is None:
            pytest.skip(f"{board.id} not tested: {tool.name} is missing ({tool.apt_command})")


def run(*command: str | Path, folder: Path | None = None) -> str:
    """Run a command in a folder and return its output; fail the test with it if it fails."""
    done = subprocess.run(
        [str(part) for part in command],
        check=False,
        cwd=folder,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        env={**os.environ, "LC_ALL": "C", "ASAN_OPTIONS": "detect_leaks=0"},
    )
    assert done.returncode == 0, f"{command[0]} failed:\n{done.stdout[-4000:]}"
    return done.stdout


def clang_options(core: str) -> tuple[str, ...]:
    """Return options with which Clang compiles for a core, with the C library's headers of GCC."""
    library = Path(run(require("arm-none-eabi-gcc"), "-print-file-name=libc.a").strip()).resolve()
    headers = library.parents[1] / "include"
    return ("--target=arm-none-eabi", *CORES[core], "-isystem", str(headers))


def compile_all(
    sources: Sequence[Path], folder: Path, *command: str, language: str = "c11"
) -> list[Path]:
    """Compile files on all processors, warnings being errors, and return the objects."""
    folder.mkdir(parents=True, exist_ok=True)
    objects = [folder / f"{i}_{source.stem}.o" for i, source in enumerate(sources)]
    launcher = tuple(filter(None, (os.environ.get("CMAKE_C_COMPILER_LAUNCHER"),)))

    def compile_one(source: Path, target: Path) -> None:
        options = LANGUAGES[language] if source.suffix == ".c" else WARNINGS
        run(
            *launcher,
            *command,
            *options,
            *INCLUDES,
            "-o",
            target,
            "-c",
            source,
        )

    with ThreadPoolExecutor(os.cpu_count()) as pool:
        list(pool.map(compile_one, sources, objects))
    return objects


@cache
def _temporary_folder() -> tempfile.TemporaryDirectory[str]:
    """Return a folder that is removed when the tests end."""
    return tempfile.TemporaryDirectory(prefix="microlut-tests-")


def engine_unit(folder: Path, sources: Sequence[Path] = ENGINE) -> Path:
    """Write a file that includes all sources of the engine, and return it."""
    unit = folder / "engine.c"
    unit.write_text("".join(f'#include "{path}"\n' for path in sources))
    return unit


@cache
def engine_objects(target: Target) -> list[Path]:
    """Return the engine's objects, which take longer to compile than most models."""
    folder = Path(tempfile.mkdtemp(dir=_temporary_folder().name))
    sources = [engine_unit(folder)] if target.unity else ENGINE
    return compile_all(sources, folder, target.compiler, *target.compile_options)


def write_sources(sources: Sources, folder: Path) -> Path:
    """Write generated files into a folder and return it."""
    folder.mkdir(parents=True)
    for name, text in sources.items():
        (folder / name).write_text(text, encoding="utf-8")
    return folder


def scratch_last(plan: Plan) -> Plan:
    """Return the plan with every scratch behind the tensors, ending where the arena ends.

    With one layer, every byte behind that layer's scratch is then guarded.
    """
    largest = max(step.scratch_bytes for step in plan.steps)
    steps = tuple(
        replace(step, scratch_offset=plan.arena_bytes + largest - step.scratch_bytes)
        for step in plan.steps
    )
    size = plan.arena_bytes + largest
    (part,) = plan.parts
    return replace(plan, steps=steps, parts=(replace(part, bytes=size),))


def divided(plan: Plan, most: int) -> Plan:
    """Return the plan with steps of so many instructions at most, where they can be divided."""
    return replace(plan, goal=replace(plan.goal, step_instructions=most))


def run_batch(
    plans: Sequence[Plan],
    inputs: Sequence[NDArray[np.int8]],
    folder: Path,
    target: Target = HOST,
) -> list[NDArray[np.int8]]:
    """Return the outputs [runs, output_bytes] of every model, from one program.

    The models' names must differ: their sources are compiled as a few large units. The steps of
    every second model are divided, most of them into the smallest pieces.
    """
    plans = [divided(plan, LEAST_STEP) if i % 2 else plan for i, plan in enumerate(plans)]
    compiler = require(target.compiler)
    folder.mkdir(parents=True, exist_ok=True)
    prefixes = [identifier(plan.graph.name) for plan in plans]
    assert len(set(prefixes)) == len(prefixes)
    units = [folder / f"unit{i}.c" for i in range(1 if target.whole else 4)]
    for i, unit in enumerate(units):
        mine = list(zip(prefixes, plans, strict=True))[i :: len(units)]
        for prefix, plan in mine:
            write_sources(render(plan), folder / prefix)
        lines = [f'#include "{p}/{name}.c"\n' for p, _ in mine for name in ("model", "weights")]
        if target.whole:
            lines += [f'#include "{source}"\n' for source in ENGINE]
        unit.write_text("".join(lines) or "extern int nothing;\n")
    declarations = [
        f"extern const mlut_model_t {p}_model;\nuint32_t {p}_check(void);\n"
        f"const int8_t *{p}_step(void *arena, uint32_t step);\n"
        for p in prefixes
    ]
    steps = [len(pieces_of(plan)) or 1 for plan in plans]
    pairs = zip(prefixes, steps, strict=True)
    table = ", ".join(f"{{&{p}_model, {p}_check, {p}_step, {count}u}}" for p, count in pairs)
    (folder / "batch.h").write_text(
        f'#include "microlut/microlut.h"\n#define BATCH_RUNS {len(inputs[0])}\n'
        f"{''.join(declarations)}static const struct {{\n    const mlut_model_t *model;\n"
        f"    uint32_t (*check)(void);\n    const int8_t *(*step)(void *arena, uint32_t step);\n"
        f"    uint32_t steps;\n}} batch[] = {{{table}}};\n"
    )
    command = (compiler, *target.compile_options, f"-I{folder}")
    objects = compile_all(units, folder / "units", *command, language=target.whole or "c11")
    others = [HERE / "batch_main.c", *target.link_sources]
    objects += compile_all(others, folder / "objects", *command)
    objects += [] if target.whole else engine_objects(target)
    program, given, got = folder / "batch", folder / "inputs.bin", folder / "outputs.bin"
    run(target.linker or compiler, *objects, *target.link_options, "-o", program)
    given.write_bytes(b"".join(x.tobytes() for x in inputs))
    target.execute(program, given, got)
    return _split(np.fromfile(got, np.int8), plans, len(inputs[0]))


_BATCH_HEADER = """#ifndef BATCH_H
#define BATCH_H
#include "microlut/microlut.h"
#define BATCH_ARENA_BYTES {arena}u
#define BATCH_INPUTS 1u
#define BATCH_OUTPUTS 1u
#define BATCH_INPUT_BYTES {inputs}u
#define BATCH_OUTPUT_BYTES {outputs}u
extern uint32_t batch_arena[(BATCH_ARENA_BYTES + MLUT_ARENA_GUARD) / 4u + 1u];
#define BATCH_CRC32 0u
extern const mlut_model_t batch_model;
uint32_t batch_check(void);
#endif
"""
_BATCH_MODEL = """#include "model.h"
#include <string.h>
{includes}
static const mlut_model_t *const models[] = {{{table}}};
MLUT_ALIGNED uint32_t batch_arena[(BATCH_ARENA_BYTES + MLUT_ARENA_GUARD) / 4u + 1u];
static int8_t all_inputs[BATCH_INPUT_BYTES];
static int8_t all_outputs[BATCH_OUTPUT_BYTES];

static int8_t *init(void *arena, size_t bytes)
{{
    (void)arena;
    return bytes < BATCH_ARENA_BYTES ? NULL : all_inputs;
}}

static const int8_t *run(void *arena)
{{
    const int8_t *from = all_inputs;
    int8_t *to = all_outputs;
    for (size_t i = 0; i < sizeof(models) / sizeof(models[0]); i++) {{
        const mlut_model_t *model = models[i];
        memset(arena, 0x5b, model->arena_bytes);
        model->init(arena, BATCH_ARENA_BYTES);
        for (size_t j = 0; j < model->input_count; from += model->inputs[j++].bytes) {{
            memcpy((int8_t *)arena + model->inputs[j].offset, from, model->inputs[j].bytes);
        }}
        model->run(arena);
        for (size_t j = 0; j < model->output_count; to += model->outputs[j++].bytes) {{
            memcpy(to, (int8_t *)arena + model->outputs[j].offset, model->outputs[j].bytes);
        }}
    }}
    return all_outputs;
}}

static const mlut_tensor_t input = {{"x", 0, BATCH_INPUT_BYTES, 1.0f, 0, MLUT_INT8}};
static const mlut_tensor_t output = {{"y", 0, BATCH_OUTPUT_BYTES, 1.0f, 0, MLUT_INT8}};

const mlut_model_t batch_model = {{
    .name = "batch",
    .inputs = &input,
    .outputs = &output,
    .input_count = 1,
    .output_count = 1,
    .arena_bytes = BATCH_ARENA_BYTES,
    .input_bytes = BATCH_INPUT_BYTES,
    .output_bytes = BATCH_OUTPUT_BYTES,
    .init = init,
    .run = run,
}};

uint32_t batch_check(void)
{{
    return {checks};
}}
"""


def run_batch_on(
    board: Board,
    plans: Sequence[Plan],
    inputs: Sequence[NDArray[np.int8]],
    folder: Path,
    optimize: Optimize = "speed",
) -> list[NDArray[np.int8]]:
    """Return the outputs [runs, output_bytes] of every model, from one image in an emulator.

    The image is the firmware as microlut builds it, of a model that runs all models.
    """
    require_tools(board)
    prefixes = [identifier(plan.graph.name) for plan in plans]
    for prefix, plan in zip(prefixes, plans, strict=True):
        write_sources(render(plan), folder / "models" / prefix)
    each = np.concatenate([x.reshape(len(x), -1) for x in inputs], axis=1)
    sizes = [_output_bytes(plan) for plan in plans]
    includes = "".join(f'#include "models/{p}/model.c"\n' for p in prefixes)
    sources = {
        "model.h": _BATCH_HEADER.format(
            arena=max(plan.arena_bytes for plan in plans),
            inputs=each.shape[1],
            outputs=sum(sizes),
        ),
        "model.c": _BATCH_MODEL.format(
            includes=includes,
            table=", ".join(f"&{p}_model" for p in prefixes),
            checks=" | ".join(f"{p}_check()" for p in prefixes),
        ),
        "weights.h": "",
        "weights.c": "".join(f'#include "models/{p}/weights.c"\n' for p in prefixes),
    }
    for name, text in sources.items():
        (folder / name).write_text(text, encoding="utf-8")
    image = build(folder, "batch", board, folder / "build", optimize)
    task = Task(image.elf, board, each, sum(sizes), count_instructions=False)
    result = run_image(task)
    assert image.stack is not None
    assert 0 < (result.stack_bytes or 0) <= image.stack.used
    return np.split(result.outputs, np.cumsum(sizes)[:-1], axis=1)


def _split(values: NDArray[np.int8], plans: Sequence[Plan], runs: int) -> list[NDArray[np.int8]]:
    sizes = [runs * _output_bytes(plan) for plan in plans]
    parts = np.split(values, np.cumsum(sizes)[:-1])
    return [part.reshape(runs, -1) for part in parts]


def _output_bytes(plan: Plan) -> int:
    return sum(tensor.bytes for tensor in plan.graph.output_tensors().values())
