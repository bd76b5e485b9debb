"""All sources of the engine as one translation unit, in every C, in C++, and in any order."""

import re
from pathlib import Path

import pytest
from engine_batch import ENGINE, INCLUDES, WARNINGS, engine_unit, require, run

from microlut.board.board import CORE_FLAGS, Core

ARM = {core.value: CORE_FLAGS[core] for core in Core if core.value.startswith("cortex")}
C_WARNINGS = {"-Wpedantic", "-Wstrict-prototypes", "-Wmissing-prototypes"}
CPP_WARNINGS = tuple(w for w in WARNINGS if w not in C_WARNINGS)
LANGUAGES = {  # options by what is compiled; GCC has designated initializers in C++17
    "c11": ("-x", "c", "-std=c11", *WARNINGS),
    "c17": ("-x", "c", "-std=c17", *WARNINGS),
    "c23": ("-x", "c", "-std=c2x", *WARNINGS),
    "c++17": ("-x", "c++", "-std=c++17", *CPP_WARNINGS),
}
CORES = ("cortex-m0plus", "cortex-m3", "cortex-m4f", "cortex-m55")


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("core", [None, *CORES])
def test_engine_compiles_as_one_unit(core: str | None, language: str, tmp_path: Path):
    unit = engine_unit(tmp_path)
    compiler = (require("gcc"),) if core is None else (require("arm-none-eabi-gcc"), *ARM[core])
    run(*compiler, "-O1", *LANGUAGES[language], *INCLUDES, "-c", unit, "-o", tmp_path / "unit.o")


@pytest.mark.parametrize("core", CORES)
def test_order_of_the_sources_is_free(core: str, tmp_path: Path):
    unit = engine_unit(tmp_path, ENGINE[::-1])
    compiler = (require("arm-none-eabi-gcc"), *ARM[core], "-O1", "-std=c11")
    run(*compiler, *WARNINGS, *INCLUDES, "-c", unit, "-o", tmp_path / "unit.o")


@pytest.mark.parametrize("core", [None, *CORES])
def test_no_name_of_the_engine_clashes_with_a_programs(core: str | None, tmp_path: Path):
    """Static functions, constants, types and macros too: programs may include the sources."""
    unit = engine_unit(tmp_path)
    compiler = (require("gcc"),) if core is None else (require("arm-none-eabi-gcc"), *ARM[core])
    command = (*compiler, "-std=c11", "-O0", *INCLUDES)
    run(*command, "-fkeep-static-functions", "-c", unit, "-o", tmp_path / "unit.o")
    lines = run("nm", "--defined-only", tmp_path / "unit.o").splitlines()
    names = {line.split()[-1] for line in lines} - {"$t", "$d", "$a"}
    assert len(names) > 50
    assert {name for name in names if not re.match(r"mlut_", name)} == set()
    (tmp_path / "headers.c").write_text(
        "".join(f"#include <{name}.h>\n" for name in ("stdbool", "stddef", "stdint", "string"))
        + ("" if core is None or core == "cortex-m0plus" else "#include <arm_acle.h>\n")
        + ("#include <arm_mve.h>\n" if core == "cortex-m55" else "")
    )
    macros = [
        set(re.findall(r"^#define (\w+)", run(*command, "-dM", "-E", file), re.M))
        for file in (unit, tmp_path / "headers.c")
    ]
    names = macros[0] - macros[1]
    assert len(names) > 20
    assert {name for name in names if not re.match(r"(mlut|MLUT|MICROLUT)_", name)} == set()


def test_no_type_of_the_engine_clashes_with_a_programs():
    for path in ENGINE:
        text = path.read_text(encoding="utf-8")
        names = re.findall(r"^(?:typedef )?(?:struct|union|enum) (\w+) \{|^\} (\w+);", text, re.M)
        assert all(name.startswith("mlut_") for pair in names for name in pair if name), path
