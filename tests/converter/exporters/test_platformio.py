"""The PlatformIO library: checked, packed and installed by PlatformIO itself; its example."""

from __future__ import annotations

import os
import shutil
import subprocess
import tarfile
from pathlib import Path

import pytest
from sketch import assert_sketch_is_right, compile_sketch_for_arm

from microlut.machine.tools import Tool, find_tool

PIO = Tool("pio", "checking PlatformIO libraries", *4 * ("platformio",))
LIBRARY = "symlink://../.."  # from the example's folder
LICENSES = {"licenses": [{"licenseId": "Apache-2.0"}, {"licenseId": "MIT"}]}


def need_platformio() -> str:
    """Return PlatformIO's program, or skip."""
    program = find_tool(PIO)
    if program is None:
        pytest.skip("PlatformIO library not tested: pio is missing (pip install platformio)")
    return str(program)


@pytest.fixture
def library(exported) -> Path:
    return exported("platformio")


@pytest.fixture
def packer(library, monkeypatch):
    """PlatformIO's packer of the library; the list of SPDX licences is not fetched for it."""
    need_platformio()
    from platformio.package.manifest.schema import ManifestSchema
    from platformio.package.pack import PackagePacker

    monkeypatch.setattr(ManifestSchema, "load_spdx_licenses", staticmethod(lambda: LICENSES))
    return PackagePacker(str(library))


def test_library_is_valid_and_packed_whole(library, packer, tmp_path):
    packed_file = packer.pack(str(tmp_path / "pair.tar.gz"))
    with tarfile.open(packed_file) as archive:
        packed = set(archive.getnames())
    files = {p.relative_to(library).as_posix() for p in library.rglob("*") if p.is_file()}
    assert files - packed == set()


def test_manifest_is_read_as_it_was_meant(library):
    need_platformio()
    from platformio.package.manifest.parser import ManifestParserFactory

    found = ManifestParserFactory.new_from_file(str(library / "library.json")).as_dict()
    assert (found["name"], found["license"]) == ("pair", "Apache-2.0")
    assert found["headers"] == ["digits.h", "second.h"]
    assert found["build"] == {"flags": ["-O2"]}
    for example in found["examples"]:
        assert all((library / example["base"] / file).is_file() for file in example["files"])


def test_example_is_a_project_that_names_the_library(library):
    need_platformio()
    from platformio.project.config import ProjectConfig

    config = ProjectConfig(str(library / "examples" / "pair" / "platformio.ini"))
    config.validate(silent=True)
    assert config.envs() == ["nucleo_f446re", "pico", "esp32dev"]
    assert all(config.get(f"env:{name}", "lib_deps") == [LIBRARY] for name in config.envs())


def test_example_installs_the_library_beside_it(library, tmp_path):
    program = need_platformio()
    example = Path(shutil.copytree(library, tmp_path / "copy")) / "examples" / "pair"
    environment = os.environ | {
        "PLATFORMIO_CORE_DIR": str(tmp_path / "core"),
        "PLATFORMIO_SETTING_ENABLE_TELEMETRY": "no",
    }
    command = [program, "pkg", "install", "-d", str(example), "-e", "pico", "--no-save"]
    command += ["--library", LIBRARY]
    done = subprocess.run(command, capture_output=True, text=True, env=environment)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "pair@1.0.0 has been installed" in done.stdout


@pytest.mark.sweep  # as those of CMake and Arduino
def test_example_gives_the_bytes_that_microlut_computed(library, tmp_path):
    assert_sketch_is_right(library, library / "examples/pair/src/main.cpp", tmp_path)


def test_library_and_example_compile_for_arm(library, tmp_path):
    compile_sketch_for_arm(library, library / "examples/pair/src/main.cpp", tmp_path)
