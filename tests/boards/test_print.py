"""Printing of real numbers: correctly rounded at every scale."""

from __future__ import annotations

import subprocess
from fractions import Fraction

import numpy as np
import pytest
from fake_images import require_tools

from microlut.board.board import load_board
from microlut.machine.tools import HOST_CC, find_tool
from microlut.support.resources import data_folder

PROGRAM = """
#include "port.h"
#include "print.h"
#include <stdio.h>

void mlut_port_write(const char *text, size_t bytes)
{
    fwrite(text, 1, bytes, stdout);
}

int main(void)
{
    float scale;
    int quantized;
    while (scanf("%a %d", &scale, &quantized) == 2) {
        mlut_print_real(scale, quantized);
        puts("");
    }
    return 0;
}
"""

SCALES = (1 / 256, 0.0039215688, 1.0, 0.1, 3.3333333, 1e-7, 1e-30, 1234.5677, 99999.99, 8388607.5)


@pytest.fixture(scope="module")
def program(tmp_path_factory):
    require_tools(load_board("host"))
    folder = tmp_path_factory.mktemp("print")
    (folder / "main.c").write_text(PROGRAM)
    firmware = data_folder("firmware")
    subprocess.run(
        [
            *(find_tool(HOST_CC), "-std=c11", "-O1", "-fsanitize=undefined,address"),
            *("-fno-sanitize-recover=all", f"-I{firmware}/common", f"-I{firmware}/port"),
            *(folder / "main.c", firmware / "common" / "print.c", "-o", folder / "main"),
        ],
        check=True,
    )
    return folder / "main"


def _rounded(scale: float, quantized: int) -> str:
    """Six decimals of the exact product, halves away from zero."""
    millionths = Fraction(float(np.float32(scale))) * abs(quantized) * 10**6
    whole = int(millionths + Fraction(1, 2))
    return f"{'-' if quantized < 0 else ''}{whole // 10**6}.{whole % 10**6:06d}"


@pytest.mark.parametrize("scale", SCALES)
def test_print_real_rounds_the_exact_product(program, scale):
    numbers = [-255, -128, -3, -1, 0, 1, 2, 77, 128, 255]
    numbers += [n for n in (-65535, -32768, 4099, 65535) if scale * abs(n) < 2**32]
    text = "".join(f"{float(np.float32(scale)).hex()} {n}\n" for n in numbers)
    printed = subprocess.run([program], input=text, capture_output=True, text=True, check=True)
    assert printed.stdout.split() == [_rounded(scale, n) for n in numbers]
