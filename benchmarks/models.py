"""Accuracy, memory and instructions of the reference models at every bit width, as a table.

    .venv/bin/python benchmarks/models.py [--data FOLDER] [--bits 8 6 4 3 2] [--board mps2-an386]

Accuracy is the integer network's on the whole test set (by the integer interpreter, which `microlut
verify` shows to be bit-exact with the firmware); flash and RAM are the whole image's, instructions
the mean of a few inferences under QEMU. Prints Markdown and writes benchmarks/results/models.json.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import tempfile
from pathlib import Path

import numpy as np

import microlut
from microlut.interpreter import int_ops
from microlut.quantized import quantize_array
from microlut.workflow import float_top1, top1

ROOT = Path(__file__).resolve().parent.parent
MODELS = (
    ("resnet8_cifar10.h5", "cifar10"),
    ("resnet8_cifar10jpeg.keras", "cifar10jpeg"),
    ("kws_dscnn_savedmodel", "kws01"),
)
RUN_SAMPLES = 5


def measure(
    data: Path, names: tuple[str, str], bits: int, granularity: str, board: microlut.Board
) -> dict[str, object]:
    """Return one row of the table."""
    model, samples_name = names
    conversion = microlut.convert(
        data / model,
        data / f"{samples_name}_calibration.npz",
        bits=bits,
        granularity=granularity,
    )
    shape = conversion.graph.input_shape
    samples = microlut.load_samples(data / f"{samples_name}_test.npz", shape)
    inputs = quantize_array(samples.x, conversion.quantized.input_quantization)
    accuracy = top1(int_ops.evaluate(conversion.quantized, inputs), samples.y)
    few = microlut.load_samples(data / f"{samples_name}_test.npz", shape, RUN_SAMPLES)
    with tempfile.TemporaryDirectory() as folder:
        outcome = microlut.deploy(conversion, board, Path(folder) / "out", few)
    assert outcome.run is not None
    assert outcome.run.bit_exact
    return {
        "model": model,
        "bits": bits,
        "granularity": granularity,
        "samples": len(samples),
        "float_top1": float_top1(conversion.graph, samples),
        "top1": accuracy,
        "weight_bytes": conversion.report.weight_bytes,
        "parameter_bytes": conversion.report.parameter_bytes,
        "arena_bytes": conversion.report.arena_bytes,
        "flash_bytes": outcome.image.flash_bytes,
        "ram_bytes": outcome.image.ram_bytes,
        "instructions": outcome.run.instructions and outcome.run.instructions[0],
    }


def standard_error(percent: float, samples: int) -> float:
    """Return the standard error of an accuracy, in points."""
    share = percent / 100
    return 100 * math.sqrt(share * (1 - share) / samples)


def markdown(rows: list[dict[str, object]]) -> str:
    """Return the rows as a Markdown table."""
    lines = [
        "| model | bits | top-1 (float) | weights | flash | RAM | arena | instructions |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for row in rows:
        error = standard_error(row["top1"], row["samples"])
        lines.append(
            f"| {row['model']} | {row['bits']} {row['granularity']} "
            f"| {row['top1']:.2f} ± {error:.1f} ({row['float_top1']:.2f}) "
            f"| {row['weight_bytes']:,} | {row['flash_bytes']:,} | {row['ram_bytes']:,} "
            f"| {row['arena_bytes']:,} | {row['instructions']:,} |"
        )
    return "\n".join(lines)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    default = os.environ.get("MICROLUT_DATA", ROOT.parent / "shared" / "data")
    parser.add_argument("--data", type=Path, default=Path(default))
    parser.add_argument("--bits", type=int, nargs="+", default=[8, 6, 4, 3, 2])
    parser.add_argument("--granularity", nargs="+", default=["channel", "tensor"])
    parser.add_argument("--board", default="mps2-an386")
    arguments = parser.parse_args()
    board = microlut.load_board(arguments.board)
    rows = []
    for names in MODELS:
        for bits in arguments.bits:
            # 8 bits are always per channel
            for granularity in arguments.granularity[: 1 if bits == 8 else None]:
                rows.append(measure(arguments.data, names, bits, granularity, board))
                print(json.dumps(rows[-1]), flush=True)
    results = ROOT / "benchmarks" / "results"
    results.mkdir(exist_ok=True)
    (results / "models.json").write_text(json.dumps(rows, indent=1) + "\n", encoding="utf-8")
    print("\n" + markdown(rows))


if __name__ == "__main__":
    np.seterr(all="raise", under="ignore")
    main()
