"""Helpers for the tests of formats: compilers, CMake, and programs that use both models."""

from __future__ import annotations

import subprocess
from pathlib import Path

import numpy as np
import pytest

from digits_example import samples
from microlut.integer import evaluate as int_ops
from microlut.machine.tools import ARM_GCC, CMAKE, HOST_CC, NEWLIB, NINJA, Tool, find_tool
from microlut.ops.tensor import quantize_array
from microlut.project import Project

WARNINGS = ("-Wall", "-Wextra", "-Wconversion", "-Wshadow", "-Werror")
CORES = {
    "m0plus": ("-mcpu=cortex-m0plus", "-mthumb"),
    "m4": ("-mcpu=cortex-m4", "-mthumb", "-mfpu=fpv4-sp-d16", "-mfloat-abi=hard"),
}
RIGHT = "right: the same bytes as microlut computed"

# Reads inputs and writes what both models make of each.
BOTH_MODELS = """
#include "digits.h"
#include "second.h"
#include <cstdio>
#include <cstring>

int main()
{
    static int8_t values[DIGITS_INPUT_BYTES];
    alignas(MLUT_ALIGNMENT) static uint32_t mine[(SECOND_ARENA_BYTES + 3) / 4];
    while (std::fread(values, 1, sizeof values, stdin) == sizeof values) {
        std::memcpy(digits_init(digits_arena, sizeof digits_arena), values, sizeof values);
        std::memcpy(second_init(mine, sizeof mine), values, sizeof values);
        std::fwrite(digits_run(digits_arena), 1, DIGITS_OUTPUT_BYTES, stdout);
        std::fwrite(second_run(mine), 1, SECOND_OUTPUT_BYTES, stdout);
    }
}
"""


def need(*tools: Tool) -> None:
    """Skip where a program is missing."""
    for tool in tools:
        if find_tool(tool) is None:
            pytest.skip(f"export not tested: {tool.name} is missing ({tool.apt_command})")


def need_arm() -> None:
    need(ARM_GCC, NEWLIB)


def run(*command: object, stdin: bytes = b"", cwd: Path | None = None) -> bytes:
    """Return what a program printed; fail the test with its messages if it fails."""
    words = [str(word) for word in command]
    done = subprocess.run(words, input=stdin, capture_output=True, cwd=cwd, check=False)
    messages = (done.stdout + done.stderr).decode(errors="replace")
    assert done.returncode == 0, f"{words}:\n{messages[-4000:]}"
    return done.stdout


def cmake_build(source: Path, build: Path, **defines: object) -> None:
    """Configure and build a CMake project."""
    need(CMAKE, NINJA)
    program, ninja = find_tool(CMAKE), find_tool(NINJA)
    options = [f"-D{key}={value}" for key, value in defines.items()]
    command = (program, "-G", "Ninja", f"-DCMAKE_MAKE_PROGRAM={ninja}", "-Wno-dev", *options)
    run(*command, "-S", source, "-B", build)
    run(program, "--build", build)


def arm_toolchain(folder: Path, core: str) -> Path:
    """Write a CMake toolchain file as users of the Arm compiler have it."""
    flags = " ".join(CORES[core])
    file = folder / f"{core}.cmake"
    file.write_text(
        "set(CMAKE_SYSTEM_NAME Generic)\nset(CMAKE_SYSTEM_PROCESSOR arm)\n"
        "set(CMAKE_C_COMPILER arm-none-eabi-gcc)\nset(CMAKE_CXX_COMPILER arm-none-eabi-g++)\n"
        f'set(CMAKE_C_FLAGS_INIT "{flags}")\nset(CMAKE_CXX_FLAGS_INIT "{flags}")\n'
        'set(CMAKE_EXE_LINKER_FLAGS_INIT "--specs=nosys.specs -Wl,--gc-sections")\n'
        "set(CMAKE_TRY_COMPILE_TARGET_TYPE STATIC_LIBRARY)\n"
    )
    return file


def compile_for_arm(sources: list[Path], include: Path, core: str, folder: Path) -> None:
    """Compile C and C++ files for a core, warnings being errors."""
    need_arm()
    folder.mkdir(parents=True, exist_ok=True)
    for compiler, standard, ending in (("gcc", "c11", ".c"), ("g++", "c++14", ".cpp")):
        mine = [source.resolve() for source in sources if source.suffix == ending]
        flags = (*CORES[core], f"-std={standard}", "-O1", *WARNINGS, f"-I{include.resolve()}")
        if mine:
            run(f"arm-none-eabi-{compiler}", *flags, "-c", *mine, cwd=folder)
    assert len(list(folder.glob("*.o"))) == len(sources)


def assert_both_exact(program: Path, projects: list[Project], count: int = 30) -> None:
    """Run BOTH_MODELS and compare every byte with the integer interpreter."""
    given = [quantize_array(samples(count).x, p.graph.inputs[0].quantized) for p in projects]
    np.testing.assert_array_equal(given[0], given[1])
    found = np.frombuffer(run(program, stdin=given[0].tobytes()), np.int8).reshape(count, -1)
    pairs = zip(projects, given, strict=True)
    outputs = [int_ops.evaluate(p.graph, x).reshape(count, -1) for p, x in pairs]
    np.testing.assert_array_equal(found, np.hstack(outputs))
    assert (outputs[0] != outputs[1]).any()


def host_tools() -> None:
    need(CMAKE, NINJA, HOST_CC)
