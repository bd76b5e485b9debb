"""Measure front ends on emulated cores: instructions, code, tables and memory.

    .venv/bin/python benchmarks/front_ends.py [--boards mps2-an386 ...] [--write]

Each front end is the `run` of a model in the console application, on random sound, pictures and
sensor values; its outputs have to be those of its NumPy form. Instructions are the mean of several
runs, exact. `--write` replaces the table of docs/reference/front-ends.md.
"""

from __future__ import annotations

import argparse
from dataclasses import dataclass
from functools import partial

import numpy as np
from console_image import PREFIX
from documents import ROOT, replace_table
from numpy.typing import NDArray
from pieces import BOARDS, Piece, table

from microlut.codegen.front import render_front
from microlut.integer import QuantizedGraph
from microlut.ops.tensor import Quantization, Tensor
from microlut.signal import MFCC, Image, Sensor, Spectrum
from microlut.signal.file import Front

PAGE = ROOT / "docs" / "reference" / "front-ends.md"
SCRIPT = "front_ends.py"
_RUNS = 5
_CAMERA = (160, 120)
_SOUND = """{p}_front_begin(&front);
    {p}_front_push(&front, (const int16_t *)(const void *)input, {M}_FRONT_FRAME);
    {p}_front_frame(&front);
    {p}_front_write(&front, output);"""
_SENSOR = """{p}_front_begin(&front);
    {p}_front_push(&front, (const int32_t *)(const void *)input);
    {p}_front_write(&front, output);"""
_IMAGE = "{p}_front_write((const uint8_t *)input, output);"


@dataclass(frozen=True)
class Subject:
    """A front end, and the shape that it makes."""

    name: str
    front: Front
    shape: tuple[int, ...]

    def given(self) -> NDArray[np.generic]:
        """Return random inputs [runs, values]."""
        random = np.random.default_rng(2026)
        if isinstance(self.front, Spectrum):
            made = random.normal(0, 3000, (_RUNS, self.front.frame))
            return np.clip(made, -32768, 32767).astype(np.int16)
        if isinstance(self.front, Sensor):
            return random.integers(-(2**15), 2**15, (_RUNS, self.front.features)).astype(np.int32)
        size = self.front.width * self.front.height * (3 if self.front.format == "rgb" else 2)
        return random.integers(0, 256, (_RUNS, size)).astype(np.uint8)

    def wanted(self, given: NDArray[np.generic], quantization: Quantization) -> NDArray[np.int8]:
        """Return the outputs [runs, bytes] of the NumPy form."""
        front = self.front
        if isinstance(front, Image):
            made = [front.quantized(x, self.shape, quantization) for x in given]
        else:
            made = [front.quantized(x, quantization) for x in given]
        return np.stack([x.ravel() for x in made])


SUBJECTS = (
    Subject("MFCC, frame of 480 samples, 40 bands, 10 coefficients", MFCC, (1, 10)),
    Subject("log-mel, frame of 480 samples, 40 bands", Spectrum(), (1, 40)),
    Subject(
        "log-mel of squares, frame of 1,024 samples, 64 bands",
        Spectrum(frame=1024, hop=512, bands=64, high=8000.0, power=2),
        (1, 64),
    ),
    Subject(
        "picture, RGB565 160x120 to grey 96x96, bilinear",
        Image(*_CAMERA, "rgb565", (20, 0, 120, 120), "bilinear"),
        (96, 96, 1),
    ),
    Subject(
        "picture, RGB565 160x120 to RGB 32x32, area",
        Image(*_CAMERA, "rgb565", (20, 0, 120, 120), "area"),
        (32, 32, 3),
    ),
    Subject("6 sensor values", Sensor((1 / 16384,) * 3 + (0.07,) * 3), (1, 6)),
)


def piece(subject: Subject) -> Piece:
    """Return the C code of a front end, with inputs and what NumPy makes of them."""
    quantization = Quantization(float(np.float32(0.1)), 3)
    tensor = Tensor("x", subject.shape, "int8", quantization)
    graph = QuantizedGraph(PREFIX, (tensor,), (), ("x",))
    given = subject.given()
    calls = {Spectrum: _SOUND, Sensor: _SENSOR, Image: _IMAGE}
    return Piece(
        name=subject.name,
        includes=f'#include "{PREFIX}_front.h"\n#include <string.h>',
        state="" if isinstance(subject.front, Image) else f"static {PREFIX}_front_t front;",
        call=calls[type(subject.front)].format(p=PREFIX, M=PREFIX.upper()),
        files=render_front(subject.front, graph),
        given=np.ascontiguousarray(given).view(np.int8).reshape(_RUNS, -1),
        wanted=subject.wanted(given, quantization),
        code=r"mlut_(spectrum|audio|frames|image|sensor)",
        tables=rf"{PREFIX}_front_|mlut_log_table",
        ram="front$",
    )


def main() -> None:
    """Print the table, or write it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--boards", nargs="+", default=BOARDS)
    parser.add_argument("--write", action="store_true")
    given = parser.parse_args()
    made = table("front end", [partial(piece, subject) for subject in SUBJECTS], given.boards)
    if given.write:
        replace_table(PAGE, SCRIPT, made)


if __name__ == "__main__":
    main()
