"""The deepest stack of a small program with known frames."""

import subprocess
from pathlib import Path

import pytest

from microlut.machine.tools import ARM_GCC, find_tool
from microlut.toolchain.stack import ASSEMBLY_BYTES, worst_stack_bytes

PROGRAM = """
#define NOINLINE __attribute__((noinline)) static
typedef int call_t(int);
volatile int sink;
int library(int x);
NOINLINE int small(int x) { volatile int a[4]; a[x] = x; return a[0]; }
NOINLINE int large(int x) { volatile int a[64]; a[x] = x; return a[1]; }
NOINLINE int unused(int x) { volatile int a[256]; a[x] = x; return a[1]; }
NOINLINE int calls(int x) { volatile int a[8]; a[x] = x; return library(x); }
call_t *const table[] = {%s};
void mlut_reset(void) { sink = table[sink](1) + 1; sink = calls(2) + 1; (void)unused; }
"""
LIBRARY = "int library(int x);\nint library(int x) { return x + 1; }\n"


@pytest.fixture
def program(tmp_path: Path):
    """A function that compiles the program with a table of functions: call graphs, frames, ELF."""
    compiler = find_tool(ARM_GCC)
    if compiler is None:
        pytest.skip(f"needs {ARM_GCC.name}; install it: {ARM_GCC.apt_command}")
    flags = ("-mcpu=cortex-m4", "-mthumb", "-O1", "-ffreestanding", "-nostdlib")

    def compile_with(table: str) -> tuple[list[str], dict[str, int], Path]:
        main, library, elf = (tmp_path / name for name in ("main.c", "library.c", "program.elf"))
        main.write_text(PROGRAM % table)
        library.write_text(LIBRARY)
        graph = ("-fcallgraph-info=su", "-fstack-usage")
        subprocess.run(
            [compiler, *flags, *graph, "-c", main, "-o", tmp_path / "main.o"], check=True
        )
        subprocess.run([compiler, *flags, "-c", library, "-o", tmp_path / "library.o"], check=True)
        objects = (tmp_path / "main.o", tmp_path / "library.o")
        subprocess.run([compiler, *flags, "-Wl,-emlut_reset", *objects, "-o", elf], check=True)
        lines = [line.split("\t") for line in (tmp_path / "main.su").read_text().splitlines()]
        frames = {place.split(":")[-1]: int(size) for place, size, _ in lines}
        return [(tmp_path / "main.ci").read_text()], frames, elf

    return compile_with


def test_stack_is_that_of_the_deepest_function_whose_address_is_taken(program):
    graphs, frames, elf = program("small, large")
    assert frames["large"] >= 256
    assert worst_stack_bytes(graphs, elf) == frames["mlut_reset"] + frames["large"]


def test_function_without_a_graph_takes_what_assembly_takes(program):
    graphs, frames, elf = program("small")
    deepest = frames["mlut_reset"] + frames["calls"] + ASSEMBLY_BYTES
    assert frames["small"] < frames["calls"] + ASSEMBLY_BYTES
    assert worst_stack_bytes(graphs, elf) == deepest
