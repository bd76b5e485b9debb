"""The Zephyr module: its metadata by the rules of Zephyr's own scripts, its options, its sample."""

from __future__ import annotations

from pathlib import Path

import pytest
from building import RIGHT, arm_toolchain, cmake_build, need_arm

STUB = Path(__file__).parent / "stub_zephyr"

# What zephyr_module.py does with a module, and one setting of Zephyr's own that the sample has.
KCONFIG = """
config MAIN_STACK_SIZE
\tint "stack of main"
\tdefault 1024

menu "pair"
osource "{module}/zephyr/Kconfig"
config ZEPHYR_PAIR_MODULE
\tbool
\tdefault y
endmenu
"""


@pytest.fixture
def module(exported) -> Path:
    return exported("zephyr")


def read(file: Path) -> dict:
    yaml = pytest.importorskip("yaml", reason="needs PyYAML; install it: pip install pyyaml")
    return yaml.safe_load(file.read_text())


def test_module_file_names_what_is_there(module):
    found = read(module / "zephyr" / "module.yml")
    assert found == {
        "name": "pair",
        "build": {"cmake": "zephyr", "kconfig": "zephyr/Kconfig"},
        "samples": ["samples"],
    }
    assert (module / found["build"]["cmake"] / "CMakeLists.txt").is_file()
    assert (module / found["build"]["kconfig"]).is_file()
    assert [p.parent.name for p in (module / "samples").rglob("sample.yaml")] == ["pair"]


def test_sample_expects_what_it_prints(module):
    found = read(module / "samples" / "pair" / "sample.yaml")
    assert set(found) == {"sample", "tests"}
    assert set(found["sample"]) == {"name", "description"}
    (test,) = found["tests"].values()
    assert test["harness"] == "console"
    assert test["harness_config"] == {"type": "one_line", "regex": [RIGHT]}
    assert RIGHT in (module / "samples" / "pair" / "src" / "main.c").read_text()


def test_configuration_of_the_sample_turns_the_module_on(module, tmp_path):
    kconfiglib = pytest.importorskip("kconfiglib", reason="needs it: pip install kconfiglib")
    (tmp_path / "Kconfig").write_text(KCONFIG.format(module=module))
    configuration = kconfiglib.Kconfig(str(tmp_path / "Kconfig"), warn_to_stderr=False)
    assert configuration.syms["MICROLUT_PAIR"].str_value == "n"
    configuration.load_config(str(module / "samples" / "pair" / "prj.conf"))
    assert configuration.syms["MICROLUT_PAIR"].str_value == "y"
    assert configuration.warnings == []
    assert "digits, second" in configuration.syms["MICROLUT_PAIR"].nodes[0].help


def test_sample_is_built_with_the_module_for_arm(module, tmp_path):
    need_arm()
    cmake_build(
        module / "samples" / "pair",
        tmp_path / "build",
        CMAKE_TOOLCHAIN_FILE=arm_toolchain(tmp_path, "m4"),
        Zephyr_DIR=STUB,
    )
    assert (tmp_path / "build" / "zephyr.elf").stat().st_size > 10_000
