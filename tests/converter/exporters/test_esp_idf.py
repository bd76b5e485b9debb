"""The ESP-IDF component: checked and packed by the component manager; built with its example."""

from __future__ import annotations

import subprocess
import tarfile
from collections.abc import Callable
from pathlib import Path

import pytest
from building import arm_toolchain, cmake_build, need_arm

from microlut.machine.tools import Tool, find_tool

STUB = Path(__file__).parent / "stub_esp_idf"
COMPOTE = Tool("compote", "checking ESP-IDF components", *4 * ("idf-component-manager",))


@pytest.fixture
def component(exported) -> Path:
    return exported("esp-idf")


@pytest.fixture
def compote(tmp_path, monkeypatch) -> Callable[..., str]:
    """A function that runs the component manager in a home of its own."""
    program = find_tool(COMPOTE)
    if program is None:
        pytest.skip("ESP-IDF component not tested: compote is missing (idf-component-manager)")
    monkeypatch.setenv("IDF_TOOLS_PATH", str(tmp_path / "espressif"))

    def call(*arguments: object) -> str:
        command = [str(program), "--warnings-as-errors", *map(str, arguments)]
        done = subprocess.run(command, capture_output=True, text=True)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    return call


def test_manifest_is_valid_for_the_component_manager(component, compote):
    assert (component / "idf_component.yml").is_file()
    compote("manifest", "lint", component)


def test_component_is_packed_whole(component, compote, tmp_path):
    options = ("--project-dir", component, "--name", "pair", "--dest-dir", tmp_path)
    compote("component", "pack", *options)
    with tarfile.open(tmp_path / "pair_1.0.0.tgz") as archive:
        packed = {name.removeprefix("./") for name in archive.getnames()}
    files = {p.relative_to(component).as_posix() for p in component.rglob("*") if p.is_file()}
    assert files - packed == set()


def test_example_is_built_with_the_component_for_arm(component, tmp_path, monkeypatch):
    need_arm()
    monkeypatch.setenv("IDF_PATH", str(STUB))
    toolchain = arm_toolchain(tmp_path, "m4")
    example = component / "examples" / "pair"
    cmake_build(example, tmp_path / "build", CMAKE_TOOLCHAIN_FILE=toolchain)
    assert (tmp_path / "build" / "pair_example.elf").stat().st_size > 10_000
