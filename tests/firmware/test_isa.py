"""The primitives of every instruction set against a plain reference, sanitized on the host."""

from pathlib import Path

import pytest
from engine_batch import DSP, HERE, INCLUDES, SANITIZERS, WARNINGS, require, run


@pytest.mark.parametrize(("name", "options"), [("generic", ()), ("dsp", DSP)])
def test_primitives_equal_the_reference(name: str, options: tuple[str, ...], tmp_path: Path):
    program = tmp_path / name
    flags = ("-std=c11", "-O1", *WARNINGS, *SANITIZERS, *INCLUDES, *options)
    run(require("gcc"), *flags, HERE / "isa_main.c", "-o", program)
    assert run(program) == f"{name}: 0 failures\n"


@pytest.mark.parametrize("extension", ["DSP", "MVE"])
def test_core_that_lost_its_extension_does_not_compile(extension: str, tmp_path: Path):
    flags = ("-std=c11", f"-DMLUT_REQUIRE_{extension}", "-Wfatal-errors", *INCLUDES)
    with pytest.raises(
        AssertionError, match=f"the {extension} extension, but the compiler flags switched"
    ):
        run(require("gcc"), *flags, "-c", HERE / "isa_main.c", "-o", tmp_path / "isa.o")
