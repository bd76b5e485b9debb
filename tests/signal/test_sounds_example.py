"""The example that listens gives the same answers as Python."""

from __future__ import annotations

import importlib.util
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from engine_batch import require

import microlut
from microlut.graph.batch import Batch
from microlut.integer import evaluate as int_ops
from microlut.signal import MFCC, Smooth

EXAMPLE = Path(__file__).resolve().parents[2] / "examples" / "sounds"
SAID = ("whistle", "clap", "doorbell")


@pytest.fixture(scope="module")
def sounds():
    spec = importlib.util.spec_from_file_location("sounds", EXAMPLE / "sounds.py")
    assert spec is not None
    assert spec.loader is not None
    module = sys.modules["sounds"] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory):
    made = microlut.convert(
        EXAMPLE / "sounds.keras",
        EXAMPLE / "sounds_calibration.npz",
        class_names=EXAMPLE / "sounds.txt",
    )
    return microlut.write(made, tmp_path_factory.mktemp("sounds") / "out")


@pytest.fixture(scope="module")
def program(project, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("listen")
    microlut.export(project, "cmake", folder / "lib", front="mfcc")
    sources = [EXAMPLE / "listen.c", *(folder / "lib/src").rglob("*.c")]
    options = ["-std=c11", "-O1", "-Wall", "-Wextra", "-Wconversion", "-Werror"]
    command = [require("gcc"), *options, f"-I{folder / 'lib/include'}", *sources]
    subprocess.run([*command, "-o", folder / "listen"], check=True)
    return folder / "listen"


def heard(program: Path, samples: np.ndarray) -> list[str]:
    done = subprocess.run([program], input=samples.tobytes(), capture_output=True, check=True)
    return done.stdout.decode().splitlines()


def computed(project, samples: np.ndarray) -> list[str]:
    """Return the lines of listen.c as Python computes them."""
    graph = project.graph
    tensor = graph.inputs[0]
    frames = MFCC.quantized(samples, tensor.quantized)
    count = tensor.shape[0]
    ends = [end for end in range(count, len(frames) + 1) if (end - count + 1) % 5 == 0]
    windows = np.stack([frames[end - count : end] for end in ends]).reshape(-1, *tensor.shape)
    found = int_ops.outputs(graph, Batch({tensor.name: windows})).arrays
    outputs, smooth, last, lines = next(iter(found.values())), Smooth(3), 0, []
    quantization = next(iter(graph.output_tensors().values())).quantized
    for end, answer in zip(ends, outputs, strict=True):
        means = smooth(answer)
        real = (int(means.max()) - quantization.zero_point) * quantization.scale
        if means.argmax() != last and real >= np.float32(0.8):
            last = int(means.argmax())
            tenths = (end + 1) * 320 * 10 // 16000
            if last:
                lines.append(f"{tenths // 10}.{tenths % 10} s: {graph.class_names[last]}")
    return lines


def test_program_hears_what_python_hears(sounds, project, program):
    random, right = np.random.default_rng(4), 0
    for seed in range(8):
        names = [str(name) for name in random.choice(SAID, 4)]
        samples = sounds.sequence(*names, seed=seed)
        lines = heard(program, samples)
        assert lines == computed(project, samples)
        right += [line.split(": ")[1] for line in lines] == names
    assert right >= 6
