"""Pools whose window is beside the picture, as no converter writes them: nothing is undefined."""

from __future__ import annotations

from pathlib import Path

import pytest
from engine_batch import FIRMWARE, HOST, HOST_DSP, INCLUDES, M55, Target, require, run

PROGRAM = """
#include "microlut/pool2d.h"
#include "microlut/pool2d_16.h"

#include <stdio.h>

int main(void)
{
    static const mlut_window_t beside = {.height = 1, .width = 1, .stride_y = 1, .stride_x = 1,
        .pad_top = 3, .pad_left = 3, .dilation_y = 1, .dilation_x = 1};
    static const mlut_shape_t shape = {.height = 2, .width = 2, .channels = 5};
    const mlut_pool2d_t narrow = {shape, shape, beside, -128, 127};
    const mlut_pool2d_16_t wide = {shape, shape, beside, -32768, 32767};
    static _Alignas(8) int8_t in[40], out[40];
    mlut_average_pool2d(&narrow, in, out);
    mlut_average_pool2d_16(&wide, in, out);
    mlut_max_pool2d(&narrow, in, out);
    mlut_max_pool2d_16(&wide, in, out);
    puts("defined");
    return 0;
}
"""


@pytest.mark.parametrize(
    "target", [HOST, HOST_DSP, pytest.param(M55, marks=pytest.mark.qemu)], ids=["c", "dsp", "mve"]
)
def test_average_of_no_pixel_is_defined(target: Target, tmp_path: Path):
    if target.emulator:
        require(target.emulator[0])
    (tmp_path / "main.c").write_text(PROGRAM)
    sources = [FIRMWARE / "src/kernels" / name for name in ("pool2d.c", "pool2d_16.c")]
    sources += [FIRMWARE / "src/mve/mve_pool2d.c", tmp_path / "main.c", *target.link_sources]
    program = tmp_path / "program"
    options = (*target.compile_options, *INCLUDES, "-std=c11", *target.link_options)
    run(require(target.compiler), *options, *sources, "-o", program)
    assert target.execute(program) == "defined\n"
