"""The engine and two models as one translation unit: in every C and in C++, with all options."""

import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from engine_batch import (
    CORES,
    ENGINE,
    HOST,
    INCLUDES,
    LANGUAGES,
    M0PLUS,
    M3,
    M4,
    M55,
    WARNINGS,
    Target,
    clang_options,
    engine_unit,
    require,
    run,
    run_batch,
)

import random_graphs as rg
from digits_example import conversion, samples
from microlut.integer.evaluate import evaluate
from microlut.ops.tensor import quantize_array
from microlut.plan import make_plan
from sweeps import in_sweeps

KINDS = ("cortex-m0plus", "cortex-m3", "cortex-m4f", "cortex-m55")  # of instruction sets
OTHERS = [core for core in KINDS if core != "cortex-m4f"]


@pytest.mark.parametrize("language", ["c++17", *in_sweeps(*sorted({*LANGUAGES} - {"c++17"}))])
@pytest.mark.parametrize("core", [None, "cortex-m4f", *in_sweeps(*OTHERS)])
def test_engine_compiles_as_one_unit(core: str | None, language: str, tmp_path: Path):
    unit = engine_unit(tmp_path)
    compiler = (require("gcc"),) if core is None else (require("arm-none-eabi-gcc"), *CORES[core])
    run(*compiler, "-O1", *LANGUAGES[language], *INCLUDES, "-c", unit, "-o", tmp_path / "unit.o")


@pytest.mark.parametrize("core", ["cortex-m55", *in_sweeps(*KINDS[:-1])])
def test_order_of_the_sources_is_free(core: str, tmp_path: Path):
    unit = engine_unit(tmp_path, ENGINE[::-1])
    compiler = (require("arm-none-eabi-gcc"), *CORES[core], "-O1", "-std=c11")
    run(*compiler, *WARNINGS, *INCLUDES, "-c", unit, "-o", tmp_path / "unit.o")


@pytest.mark.parametrize("core", [None, "cortex-m4f", *in_sweeps(*OTHERS)])
def test_no_name_of_the_engine_clashes_with_a_programs(core: str | None, tmp_path: Path):
    """Static functions, constants, types and macros too: programs may include the sources."""
    unit = engine_unit(tmp_path)
    compiler = (require("gcc"),) if core is None else (require("arm-none-eabi-gcc"), *CORES[core])
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


RUNNING = {"m0plus": M0PLUS, "m3": M3, "m4": M4, "m55": M55}
CLANG = {"cortex-m0plus": M0PLUS, "cortex-m4f": M4, "cortex-m55": M55}
OPTIONS = (
    *("-O0", "-O1", "-O2", "-O3", "-Os", "-Og"),
    *("-O2 -flto", "-O2 -fshort-enums", "-O2 -funsigned-char", "-O3 -fshort-enums -funsigned-char"),
)
RUNS = 3


def check(target: Target, folder: Path) -> None:
    """Run digits and a network with every operator in one program, and compare all bytes."""
    every, digits = rg.every_operator_case(4).quantized(), conversion().quantized
    graphs = [every, digits]
    inputs = [
        rg.int8_inputs(every, 4, RUNS),
        quantize_array(samples(RUNS).x, digits.inputs[0].quantized),
    ]
    found = run_batch([make_plan(graph) for graph in graphs], inputs, folder, target)
    for graph, x, outputs in zip(graphs, inputs, found, strict=True):
        assert np.array_equal(outputs, evaluate(graph, x).reshape(RUNS, -1)), graph.name


def whole(target: Target, language: str, *options: str) -> Target:
    """Return a target for which everything is one unit, with options that come last."""
    lto = ("-O2",) if "-flto" in options else ()
    usual = ("-fno-exceptions",) if language == "c++17" and target.emulator else ()
    return replace(
        target,
        whole=language,
        compile_options=(*target.compile_options, *usual, *options),
        link_options=(*target.link_options, *lto),
    )


@pytest.mark.parametrize("language", ["c++17", *in_sweeps("c11")])
def test_two_models_and_the_engine_are_one_unit(language: str, tmp_path: Path):
    check(whole(HOST, language), tmp_path)


@pytest.mark.qemu
def test_two_models_and_the_engine_are_one_unit_of_a_microcontroller(tmp_path: Path):
    check(whole(M4, "c++17", "-Os"), tmp_path)


def plain(compiler: str) -> Target:
    """Return this computer without sanitizers."""
    return replace(HOST, compiler=compiler, compile_options=("-g",), link_options=())


@pytest.mark.sweep
@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("compiler", ["gcc", "clang"])
def test_every_language(compiler: str, language: str, tmp_path: Path):
    check(whole(plain(compiler), language, "-O2"), tmp_path)


@pytest.mark.sweep
@pytest.mark.parametrize(("compiler", "language"), [("gcc", "c++17"), ("clang", "c11")])
@pytest.mark.parametrize("options", OPTIONS)
def test_every_option(compiler: str, language: str, options: str, tmp_path: Path):
    if compiler == "clang" and "-flto" in options:
        pytest.skip("needs lld or a plug-in of the linker")
    check(whole(plain(compiler), language, *options.split()), tmp_path)


@pytest.mark.sweep
@pytest.mark.qemu
@pytest.mark.parametrize("core", RUNNING)
@pytest.mark.parametrize("options", OPTIONS)
def test_every_core_and_option(core: str, options: str, tmp_path: Path):
    check(whole(RUNNING[core], "c++17", *options.split()), tmp_path)


@pytest.mark.sweep
@pytest.mark.qemu
@pytest.mark.parametrize("core", CLANG)
@pytest.mark.parametrize("language", LANGUAGES)
def test_clang_for_every_core_and_language(core: str, language: str, tmp_path: Path):
    options = (*clang_options(core), "-O2", "-DBATCH_GUARD=64")
    target = replace(
        CLANG[core], compiler="clang", linker="arm-none-eabi-gcc", compile_options=options
    )
    check(whole(target, language), tmp_path)
