"""Exports with a front end: the program sees the pixels that Python sees."""

from __future__ import annotations

import subprocess
from pathlib import Path

import numpy as np
import pytest
from engine_batch import require

import microlut
from digits_example import TEST
from microlut import cli
from microlut.errors import InvalidInput
from microlut.integer import evaluate as int_ops
from microlut.integer import from_bytes
from microlut.signal import MFCC, Image, Sensor

CAMERA = Image(32, 24, "rgb565", (4, 0, 24, 24), "area", 16 / 255)
MAIN = """
#include "digits.h"
#include "digits_front.h"
#include <stdio.h>

static uint8_t pixels[DIGITS_FRONT_WIDTH * DIGITS_FRONT_HEIGHT * 2u];

int main(void)
{
    while (fread(pixels, 1, sizeof pixels, stdin) == sizeof pixels) {
        digits_front_write(pixels, digits_init(digits_arena, sizeof digits_arena));
        printf("%u\\n", (unsigned)digits_top_class(digits_run(digits_arena)));
    }
    return 0;
}
"""


def photographs() -> np.ndarray:
    """Return digits as a camera would have them: 24x24 pixels in grey, in the middle."""
    with np.load(TEST) as arrays:
        digits = arrays["x"][:50].reshape(-1, 8, 8).astype(float)
    grey = np.zeros((len(digits), 24, 32), np.int64)
    grey[:, :, 4:28] = np.round(digits * 255 / 16).repeat(3, axis=1).repeat(3, axis=2)
    words = (grey >> 3) << 11 | (grey >> 2) << 5 | grey >> 3
    return words.astype("<u2").view(np.uint8).reshape(len(digits), -1)


def test_program_with_a_front_end_answers_as_python_does(project, tmp_path: Path):
    exported = microlut.export(project, "cmake", tmp_path / "net", front=CAMERA)
    assert "include/digits_front.h" in exported.files
    folder = tmp_path / "net"
    (tmp_path / "main.c").write_text(MAIN)
    sources = [*(folder / "src").rglob("*.c"), tmp_path / "main.c"]
    program = tmp_path / "program"
    command = [require("gcc"), "-O1", "-Wall", "-Wextra", "-Wconversion", "-Werror", "-std=c11"]
    subprocess.run([*command, f"-I{folder / 'include'}", *sources, "-o", program], check=True)
    given = photographs()
    done = subprocess.run([program], input=given.tobytes(), capture_output=True, check=True)
    graph = project.graph
    tensor = graph.inputs[0]
    inputs = np.stack([CAMERA.quantized(x, tensor.shape, tensor.quantized) for x in given])
    batch = from_bytes({tensor.name: tensor}, inputs.reshape(len(given), -1))
    outputs = next(iter(int_ops.outputs(graph, batch).arrays.values()))
    answers = outputs.reshape(len(given), -1).argmax(axis=1)
    assert [int(line) for line in done.stdout.split()] == answers.tolist()
    with np.load(TEST) as arrays:
        assert (answers == arrays["y"][:50]).mean() > 0.9


def test_verb_takes_files_and_known_names(project, tmp_path: Path):
    file = tmp_path / "camera.toml"
    file.write_text('kind = "image"\nwidth = 96\nheight = 64\nscale = 0.0627\n')
    words = ["export", str(project.path), "--to", "cmake", "-o"]
    assert cli.run([*words, str(tmp_path / "a"), "--front", str(file)]) == 0
    assert "digits_front.c" in (tmp_path / "a" / "CMakeLists.txt").read_text()
    with pytest.raises(InvalidInput, match=r"input is 8x8x1; .* frames x 10"):
        microlut.export(project, "cmake", tmp_path / "b", front="mfcc")
    assert not (tmp_path / "b").exists()


def test_front_ends_that_do_not_go_with_models(project, second, tmp_path: Path):
    for models, to, front, message in (
        ([project, second], "cmake", CAMERA, "input of one model, and 2 were given"),
        (project, "tflite", CAMERA, "no front end"),
        (project, "cmake", MFCC, "frames x 10"),
        (project, "cmake", Sensor((1.0,) * 7), "frames x 7"),
        (project, "cmake", Image(9, 9, scale=(0.1, 0.1, 0.1)), "the network's input has 1"),
    ):
        with pytest.raises(InvalidInput, match=message):
            microlut.export(models, to, tmp_path / "out", front=front)
    assert not (tmp_path / "out").exists()
