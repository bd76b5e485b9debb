"""The sources for STM32CubeIDE: compiled with their one include path, and called from a main."""

from __future__ import annotations

from pathlib import Path

import pytest
from building import CORES, RIGHT, compile_for_arm, need, run

from microlut.machine.tools import HOST_CC

MAIN = """
#include "pair_example.h"

int main(void)
{
    return pair_example();
}
"""


@pytest.fixture
def folder(exported) -> Path:
    return exported("stm32cube")


@pytest.mark.parametrize("core", CORES)
def test_all_of_src_compiles_with_inc_as_the_one_include_path(core, folder, tmp_path):
    sources = sorted((folder / "Src").rglob("*.c"))
    assert sorted(folder.rglob("*.c")) == sources
    compile_for_arm(sources, folder / "Inc", core, tmp_path)


@pytest.mark.sweep  # as those of CMake and Arduino
def test_example_gives_the_bytes_that_microlut_computed(folder, tmp_path):
    need(HOST_CC)
    (tmp_path / "main.c").write_text(MAIN)
    flags = ("-std=gnu11", "-O1", "-Wall", "-Wmissing-prototypes", "-Werror", f"-I{folder}/Inc")
    run("cc", *flags, "main.c", *(folder / "Src").rglob("*.c"), cwd=tmp_path)
    assert run(tmp_path / "a.out").decode().splitlines()[-1] == RIGHT
