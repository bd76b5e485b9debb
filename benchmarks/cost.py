"""Measure time and memory of conversions without data, for 1.5 to 25 million weights.

    .venv/bin/python benchmarks/cost.py [--widths 0.25 0.5 0.75 1]

The networks are laid out as ResNet50, with all filters times the width and normally distributed
random weights; the last one is keras.applications.ResNet50 itself. Each is converted in its own
process; memory is how far the peak grows beyond the interpreter with all modules imported. Needs
Keras.
Prints Markdown; with all widths, it also writes benchmarks/results/cost.json and the table of
docs/measurements/conversion.md.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
from documents import MEASUREMENTS, ROOT, replace_table

RESULTS = ROOT / "benchmarks" / "results"
PAGE = MEASUREMENTS / "conversion.md"
WIDTHS = [0.25, 0.5, 0.75, 1.0]
INPUT_RANGE = (-128.0, 152.0)  # of ResNet50's preprocessing: pixels minus their means
STAGES = ((64, 3), (128, 4), (256, 6), (512, 3))  # filters, blocks
FLOAT_BYTES = 4
KIBIBYTE = 1024  # unit of the peak on Linux


def build(width: float, path: Path) -> None:
    """Write a network with random weights; width 0 stands for keras.applications.ResNet50."""
    import keras

    model = _residual_network(width) if width else keras.applications.ResNet50(weights=None)
    rng = np.random.default_rng(0)
    for layer in model.layers:
        if isinstance(layer, keras.layers.Conv2D | keras.layers.Dense):
            shape = layer.kernel.shape
            deviation = np.float32(np.sqrt(2.0 / np.prod(shape[:-1])))
            layer.kernel.assign(deviation * rng.standard_normal(shape, dtype=np.float32))
    model.save(path)


def _residual_network(width: float) -> object:
    from keras import Input, Model, layers

    def convolution(x: object, filters: int, size: int, stride: int = 1) -> object:
        x = layers.Conv2D(filters, size, stride, padding="same", use_bias=False)(x)
        return layers.BatchNormalization()(x)

    image = Input((224, 224, 3))
    x = layers.ReLU()(convolution(image, round(64 * width), 7, 2))
    x = layers.MaxPooling2D(3, 2, padding="same")(x)
    for number, (full, blocks) in enumerate(STAGES):
        filters = round(full * width)
        for block in range(blocks):
            stride = 2 if block == 0 and number > 0 else 1
            skip = convolution(x, 4 * filters, 1, stride) if block == 0 else x
            x = layers.ReLU()(convolution(x, filters, 1, stride))
            x = layers.ReLU()(convolution(x, filters, 3))
            x = layers.ReLU()(layers.Add()([convolution(x, 4 * filters, 1), skip]))
    x = layers.GlobalAveragePooling2D()(x)
    return Model(image, layers.Dense(round(1000 * width), activation="softmax")(x))


def measure(path: Path) -> dict[str, float]:
    """Measure one conversion; it must be the only one in its process."""
    import h5py  # noqa: F401 (imported before memory is measured)

    import microlut.codegen.tflite  # noqa: F401
    from microlut.conversion.pipeline import convert

    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    start = time.perf_counter()
    conversion = convert(path, None, method="fitted", input_range=INPUT_RANGE)
    seconds = time.perf_counter() - start
    grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
    weights = sum(op.weights.indices.size for _, op in conversion.quantized.weighted())
    return {
        "weights": weights,
        "seconds": seconds,
        "peak_bytes": grown * KIBIBYTE,
        "peak_over_model": grown * KIBIBYTE / (FLOAT_BYTES * weights),
    }


def run(*arguments: str) -> str:
    """Run this script in another process and return its last line."""
    environment = {**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3"}
    done = subprocess.run(
        [sys.executable, __file__, *arguments],
        capture_output=True,
        text=True,
        check=False,
        env=environment,
    )
    if done.returncode:
        raise SystemExit(done.stderr)
    return done.stdout.strip().splitlines()[-1] if done.stdout.strip() else ""


def markdown(rows: list[dict[str, float]]) -> str:
    """Return the rows as a Markdown table, with a line fitted to the times."""
    lines = [
        "| network | weights | seconds | peak memory | of the float weights |",
        "|---|---|---|---|---|",
    ]
    for row in rows:
        name = f"ResNet50 x {row['width']:g}" if row["width"] else "keras.applications.ResNet50"
        lines.append(
            f"| {name} | {row['weights'] / 1e6:.1f} M | {row['seconds']:.1f} "
            f"| {row['peak_bytes'] / 1e6:.0f} MB | {row['peak_over_model']:.2f} times |"
        )
    if len(rows) > 1:
        millions = np.array([row["weights"] / 1e6 for row in rows])
        seconds = np.array([row["seconds"] for row in rows])
        slope, start = np.polyfit(millions, seconds, 1)
        left = seconds - slope * millions - start
        lines += [
            "",
            f"{start:.1f} s plus {slope:.2f} s per million weights; the times differ from that "
            f"line by {np.abs(left).max():.1f} s at most.",
        ]
    return "\n".join(lines)


def main() -> None:
    """Build and measure in separate processes, and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--widths", type=float, nargs="*", default=WIDTHS)
    parser.add_argument("--build", nargs=2, metavar=("WIDTH", "FILE"), help=argparse.SUPPRESS)
    parser.add_argument("--measure", type=Path, metavar="FILE", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.build:
        build(float(arguments.build[0]), Path(arguments.build[1]))
        return
    if arguments.measure:
        print(json.dumps(measure(arguments.measure)))
        return
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        path = str(Path(folder) / "network.keras")
        for width in (*arguments.widths, 0.0):
            run("--build", str(width), path)
            rows.append({"width": width, **json.loads(run("--measure", path))})
            print(json.dumps(rows[-1]), flush=True)
    if arguments.widths == WIDTHS:
        RESULTS.mkdir(exist_ok=True)
        (RESULTS / "cost.json").write_text(json.dumps(rows, indent=1) + "\n", encoding="utf-8")
        replace_table(PAGE, "cost.py", markdown(rows))
    print("\n" + markdown(rows))


if __name__ == "__main__":
    main()
