"""Engine and generated sources for every core, with all warnings, and what the objects hold."""

import re
from pathlib import Path

import pytest
from engine_batch import (
    ENGINE,
    FIRMWARE,
    INCLUDES,
    WARNINGS,
    compile_all,
    require,
    run,
    write_sources,
)

import random_graphs as rg
from microlut.codegen.render import render
from microlut.plan import make_plan
from sweeps import in_sweeps

PREFIX = "every4"
ARM = "arm-none-eabi-"
CORES = {  # prefix of the compiler's programs, flags
    "m0plus": (ARM, "-mthumb", "-mcpu=cortex-m0plus"),
    "m3": (ARM, "-mthumb", "-mcpu=cortex-m3"),
    "m4": (ARM, "-mthumb", "-mcpu=cortex-m4", "-mfpu=fpv4-sp-d16", "-mfloat-abi=hard"),
    "m7": (ARM, "-mthumb", "-mcpu=cortex-m7", "-mfpu=fpv5-d16", "-mfloat-abi=hard"),
    "m55": (ARM, "-mthumb", "-mcpu=cortex-m55", "-mfloat-abi=hard"),
    "m33": (ARM, "-mthumb", "-mcpu=cortex-m33", "-mfpu=fpv5-sp-d16", "-mfloat-abi=hard"),
    "rv32imc": (
        *("riscv64-unknown-elf-", "--specs=picolibc.specs", "-march=rv32imc", "-mabi=ilp32"),
    ),
}
# Long multiplication on cores that have none, and the compiler's own forms of memcpy and memset.
ALLOWED = re.compile(
    r"mem(cpy|set|move)|__aeabi_(l\w+|mem\w+|u?idiv(mod)?)|__gnu_thumb1_case_\w+|__(u?div|mod)di3"
)


@pytest.fixture(scope="module")
def sources(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """The engine and one model with every operator."""
    plan = make_plan(rg.every_operator_case(4).quantized())
    folder = write_sources(render(plan), tmp_path_factory.mktemp("model") / "sources")
    return [*ENGINE, folder / "model.c", folder / "weights.c"]


OFTEN = ("m4", "m55", "rv32imc")
SELDOM = [core for core in CORES if core not in OFTEN]


@pytest.fixture(
    scope="module",
    params=[*(CORES[core] for core in OFTEN), *in_sweeps(*((CORES[core],) for core in SELDOM))],
    ids=[*OFTEN, *SELDOM],
)
def core(request: pytest.FixtureRequest) -> tuple[str, ...]:
    """Prefix of a compiler's programs, and the flags of a core."""
    return request.param


@pytest.fixture(scope="module")
def objects(
    core: tuple[str, ...], sources: list[Path], tmp_path_factory: pytest.TempPathFactory
) -> list[Path]:
    """Objects of one core, compiled with warnings as errors."""
    prefix, *flags = core
    folder = tmp_path_factory.mktemp("objects")
    flags += ["-O2", "-fstack-usage", f"-I{sources[-1].parent}"]
    return compile_all(sources, folder, require(f"{prefix}gcc"), *flags)


def symbols(core: tuple[str, ...], objects: list[Path], option: str) -> set[str]:
    lines = run(f"{core[0]}nm", "-g", option, *objects).splitlines()
    return {line.split()[-1] for line in lines if line and not line.endswith(":")}


def test_every_source_compiles_without_a_warning(objects: list[Path], sources: list[Path]):
    assert all(path.stat().st_size for path in objects)
    assert len(objects) == len(sources) >= 11


def test_external_symbols_are_prefixed(core: tuple[str, ...], objects: list[Path]):
    defined = symbols(core, objects, "--defined-only")
    assert {"mlut_conv2d", f"{PREFIX}_run"} < defined
    assert {name for name in defined if not name.startswith(("mlut_", f"{PREFIX}_"))} == set()


def test_nothing_but_memory_and_long_integer_helpers_is_needed(
    core: tuple[str, ...], objects: list[Path]
):
    needed = symbols(core, objects, "--undefined-only") - symbols(core, objects, "--defined-only")
    assert {name for name in needed if not ALLOWED.fullmatch(name)} == set()


def test_stack_frames_have_fixed_sizes_below_a_limit(
    objects: list[Path], request: pytest.FixtureRequest
):
    lines = [
        line.split("\t")
        for path in objects
        for line in path.with_suffix(".su").read_text().splitlines()
    ]
    assert len(lines) > 10
    assert {kind for _, _, kind in lines} == {"static"}
    limit = 368 if "m55" in request.node.name else 336  # sums of 32 outputs, and vectors
    assert [(name, int(size)) for name, size, _ in lines if int(size) > limit] == []


def test_constant_arrays_take_the_planned_bytes(core: tuple[str, ...], objects: list[Path]):
    plan = make_plan(rg.every_operator_case(4).quantized())
    sizes = {"indices": 0, "codebook": 0, "channels": 0}
    for line in run(f"{core[0]}nm", "-S", objects[-1]).splitlines():
        _, size, _, name = line.split()
        (kind,) = (kind for kind in sizes if f"_{kind}_" in name)
        sizes[kind] += int(size, 16)
    assert sizes["indices"] + sizes["codebook"] == plan.weight_bytes
    assert sizes["channels"] == plan.parameter_bytes > 0


@pytest.mark.parametrize(
    "header", sorted(FIRMWARE.glob("include/microlut/*.h")), ids=lambda p: p.name
)
@pytest.mark.parametrize("language", ["c -std=c11", "c++ -std=c++17"])
def test_each_header_compiles_alone(header: Path, language: str, tmp_path: Path):
    (tmp_path / "unit").write_text(f'#include "microlut/{header.name}"\n' * 2)
    warnings = [w for w in WARNINGS if "prototypes" not in w]
    flags = (*warnings, *INCLUDES, "-fsyntax-only", "-x", *language.split())
    run(require("gcc"), *flags, tmp_path / "unit")


@pytest.mark.parametrize("optimize", ["-O3", *in_sweeps("-O0", "-Os")])
def test_host_compiles_at_every_level(sources: list[Path], optimize: str, tmp_path: Path):
    include = f"-I{sources[-1].parent}"
    assert compile_all(sources, tmp_path, require("gcc"), optimize, include)


CPP_PROGRAM = """
#include "model.h"
#include <cstdint>
#include <cstring>
#include <vector>

// NAME in an arena of the program's own and in the one that comes with it, by both interfaces.
int main()
{
    alignas(MLUT_ALIGNMENT) static std::uint32_t mine[MACRO_ARENA_BYTES / 4];
    static_assert(MACRO_ARENA_BYTES % 4 == 0 && MACRO_INPUT_RANK == 3 && MACRO_INPUT_DIM_2 == 5);
    std::int8_t *input = NAME_init(mine, sizeof mine);
    std::memset(input, 1, MACRO_INPUT_BYTES);
    const std::int8_t *output = NAME_run(mine);
    if (input != NAME_input(mine) || output != NAME_output(mine)) {
        return 3;
    }
    const std::vector<std::int8_t> found(output, output + MACRO_OUTPUT_BYTES);
    input = NAME_model.init(NAME_arena, NAME_model.arena_bytes);
    std::memset(input, 1, NAME_model.input_bytes);
    if (std::memcmp(NAME_model.run(NAME_arena), found.data(), NAME_model.output_bytes) != 0) {
        return 1;
    }
    const bool refused = NAME_init(nullptr, sizeof mine) == nullptr &&
                         NAME_init(mine, sizeof mine - 1u) == nullptr &&
                         NAME_init(mine + 1, sizeof mine) == nullptr;
    return refused ? 0 : 2;
}
"""


def test_cpp_program_runs_the_model_in_both_arenas(sources: list[Path], tmp_path: Path):
    compiler, program = require("g++"), tmp_path / "use.cpp"
    program.write_text(CPP_PROGRAM.replace("NAME", PREFIX).replace("MACRO", PREFIX.upper()))
    include = f"-I{sources[-1].parent}"
    objects = compile_all(sources, tmp_path / "objects", require("gcc"), include)
    warnings = [w for w in WARNINGS if "prototypes" not in w]
    flags = ("-std=c++17", *warnings, *INCLUDES, include)
    run(compiler, *flags, program, *objects, "-o", tmp_path / "use")
    run(tmp_path / "use")


def test_arena_can_be_left_out(sources: list[Path], tmp_path: Path):
    flags = (f"-I{sources[-1].parent}", f"-D{PREFIX.upper()}_NO_ARENA")
    objects = compile_all(sources, tmp_path, require("gcc"), *flags)
    assert f"{PREFIX}_arena" not in run("nm", *objects)
