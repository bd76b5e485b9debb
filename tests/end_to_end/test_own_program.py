"""A user's own program: it needs only the output folder and cc, no CMake, no microlut."""

import re
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest
from forms import interpreter_outputs, need_host

import microlut
from digits_example import CALIBRATION, MODEL, conversion, samples
from microlut.ops.tensor import quantize_array

WARNINGS = ("-std=c11", "-Wall", "-Wextra", "-Wconversion", "-Werror")

ONE_MODEL = """
#include "model.h"
#include <stdio.h>

int main(void)
{
    int8_t *input = digits_init(digits_arena, sizeof digits_arena);
    while (fread(input, 1, DIGITS_INPUT_BYTES, stdin) == DIGITS_INPUT_BYTES) {
        fwrite(digits_run(digits_arena), 1, DIGITS_OUTPUT_BYTES, stdout);
    }
    return 0;
}
"""

TWO_MODELS = """
#include "first/model.h"
#include "second/model.h"
#include <stdio.h>
#include <string.h>

int main(void)
{
    static int8_t values[FIRST_INPUT_BYTES];
    while (fread(values, 1, sizeof values, stdin) == sizeof values) {
        memcpy(first_init(first_arena, sizeof first_arena), values, sizeof values);
        fwrite(first_run(first_arena), 1, FIRST_OUTPUT_BYTES, stdout);
        int8_t *input = second_model.init(second_arena, second_model.arena_bytes);
        memcpy(input, values, sizeof values);
        fwrite(second_model.run(second_arena), 1, second_model.output_bytes, stdout);
    }
    return 0;
}
"""


@pytest.fixture
def compiler() -> str:
    need_host()
    found = shutil.which("cc")
    assert found is not None
    return found


def run(command: list[object], stdin: bytes = b"") -> bytes:
    done = subprocess.run([str(part) for part in command], input=stdin, capture_output=True)
    assert done.returncode == 0, done.stderr.decode()
    return done.stdout


def engine(folder: Path) -> list[Path]:
    return sorted((folder / "engine" / "src").rglob("*.c"))


def includes(folder: Path) -> list[str]:
    return [f"-I{folder}", f"-I{folder}/engine/include"]


def test_own_program_with_one_model(compiler, tmp_path):
    project = microlut.write(conversion(), tmp_path / "out")
    folder = project.path
    (tmp_path / "main.c").write_text(ONE_MODEL)
    sources = [tmp_path / "main.c", folder / "model.c", folder / "weights.c", *engine(folder)]
    program = tmp_path / "program"
    run([compiler, *WARNINGS, *includes(folder), *sources, "-o", program])
    inputs = quantize_array(samples(100).x, project.graph.inputs[0].quantized)
    outputs = np.frombuffer(run([program], inputs.tobytes()), np.int8).reshape(100, -1)
    np.testing.assert_array_equal(outputs, interpreter_outputs(project, samples(100)))


def test_own_program_with_the_command_of_the_readme(compiler, tmp_path):
    readme = (Path(__file__).resolve().parents[2] / "README.md").read_text(encoding="utf-8")
    command = re.search(r"^cc .*?\.c$(?=\n```)", readme, re.MULTILINE | re.DOTALL)
    assert command is not None
    microlut.write(conversion(), tmp_path / "out")
    (tmp_path / "main.c").write_text(ONE_MODEL)
    subprocess.run(["sh", "-c", command[0]], cwd=tmp_path, check=True)
    assert (tmp_path / "a.out").is_file()


def test_own_program_with_two_models(compiler, tmp_path):
    projects = []
    for name, bits in (("first", 4), ("second", 8)):
        made = microlut.convert(MODEL, CALIBRATION, bits=bits, name=name)
        projects.append(microlut.write(made, tmp_path / name))
    assert [project.prefix for project in projects] == ["first", "second"]
    (tmp_path / "main.c").write_text(TWO_MODELS)
    objects = []
    for project in projects:
        for source in ("model", "weights"):
            objects.append(tmp_path / f"{project.prefix}_{source}.o")
            command = [compiler, *WARNINGS, *includes(project.path), "-c"]
            run([*command, project.path / f"{source}.c", "-o", objects[-1]])
    first = projects[0].path
    command = [compiler, *WARNINGS, f"-I{tmp_path}", *includes(first)[1:]]
    run([*command, tmp_path / "main.c", *engine(first), *objects, "-o", tmp_path / "program"])
    inputs = quantize_array(samples(50).x, projects[0].graph.inputs[0].quantized)
    outputs = np.frombuffer(run([tmp_path / "program"], inputs.tobytes()), np.int8)
    expected = [interpreter_outputs(project, samples(50)) for project in projects]
    np.testing.assert_array_equal(outputs.reshape(50, -1), np.hstack(expected))
    assert (expected[0] != expected[1]).any()


@pytest.mark.parametrize("name", ["model.h", "model.c", "weights.h", "weights.c"])
def test_output_does_not_name_the_checkout(name):
    checkout = Path(__file__).resolve().parents[2]
    assert str(checkout) not in conversion().sources[name]
