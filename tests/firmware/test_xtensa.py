"""The engine compiled for Xtensa (ESP8266's core, call0 ABI) and run in QEMU, byte for byte."""

from __future__ import annotations

import subprocess
from pathlib import Path

import numpy as np
import pytest
from engine_batch import ENGINE, HERE, compile_all, require, run, write_sources

import random_graphs as rg
from microlut.codegen import render
from microlut.codegen.names import identifier
from microlut.interpreter import int_ops
from microlut.plan import make_plan
from microlut.quantized import QuantizedGraph

FOLDER = HERE / "xtensa"
COMPILER = "xtensa-lx106-elf-gcc"
QEMU = ("qemu-system-xtensa", "-machine", "sim", "-cpu", "lx106", "-semihosting")
CASES = {
    "every_operator_4": lambda: rg.every_operator_case(4, seed=1),
    "every_operator_8": lambda: rg.every_operator_case(8, seed=1),
    **{f"kernels_{bits}": lambda bits=bits: rg.kernel_case(bits, bits % 2) for bits in (2, 5)},
}


@pytest.mark.qemu
@pytest.mark.parametrize("case", CASES)
def test_engine_on_xtensa_equals_the_interpreter(case: str, tmp_path: Path):
    graph = CASES[case]().quantized()
    x = rg.int8_inputs(graph, 1, count=3)
    wanted = int_ops.evaluate(graph, x).reshape(len(x), -1)
    assert len(np.unique(wanted, axis=0)) > 1
    program = build(graph, x.reshape(len(x), -1), tmp_path)
    command = (require(QEMU[0]), *QEMU[1:], "-display", "none", "-monitor", "none")
    done = subprocess.run(
        [*command, "-serial", "stdio", "-kernel", program],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        timeout=300,
    )
    assert done.returncode == 0, done.stderr.decode()
    assert np.frombuffer(done.stdout, np.int8).reshape(len(x), -1).tolist() == wanted.tolist()


def build(graph: QuantizedGraph, inputs: np.ndarray, folder: Path) -> Path:
    """Return a program that writes the model's outputs for the inputs [n, bytes]."""
    compiler, prefix = require(COMPILER), identifier(graph.name)
    sources = write_sources(render(make_plan(graph)), folder / "model")
    rows = ",\n".join("{" + ", ".join(map(str, row)) + "}" for row in inputs.tolist())
    (sources / "inputs.h").write_text(
        f"#include <stdint.h>\n#define MODEL(name) {prefix}_##name\n"
        f"#define MODEL_BYTES(name) {prefix.upper()}_##name##_BYTES\n"
        f"#define INPUTS {len(inputs)}u\n"
        f"static const int8_t inputs[INPUTS][{inputs.shape[1]}] = {{{rows}}};\n"
    )
    files = [*ENGINE, sources / "model.c", sources / "weights.c", *FOLDER.glob("*.c")]
    flags = ("-O2", "-ffreestanding", "-mtext-section-literals", f"-I{FOLDER}", f"-I{sources}")
    objects = compile_all(files, folder / "objects", compiler, *flags)
    program = folder / "program"
    script = (
        "-nostdlib",
        "-Wl,--no-warn-rwx-segments",
        f"-T{FOLDER / 'sim.ld'}",
        FOLDER / "start.S",
    )
    run(compiler, *script, *objects, "-lgcc", "-o", program)
    return program
