"""The console application with a model of two inputs, two outputs and state."""

from __future__ import annotations

import subprocess

import numpy as np
import pytest
from fake_images import require_tools

from microlut.board.board import load_board
from microlut.running.emulators import Task, run_image
from microlut.running.protocol import load_commands, results_of
from microlut.toolchain.build import build
from microlut.toolchain.image import Image

MODEL_H = """
#ifndef PAIR_H
#define PAIR_H
#include "microlut/microlut.h"
#define PAIR_ARENA_BYTES 32
#define PAIR_INPUTS 2u
#define PAIR_OUTPUTS 2u
#define PAIR_INPUT_BYTES 5
#define PAIR_OUTPUT_BYTES 5
#define PAIR_STATE_BYTES 1
extern uint32_t pair_arena[(PAIR_ARENA_BYTES + MLUT_ARENA_GUARD) / 4];
#define PAIR_CRC32 0u
extern const mlut_model_t pair_model;
uint32_t pair_check(void);
#endif
"""
# sum[i] = 100 * right[i] + runs, twice; last = left[2]: inputs at 4 and 8, outputs at 16 and 24.
MODEL_C = """
#include "model.h"
#include "weights.h"
#include <string.h>

MLUT_ALIGNED uint32_t pair_arena[(PAIR_ARENA_BYTES + MLUT_ARENA_GUARD) / 4];

static void pair_reset(void *arena)
{
    memset(arena, 0, 1);
}

static int8_t *pair_init(void *arena, size_t bytes)
{
    pair_reset(arena);
    return bytes < PAIR_ARENA_BYTES ? NULL : (int8_t *)arena + 4;
}

static const int8_t *pair_run(void *arena)
{
    int8_t *base = arena;
    base[0]++;
    for (int i = 0; i < 2; i++) {
        const int16_t sum = (int16_t)(100 * base[8 + i] + base[0]);
        memcpy(base + 16 + 2 * i, &sum, 2);
    }
    base[24] = base[6];
    memset(base + 4, 99, 8);
    return base + 16;
}

static const mlut_tensor_t inputs[] = {
    {"left", 4, 3, 1.0f, 0, MLUT_INT8}, {"right", 8, 2, 1.0f, 0, MLUT_INT8}};
static const mlut_tensor_t outputs[] = {
    {"sum", 16, 4, 0.5f, 0, MLUT_INT16}, {"last", 24, 1, 0.25f, -2, MLUT_INT8}};
const mlut_model_t pair_model = {"pair", inputs, outputs, 2, 2, PAIR_ARENA_BYTES, PAIR_INPUT_BYTES,
    PAIR_OUTPUT_BYTES, pair_init, pair_run, pair_reset};

uint32_t pair_check(void)
{
    return 0u;
}
"""
INPUTS = np.random.default_rng(8).integers(-128, 128, (20, 5), dtype=np.int8)


def outputs_of(inputs: np.ndarray) -> np.ndarray:
    """Return what MODEL_C computes of inputs one after the other."""
    runs = np.arange(1, len(inputs) + 1, dtype=np.int16)[:, None]
    sums = (100 * inputs[:, 3:].astype(np.int16) + runs).astype("<i2")
    return np.concatenate([sums.view(np.int8), inputs[:, 2:3]], axis=1)


@pytest.fixture(scope="module")
def image(tmp_path_factory: pytest.TempPathFactory) -> Image:
    """Its firmware for this computer."""
    board = load_board("host")
    require_tools(board)
    folder = tmp_path_factory.mktemp("pair")
    files = {"model.h": MODEL_H, "model.c": MODEL_C, "weights.h": ""}
    files["weights.c"] = '#include "model.h"\n'
    for name, text in files.items():
        (folder / name).write_text(text)
    return build(folder, "pair", board, folder / "build")


def answers(image: Image, *commands: bytes) -> list[str]:
    done = subprocess.run([image.elf], input=b"".join(commands), capture_output=True, check=True)
    lines = done.stdout.decode().splitlines()
    return lines[lines.index("m-ready") + 1 :]


def test_inputs_and_outputs_follow_each_other_and_bulk_runs_are_in_order(image: Image):
    task = Task(image.elf, load_board("host"), INPUTS, 5, count_instructions=False)
    assert run_image(task).outputs.tolist() == outputs_of(INPUTS).tolist()


def test_results_are_real_values_of_all_outputs(image: Image):
    lines = answers(
        image, *load_commands(INPUTS[0].tobytes()), b"infer 1 0%", b"output%", b"results%"
    )
    sums = outputs_of(INPUTS[:1])[0, :4].view("<i2")
    wanted = [*(0.5 * sums), 0.25 * (int(INPUTS[0, 2]) + 2)]
    (row,) = [line for line in lines if line.startswith("m-output-")]
    assert bytes.fromhex(row.removeprefix("m-output-")) == outputs_of(INPUTS[:1]).tobytes()
    assert results_of(lines) == tuple(wanted)


def test_state_lasts_until_it_is_reset(image: Image):
    infer = b"infer 1 0%output%"
    commands = (*load_commands(INPUTS[0].tobytes()), infer, infer, b"reset%", infer)
    rows = [line[9:] for line in answers(image, *commands) if line.startswith("m-output-")]
    same = np.repeat(INPUTS[:1], 2, axis=0)
    first, second = (row.tobytes().hex() for row in outputs_of(same))
    assert rows == [first, second, first]
    assert "reset " in "".join(answers(image, b"help%"))


def test_models_without_state_know_no_reset(fake_image):
    _, image = fake_image("host")
    assert answers(image, b"reset%")[0] == "e-[Unknown command: reset]"
    assert "reset" not in "".join(answers(image, b"help%"))
