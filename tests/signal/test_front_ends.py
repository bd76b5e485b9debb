"""Front ends in C give the bytes of their NumPy forms, on this computer and emulated cores."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pytest
from engine_batch import (
    ENGINE,
    HOST,
    HOST_DSP,
    M0PLUS,
    M3,
    M4,
    M55,
    Target,
    compile_all,
    require,
    run,
)
from numpy.typing import NDArray

from graphs import qnet
from microlut.codegen.front import render_front
from microlut.errors import InvalidInput
from microlut.integer import QuantizedGraph
from microlut.integer.graph import Stream
from microlut.ops.tensor import Features, Quantization
from microlut.signal import MFCC, Image, Sensor, Spectrum
from microlut.signal.file import Front
from sweeps import in_sweeps

TARGETS = [
    HOST,
    *in_sweeps(HOST_DSP, M0PLUS, M3, M55),
    pytest.param(M4, marks=pytest.mark.qemu, id="cortex-m4"),
]


@dataclass(frozen=True)
class Case:
    """A front end, the network's input, and what the front end is given."""

    front: Front
    shape: tuple[int, ...]
    quantization: Quantization
    given: NDArray[np.generic]

    def graph(self, name: str) -> QuantizedGraph:
        return qnet(name, "x", self.shape, self.quantization, (), "x")


def random_quantization(random: np.random.Generator, reals: NDArray[np.floating]) -> Quantization:
    """Return a quantization in which most of some real values are not saturated."""
    low, high = np.quantile(reals, (0.02, 0.98))
    scale = float(np.float32(max(high - low, 1e-6) / 250))
    return Quantization(scale, int(np.clip(round(-128 - low / scale), -128, 127)))


def by_feature(random: np.random.Generator, reals: NDArray[np.floating]) -> Quantization:
    """Return the same with scales and origins of each feature."""
    scales = np.maximum(reals.std(axis=0) / 40, 1e-6).astype(np.float32)
    origins = reals.mean(axis=0).astype(np.float32)
    features = Features(tuple(scales.tolist()), tuple(origins.tolist()))
    return Quantization(1.0, int(random.integers(-20, 20)), features)


def sound(random: np.random.Generator, count: int) -> NDArray[np.int16]:
    """Return noise and tones from silence to overload, and squares that reach both ends."""
    time = np.arange(count)
    loudness = 2.0 ** random.integers(-2, 17, -(-count // 500)).repeat(500)[:count]
    tone = np.sin(time * random.uniform(0.01, 3)) * random.uniform(0, 2)
    made = loudness * (random.standard_normal(count) + tone)
    square = random.choice([-(2**16), 2**16], -(-count // 40)).repeat(40)[:count]
    made = np.where(loudness > 2**15, square, made)
    return np.clip(np.round(made), -32768, 32767).astype(np.int16)


def spectrum_case(random: np.random.Generator, samples: int) -> Case:
    front = MFCC
    while random.random() < 0.9:
        frame = int(random.integers(2, 600))
        try:
            front = Spectrum(
                rate=int(random.choice([8000, 16000, 44100])),
                frame=frame,
                hop=int(random.integers(1, frame + 1)),
                bands=int(random.integers(1, 50)),
                low=float(random.uniform(0, 200)),
                high=0.0,
                coefficients=int(random.integers(0, 3)),
                power=int(random.integers(1, 3)),
                offset=float(10 ** random.uniform(-12, 0)),
                logarithm=random.choice(["natural", "log10", "decibel"]).item(),
                window=random.choice(["hann", "hamming", "rectangular"]).item(),
                filters=random.choice(["tensorflow", "torchaudio", "librosa"]).item(),
                every=int(random.choice([1, 1, 2, 5])),
            )
            break
        except InvalidInput:  # no band has a bin
            continue
    given = sound(random, front.frame + front.hop * max(2, samples // front.hop))
    reals = front(given)
    quantization = random_quantization(random, reals)
    if random.random() < 0.5:
        quantization = by_feature(random, reals)
    frames = int(random.integers(1, front.frames(len(given)) + 1))
    return Case(front, (frames, front.features), quantization, given)


def sensor_case(random: np.random.Generator, count: int) -> Case:
    features = int(random.integers(1, 7))
    scale = tuple((10 ** random.uniform(-4, 1, features)).tolist())
    offset = tuple((random.normal(0, 3, features) * scale * 100).tolist())
    every = int(random.choice([1, 1, 2, 7]))
    front = Sensor(scale, offset if random.random() < 0.5 else (), every)
    given = random.normal(0, 10 ** random.uniform(0, 6), (count, features))
    given = np.clip(given, -(2**24), 2**24).astype(np.int32)
    reals = front(given)
    quantization = by_feature(random, reals)
    return Case(front, (int(random.integers(1, count + 1)), features), quantization, given)


def image_case(random: np.random.Generator) -> Case:
    width, height = (int(size) for size in random.integers(1, 90, 2))
    left, top = int(random.integers(0, width)), int(random.integers(0, height))
    part = (
        *(left, top),
        *(int(random.integers(1, width - left + 1)), int(random.integers(1, height - top + 1))),
    )
    channels = int(random.choice([1, 3]))
    each = channels == 3 and random.random() < 0.5
    front = Image(
        width,
        height,
        random.choice(["grey", "rgb", "rgb565", "rgb565-swapped"]).item(),
        part if random.random() < 0.7 else None,
        random.choice(["nearest", "bilinear", "area"]).item(),
        tuple(random.uniform(0.001, 0.02, 3).tolist()) if each else float(random.uniform(0.001, 2)),
        tuple(random.uniform(-2, 0, 3).tolist()) if each else 0.0,
    )
    shape = (*(int(size) for size in random.integers(1, 60, 2)), channels)
    size = {"grey": 1, "rgb": 3}.get(front.format, 2) * width * height
    given = random.integers(0, 256, size).astype(np.uint8)
    return Case(front, shape, random_quantization(random, front(given, shape)), given)


READ = """
static int read_all(void *to, size_t bytes, FILE *from)
{
    return fread(to, 1, bytes, from) == bytes;
}
"""
RUN_SPECTRUM = """
static int run_{p}(FILE *from, FILE *to)
{{
    static {p}_front_t front;
    static int16_t samples[77];
    static int8_t input[{M}_FRONT_FRAMES * {M}_FRONT_FEATURES];
    size_t left = {count}u;
    {p}_front_begin(&front);
    while (left > 0) {{
        const size_t some = left < 77u ? left : 77u;
        if (!read_all(samples, 2u * some, from)) {{
            return 0;
        }}
        left -= some;
        for (size_t taken = 0; taken < some;) {{
            taken += {p}_front_push(&front, samples + taken, some - taken);
            if ({p}_front_frame(&front)) {{
                {p}_front_write(&front, input);
                fwrite(input, 1, sizeof input, to);
            }}
        }}
    }}
    return 1;
}}
"""
RUN_SENSOR = """
static int run_{p}(FILE *from, FILE *to)
{{
    static {p}_front_t front;
    static int32_t raw[{M}_FRONT_FEATURES];
    static int8_t input[{M}_FRONT_FRAMES * {M}_FRONT_FEATURES];
    {p}_front_begin(&front);
    for (size_t left = {count}u / {M}_FRONT_FEATURES; left > 0; left--) {{
        if (!read_all(raw, sizeof raw, from)) {{
            return 0;
        }}
        if ({p}_front_push(&front, raw)) {{
            {p}_front_write(&front, input);
            fwrite(input, 1, sizeof input, to);
        }}
    }}
    return 1;
}}
"""
RUN_IMAGE = """
static int run_{p}(FILE *from, FILE *to)
{{
    static uint8_t pixels[{count}];
    static int8_t input[{size}];
    if (!read_all(pixels, sizeof pixels, from)) {{
        return 0;
    }}
    {p}_front_write(pixels, input);
    fwrite(input, 1, sizeof input, to);
    return 1;
}}
"""
RUNS = {Spectrum: RUN_SPECTRUM, Sensor: RUN_SENSOR, Image: RUN_IMAGE}
MAIN = """
int main(int argc, char **argv)
{{
    FILE *const from = argc > 2 ? fopen(argv[1], "rb") : NULL;
    FILE *const to = argc > 2 ? fopen(argv[2], "wb") : NULL;
    if (from == NULL || to == NULL) {{
        return 2;
    }}
    const int right = {calls};
    return fclose(to) == 0 && right ? 0 : 1;
}}
"""


def outputs(cases: Sequence[Case], folder: Path, target: Target) -> bytes:
    """Return what one program of all front ends writes."""
    compiler = require(target.compiler)
    names = [f"f{i}" for i in range(len(cases))]
    sources, main = [], "#include <stdio.h>\n"
    for name, case in zip(names, cases, strict=True):
        for file, text in render_front(case.front, case.graph(name)).items():
            (folder / file).write_text(text)
        main += f'#include "{name}_front.h"\n'
        sources.append(folder / f"{name}_front.c")
    main += READ
    for name, case in zip(names, cases, strict=True):
        size = int(np.prod(case.shape))
        text = RUNS[type(case.front)]
        main += text.format(p=name, M=name.upper(), count=case.given.size, size=size)
    main += MAIN.format(calls=" && ".join(f"run_{name}(from, to)" for name in names))
    (folder / "main.c").write_text(main)
    signal = [file for file in ENGINE if file.parent.name == "signal"]
    command = (compiler, *target.compile_options, f"-I{folder}")
    objects = compile_all(
        [*sources, folder / "main.c", *signal, *target.link_sources], folder / "o", *command
    )
    program, given, got = folder / "front", folder / "in", folder / "out"
    run(target.linker or compiler, *objects, *target.link_options, "-o", program)
    given.write_bytes(b"".join(case.given.tobytes() for case in cases))
    target.execute(program, given, got)
    return got.read_bytes()


def wanted(case: Case) -> bytes:
    if isinstance(case.front, Image):
        return case.front.quantized(case.given, case.shape, case.quantization).tobytes()
    frames = case.front.quantized(case.given, case.quantization)
    count = case.shape[0]
    starts = range(0, len(frames) - count + 1, case.front.every)
    windows = [frames[i : i + count] for i in starts]
    return b"".join(window.tobytes() for window in windows)


def cases_of(kind: str, seed: int, count: int, size: int) -> list[Case]:
    random = np.random.default_rng(seed)
    make = {
        "spectrum": lambda: spectrum_case(random, size),
        "sensor": lambda: sensor_case(random, size),
        "image": lambda: image_case(random),
    }[kind]
    return [make() for _ in range(count)]


@pytest.mark.parametrize("kind", ["spectrum", "sensor", "image"])
@pytest.mark.parametrize("target", TARGETS)
def test_bytes_are_those_of_numpy(kind: str, target: Target, tmp_path: Path):
    cases = cases_of(kind, 7, 12, 600)
    found, at = outputs(cases, tmp_path, target), 0
    for case in cases:
        expected = wanted(case)
        part = found[at : at + len(expected)]
        assert part == expected, case.front
        at += len(expected)
    assert at == len(found)
    assert len(np.unique(np.frombuffer(found, np.int8))) > 200


def test_streamed_network_takes_each_frame_once():
    quantization = Quantization(0.1, 0)
    plain = Case(Sensor((1.0,), every=2), (5, 1), quantization, np.zeros((9, 1), np.int32))
    graph = replace(plain.graph("x"), stream=Stream(0, 5, 5, (None,)))
    with pytest.raises(InvalidInput, match="every is 2, and a streamed network takes each frame"):
        render_front(plain.front, graph)
    assert "left" not in render_front(Sensor((1.0,)), graph)["x_front.h"]


def mfcc_case(random: np.random.Generator, frames: int) -> Case:
    """Return MLPerf Tiny's front end, whose frames overlap more here: sound is noise anyway."""
    front = replace(MFCC, hop=int(random.integers(8, 24)))
    given = sound(random, front.frame + front.hop * (frames - 1))
    return Case(front, (1, front.features), random_quantization(random, front(given)), given)


@pytest.mark.sweep
@pytest.mark.parametrize("kind", ["spectrum", "mfcc", "sensor", "image"])
def test_bytes_are_those_of_numpy_over_a_million_inputs(kind: str, tmp_path: Path):
    """Of MFCC and sensors, a million frames; of spectra with any sizes samples; pixels."""
    count, size = {
        "spectrum": (60, 20_000),
        "mfcc": (100, 10_001),
        "sensor": (100, 10_001),
        "image": (400, 0),
    }[kind]
    if kind == "mfcc":
        random = np.random.default_rng(11)
        cases = [mfcc_case(random, size) for _ in range(count)]
    else:
        cases = [
            replace(case, shape=(1, case.shape[1]), front=replace(case.front, every=1))
            if kind != "image"
            else case
            for case in cases_of(kind, 11, count, size)
        ]
    inputs = {
        "mfcc": lambda case: case.front.frames(len(case.given)),
        "sensor": lambda case: len(case.given),
    }.get(kind, lambda case: case.given.size)
    assert sum(map(inputs, cases)) > 1_000_000
    assert outputs(cases, tmp_path, HOST) == b"".join(map(wanted, cases))
