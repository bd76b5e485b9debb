"""Measure back ends on emulated cores: instructions, code and memory.

    .venv/bin/python benchmarks/back_ends.py [--boards mps2-an386 ...] [--write]

Each back end is the `run` of a model in the console application, on random answers, boxes and
reconstructions; its outputs have to be those of its NumPy form. Instructions are the mean of
several runs, exact. `--write` replaces the table of docs/reference/front-ends.md.
"""

from __future__ import annotations

import argparse
from functools import partial

import numpy as np
from documents import ROOT, replace_table
from numpy.typing import NDArray
from pieces import BOARDS, Piece, table

from microlut.ops.tensor import Quantization, dequantize_array, quantize_array
from microlut.signal.answers import Distance, Smooth, suppress

PAGE = ROOT / "docs" / "reference" / "front-ends.md"
SCRIPT = "back_ends.py"
_RUNS = 5
_INCLUDES = "#include <microlut/answers.h>\n#include <string.h>"
_OVERLAP = 115  # of 256: 0.45
_BOX = np.dtype([("edges", "<i2", 4), ("score", "<i2"), ("class_number", "<u2")])
_INPUT = Quantization(float(np.float32(0.05)), -3)
_OUTPUT = Quantization(float(np.float32(0.04)), 7)


def smoothing(classes: int, count: int) -> Piece:
    """Return the mean scores of the last answers."""
    given = _random().integers(-128, 128, (_RUNS, classes)).astype(np.int8)
    smooth = Smooth(count)
    return Piece(
        name=f"mean scores of the last {count} answers, {classes} classes",
        includes=_INCLUDES,
        state=(
            f"static int8_t smooth_answers[{count * classes}];\n"
            f"static int32_t smooth_sums[{classes}];\n"
            "static mlut_smooth_t smooth = "
            f"{{smooth_answers, smooth_sums, {classes}, {count}, 0, 0}};"
        ),
        call="mlut_smooth(&smooth, input, output);",
        files={},
        given=given,
        wanted=np.stack([smooth(answer) for answer in given]),
        code="mlut_smooth",
        ram="smooth",
    )


def suppression(count: int) -> Piece:
    """Return the suppression of boxes of ten objects and three classes."""
    random = _random()
    boxes = np.zeros((_RUNS, count), _BOX)
    places, sizes = random.integers(0, 80, (10, 2)), random.integers(10, 20, (10, 2))
    for run in boxes:
        which = random.integers(0, len(places), count)
        corner = places[which] + random.integers(-3, 4, (count, 2))
        run["edges"] = np.hstack([corner, corner + sizes[which]])
        run["score"] = random.integers(-128, 128, count)
        run["class_number"] = which % 3
    wanted = np.zeros_like(boxes)
    for made, run in zip(wanted, boxes, strict=True):
        kept = suppress(run["edges"], run["score"], run["class_number"], _OVERLAP)
        made[: len(kept)] = run[kept]
    return Piece(
        name=f"non-maximum suppression of {count} boxes of 10 objects",
        includes=_INCLUDES,
        state=f"static mlut_box_t boxes[{count}];",
        call=(
            "memcpy(boxes, input, sizeof boxes);\n"
            f"    const size_t kept = mlut_suppress(boxes, {count}, {_OVERLAP}, false);\n"
            "    memset(output, 0, sizeof output);\n"
            "    memcpy(output, boxes, kept * sizeof boxes[0]);"
        ),
        files={},
        given=_bytes(boxes),
        wanted=_bytes(wanted),
        code="mlut_suppress|is_before|overlaps|sort",
        ram="boxes$",
    )


def reconstruction(count: int) -> Piece:
    """Return the distance of a reconstruction from its input."""
    given = _random().integers(-128, 128, (_RUNS, 2 * count)).astype(np.int8)
    measure = Distance(_INPUT, _OUTPUT)
    sums = [measure(x[:count], x[count:]) for x in given]
    scales = (_scale(each) for each in (_INPUT, _OUTPUT))
    return Piece(
        name=f"distance of {count} values",
        includes=_INCLUDES,
        state="",
        call=(
            f"const mlut_distance_t measure = mlut_distance_of({', '.join(scales)});\n"
            f"    const uint64_t sum = mlut_distance(&measure, input, input + {count}, {count});\n"
            "    memcpy(output, &sum, sizeof sum);"
        ),
        files={},
        given=given,
        wanted=_bytes(np.array(sums, "<u8")[:, None]),
        code="mlut_distance",
    )


def quantization(count: int) -> Piece:
    """Return the quantization of real values, as net_quantize() does it."""
    real = np.float32(_random().normal(0, 5, (_RUNS, count)))
    return Piece(
        name=f"net_quantize() of {count} real values",
        includes=_INCLUDES,
        state=(
            f"static __attribute__((noipa)) void net_quantize_all(const float *x)\n{{\n"
            f"    for (size_t i = 0; i < {count}u; i++) {{\n"
            f"        output[i] = (int8_t)mlut_quantize(x[i], {_scale(_INPUT)}, -128, 127);\n"
            "    }\n}"
        ),
        call="net_quantize_all((const float *)(const void *)input);",
        files={},
        given=_bytes(real),
        wanted=quantize_array(real, _INPUT),
        code="net_quantize_all",
    )


def dequantization(count: int) -> Piece:
    """Return the real values of outputs, as net_dequantize() gives them."""
    given = _random().integers(-128, 128, (_RUNS, count)).astype(np.int8)
    return Piece(
        name=f"net_dequantize() of {count} values",
        includes=_INCLUDES,
        state=(
            "static __attribute__((noipa)) void net_dequantize_all(float *x)\n{\n"
            f"    for (size_t i = 0; i < {count}u; i++) {{\n"
            f"        x[i] = {float(_OUTPUT.scale)!r}f * "
            f"(float)(input[i] - {_OUTPUT.zero_point});\n"
            "    }\n}"
        ),
        call="net_dequantize_all((float *)(void *)output);",
        files={},
        given=given,
        wanted=_bytes(dequantize_array(given, _OUTPUT)),
        code="net_dequantize_all",
    )


def top_class(classes: int) -> Piece:
    """Return the class of an answer, as net_top_class() and net_threshold() tell it."""
    given = _random().integers(-128, 128, (_RUNS, classes)).astype(np.int8)
    least = int(np.ceil(0.8 / _OUTPUT.scale)) + _OUTPUT.zero_point
    wanted = np.stack([given.argmax(axis=1), given.max(axis=1) >= least], axis=1)
    return Piece(
        name=f"net_top_class() of {classes} classes, and net_threshold(0.8)",
        includes=_INCLUDES,
        state=(
            "static __attribute__((noipa)) void net_answer(void)\n{\n"
            f"    const size_t found = mlut_largest_int8(input, {classes}u);\n"
            "    output[0] = (int8_t)found;\n"
            f"    output[1] = input[found] >= "
            f"mlut_threshold(0.8f, {_scale(_OUTPUT)}, -128, 127);\n}}"
        ),
        call="net_answer();",
        files={},
        given=given,
        wanted=wanted.astype(np.int8),
        code="net_answer",
    )


def _scale(of: Quantization) -> str:
    return f"{float(of.scale)!r}f, {of.zero_point}"


def _random() -> np.random.Generator:
    return np.random.default_rng(2026)


def _bytes(values: NDArray[np.generic]) -> NDArray[np.int8]:
    return np.ascontiguousarray(values).view(np.int8).reshape(_RUNS, -1)


PIECES = (
    partial(quantization, 64),
    partial(dequantization, 12),
    partial(top_class, 12),
    partial(smoothing, 12, 10),
    partial(suppression, 20),
    partial(suppression, 100),
    partial(reconstruction, 640),
)


def main() -> None:
    """Print the table, or write it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--boards", nargs="+", default=BOARDS)
    parser.add_argument("--write", action="store_true")
    given = parser.parse_args()
    made = table("back end", PIECES, given.boards)
    if given.write:
        replace_table(PAGE, SCRIPT, made)


if __name__ == "__main__":
    main()
