"""The CMake library: built as it is, added to a project, and installed; for host and Arm."""

from __future__ import annotations

from pathlib import Path

import pytest
from building import (
    BOTH_MODELS,
    RIGHT,
    arm_toolchain,
    assert_both_exact,
    cmake_build,
    host_tools,
    need_arm,
    run,
)
from elftools.elf.elffile import ELFFile

import microlut
from microlut.machine.tools import CMAKE, find_tool

USER = """
cmake_minimum_required(VERSION 3.21)
project(user LANGUAGES C CXX)
{packages}
add_executable(user main.cpp)
target_link_libraries(user PRIVATE {targets})
"""


@pytest.fixture(scope="module")
def built(exported, tmp_path_factory) -> Path:
    """The library and its example, built on this computer."""
    host_tools()
    build = tmp_path_factory.mktemp("build")
    prefix = build / "installed"
    cmake_build(exported("cmake"), build, CMAKE_INSTALL_PREFIX=prefix)
    return build


def user(folder: Path, packages: str, targets: str) -> Path:
    """Write a C++ project that uses both models."""
    folder.mkdir()
    (folder / "CMakeLists.txt").write_text(USER.format(packages=packages, targets=targets))
    (folder / "main.cpp").write_text(BOTH_MODELS)
    return folder


def test_example_gives_the_bytes_that_microlut_computed(built):
    lines = run(built / "pair_example").decode().splitlines()
    assert lines[-1] == RIGHT
    assert [line.split()[0] for line in lines[:-1]] == ["digits"] * 10 + ["second"] * 10


def test_installed_library_is_found(built, project, second, tmp_path):
    run(find_tool(CMAKE), "--install", built)
    source = user(tmp_path / "user", "find_package(pair REQUIRED)", "microlut::pair")
    cmake_build(source, tmp_path / "build", CMAKE_PREFIX_PATH=built / "installed")
    assert_both_exact(tmp_path / "build" / "user", [project, second])


def test_two_exports_in_one_program_share_the_engine(project, second, tmp_path):
    host_tools()
    for model in (project, second):
        microlut.export(model, "cmake", tmp_path / "user" / model.prefix)
    packages = "add_subdirectory(digits)\nadd_subdirectory(second)"
    (tmp_path / "user" / "CMakeLists.txt").write_text(
        USER.format(packages=packages, targets="microlut::digits microlut::second")
    )
    (tmp_path / "user" / "main.cpp").write_text(BOTH_MODELS)
    cmake_build(tmp_path / "user", tmp_path / "build", CMAKE_BUILD_TYPE="Debug")
    assert_both_exact(tmp_path / "build" / "user", [project, second])


@pytest.mark.parametrize("core", ["m4", "m0plus"])
def test_example_links_for_arm(core, exported, tmp_path):
    need_arm()
    toolchain = arm_toolchain(tmp_path, core)
    cmake_build(exported("cmake"), tmp_path / "build", CMAKE_TOOLCHAIN_FILE=toolchain)
    with (tmp_path / "build" / "pair_example").open("rb") as file:
        elf = ELFFile(file)
        assert elf.header["e_machine"] == "EM_ARM"
        names = [s.name for s in elf.get_section_by_name(".symtab").iter_symbols()]
    assert names.count("mlut_conv2d") == 1
    assert {"digits_run", "second_run"} <= set(names)
