"""The primitives of every instruction set against a plain reference: in C, sanitized on the host,
and in assembly on emulated cores. Those of Cortex-M55 are in test_vectors.py."""

from pathlib import Path

import pytest
from engine_batch import (
    DSP,
    FIRMWARE,
    HERE,
    INCLUDES,
    M0PLUS,
    M3,
    M4,
    SANITIZERS,
    WARNINGS,
    Target,
    require,
    run,
)


@pytest.mark.parametrize(("name", "options"), [("generic", ()), ("dsp", DSP)])
def test_primitives_equal_the_reference(name: str, options: tuple[str, ...], tmp_path: Path):
    program = tmp_path / name
    flags = ("-std=c11", "-O1", *WARNINGS, *SANITIZERS, *INCLUDES, *options)
    run(require("gcc"), *flags, HERE / "isa_main.c", "-o", program)
    assert run(program) == f"{name}: 0 failures\n"


@pytest.mark.qemu
@pytest.mark.parametrize("level", ["-O2", "-Os"], ids=["unrolled", "small"])
@pytest.mark.parametrize(("name", "target"), [("v6m", M0PLUS), ("v7m", M3), ("dsp", M4)])
def test_assembly_equals_the_reference(name: str, target: Target, level: str, tmp_path: Path):
    require(target.emulator[0])
    program = tmp_path / name
    flags = ("-std=c11", *target.compile_options, level, *WARNINGS, *INCLUDES)
    sources = (
        HERE / "isa_main.c",
        FIRMWARE / "src" / "decode.c",
        FIRMWARE / "src" / "decode_part.c",
        *target.link_sources,
    )
    run(require(target.compiler), *flags, *target.link_options, *sources, "-o", program)
    assert target.execute(program) == f"{name}: 0 failures\n"


@pytest.mark.parametrize("extension", ["DSP", "MVE"])
def test_core_that_lost_its_extension_does_not_compile(extension: str, tmp_path: Path):
    flags = ("-std=c11", f"-DMLUT_REQUIRE_{extension}", "-Wfatal-errors", *INCLUDES)
    with pytest.raises(
        AssertionError, match=f"the {extension} extension, but the compiler flags switched"
    ):
        run(require("gcc"), *flags, "-c", HERE / "isa_main.c", "-o", tmp_path / "isa.o")
