"""Sketches, compiled against a stub of an Arduino core: for this computer, and for Arm."""

from __future__ import annotations

from pathlib import Path

from building import CORES, RIGHT, WARNINGS, compile_for_arm, need, need_arm, run

from microlut.machine.tools import HOST_CC

_STUB = Path(__file__).parent / "stub_arduino"
_FLAGS = ("-std=gnu++11", *WARNINGS, f"-I{_STUB}", "-include", "Arduino.h", "-x", "c++")


def assert_sketch_is_right(library: Path, sketch: Path, work: Path) -> None:
    """Run the sketch of a library with two models of ten outputs."""
    lines = build_sketch(library, sketch, work)
    assert len(lines) == 21
    assert lines[-1] == RIGHT


def build_sketch(library: Path, sketch: Path, work: Path) -> list[str]:
    """Compile a sketch and its library for this computer, and return the lines that it prints."""
    need(HOST_CC)
    (work / "main.cpp").write_text("SerialPort Serial;\nint main() { setup(); loop(); }\n")
    run("cc", "-std=gnu11", "-O1", f"-I{library}/src", "-c", *library.rglob("*.c"), cwd=work)
    objects = sorted(work.glob("*.o"))
    command = ("c++", f"-I{library}/src", *_FLAGS, sketch, "main.cpp", "-x", "none", *objects)
    run(*command, cwd=work)
    return run(work / "a.out").decode().splitlines()


def compile_sketch_for_arm(library: Path, sketch: Path, work: Path) -> None:
    """Compile the library as C and the sketch as C++."""
    need_arm()
    compile_for_arm(sorted(library.rglob("*.c")), library / "src", "m0plus", work)
    flags = (*CORES["m0plus"], f"-I{library}/src", *_FLAGS)
    run("arm-none-eabi-g++", *flags, "-c", sketch, "-o", work / "sketch.o")
