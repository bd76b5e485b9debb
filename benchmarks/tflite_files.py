"""Convert a folder of .tflite files at 8 bits, and compare each with tflite-micro on the file.

    .venv/bin/python benchmarks/tflite_files.py FOLDER [--suite tflite_micro] [--write]
        [--only TEXT ...] [--seconds 300] [--jobs N] [--cluster tcp://HOST:PORT]

Every file is converted in a process of its own, which may have so many seconds of a processor,
without calibration inputs, and run on three random inputs; one that keeps variables is run on all
three in a row. Integers must be equal in every byte, real numbers are compared with the float
network. The files are others' and not part of the project: whoever runs this gives a folder of
them. Prints a line per file. --write saves a record per file to results/models/SUITE.json, and
writes the tables of the suite's page and of docs/reference/models.md. The suite tflite_micro is of
checkouts of tflite-micro and of MLPerf Tiny in one folder: their own models, and nothing of what
they build or generate.
"""

from __future__ import annotations

import argparse
import hashlib
import importlib
import sys
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import case_records
import numpy as np
import spread
from case_records import BAD, Record, cost_of, number, reason_of, reasons_of
from documents import MEASUREMENTS, replace_table
from limited_process import record_within
from numpy.typing import NDArray

import microlut
from microlut.conversion.conversion import Conversion
from microlut.errors import MicrolutError
from microlut.graph.batch import Batch
from microlut.graph.evaluate import outputs as float_outputs
from microlut.importers import import_model
from microlut.integer.evaluate import outputs as integer_outputs
from microlut.ops.tensor import Tensor

PAGES = {
    "tflite_files": MEASUREMENTS / "tflite-files.md",
    "tflite_micro": MEASUREMENTS / "tflite-micro.md",
}
SCRIPT = "tflite_files.py"
RUNS = 3
NEAR = 1e-5  # of the largest output
_ARENA_BYTES = 64 << 20
_RANGE = (-1.0, 1.0)  # of the inputs of real numbers
_SAID = 160

Array = NDArray[Any]


def judge(path: Path) -> Record:
    """Convert a file and compare it."""
    content = path.read_bytes()
    case = Record("converted", sha256=hashlib.sha256(content).hexdigest())
    try:
        integers = bool(import_model(path).exact)
        given = {} if integers else {"input_range": _RANGE}
        made = microlut.convert(path, bits=8, distill=False, **given)  # type: ignore[arg-type]
    except MicrolutError as error:
        return replace(case, status="refused", reason=reason_of(error))
    case = replace(case, integers=integers, **cost_of(made))  # type: ignore[arg-type]
    return compared(case, made, content)


def compared(case: Record, made: Conversion, content: bytes) -> Record:
    """Compare a conversion with tflite-micro on the file that it was made of."""
    tensors = made.quantized.inputs if case.integers else made.graph.inputs
    x = Batch({tensor.name: _drawn(tensor) for tensor in tensors})
    try:
        given = [_real(t, x.arrays[t.name]) for t in tensors]
        wanted = original(content, given, goes_on=bool(made.graph.states))
    except RuntimeError as error:
        return replace(case, reason=f"tflite-micro: {error}"[:_SAID])
    if case.integers:
        found = integer_outputs(made.quantized, x)
        ends = made.quantized.output_tensors()
        equal = all(
            _alike(made.graph.notes, _real(ends[name], found.arrays[name]), values)
            for name, values in zip(found.arrays, wanted, strict=False)
        )
        return replace(case, status="equal" if equal else "different")
    reals = float_outputs(made.graph, x)
    error = max(
        float(np.abs(values.reshape(-1) - other.reshape(-1)).max() / max(np.abs(other).max(), 1e-9))
        for values, other in zip(reals.arrays.values(), wanted, strict=False)
    )
    return replace(
        case, status="equal" if error < NEAR else "different", error=float(f"{error:.1g}")
    )


def _alike(notes: Sequence[str], found: Array, wanted: Array) -> bool:
    """Return whether an output is the file's, or is what it is made of, as a note says."""
    said = " ".join(notes)
    if found.size != wanted.size:
        place = np.argmin if "ARG_MIN" in said else np.argmax
        found = place(found, -1)
    elif "LOG_SOFTMAX" in said:
        below = found - found.max(-1, keepdims=True)
        shares = below - np.log(np.exp(below).sum(-1, keepdims=True))
        return bool(np.abs(shares.reshape(-1) - wanted.reshape(-1)).max() < NEAR * 100)
    elif "a softmax of int8" in said:
        return bool(np.abs(found.reshape(-1) - wanted.reshape(-1)).max() <= 1 / 256)
    return np.array_equal(found.reshape(-1), wanted.reshape(-1))


def _drawn(tensor: Tensor) -> Array:
    rng = np.random.default_rng(list(tensor.name.encode()))
    shape = (RUNS, *tensor.shape)
    if tensor.quantization is None:
        return rng.uniform(*_RANGE, shape).astype(np.float32)
    limits = np.iinfo(tensor.dtype)
    return rng.integers(limits.min, limits.max + 1, shape).astype(tensor.dtype)


def _real(tensor: Tensor, values: Array) -> Array:
    """Return the real values of a tensor: those of equal bytes are equal."""
    if tensor.quantization is None:
        return values
    return _scaled(values, tensor.scale, tensor.zero_point)


def _scaled(values: Array, scale: float, zero_point: int) -> Array:
    centered: Array = values.astype(np.float32) - np.float32(zero_point)
    return centered * np.float32(scale)


def original(content: bytes, inputs: Sequence[Array], *, goes_on: bool) -> list[Array]:
    """Return the real values of all outputs [runs, ...] of a file under tflite-micro.

    The variables of some files go on from run to run.

    Raises:
        RuntimeError: tflite-micro does not run the file.
    """
    runtime = importlib.import_module("tflite_micro.python.tflite_micro.runtime")
    schema = importlib.import_module("ai_edge_litert.schema_py_generated")
    model = schema.Model.GetRootAs(content, 0)
    main = model.Subgraphs(0)
    interpreter = runtime.Interpreter.from_bytes(content, arena_size=_ARENA_BYTES)
    made: list[list[Array]] = [[] for _ in range(main.OutputsLength())]
    for run in range(RUNS):
        if not goes_on:
            interpreter.reset()
        left = iter(inputs)
        for place in range(main.InputsLength()):
            known = interpreter.get_input_details(place)
            if known["dtype"] == np.int32:  # the shape of the output, which the network knows
                shape = interpreter.get_output_details(0)["shape"]
                interpreter.set_input(np.array(shape, np.int32), place)
            else:
                interpreter.set_input(_stored(known, next(left)[run]), place)
        interpreter.invoke()
        for place, outputs in enumerate(made):
            found = np.array(interpreter.get_output(place))
            scale = _scale(interpreter.get_output_details(place))
            outputs.append(found if scale is None else _scaled(found, *scale))
    return [np.array(outputs) for outputs in made]


def _stored(known: Mapping[str, Any], real: Array) -> Array:
    """Return real values as an input of tflite-micro has them."""
    scale = _scale(known)
    values = real if scale is None else np.round(real / scale[0]) + scale[1]
    return np.ascontiguousarray(values.reshape(known["shape"]).astype(known["dtype"]))


def _scale(known: Mapping[str, Any]) -> tuple[float, int] | None:
    """Return scale and zero point of a tensor of tflite-micro, if it has integers."""
    scales, points = (known["quantization_parameters"][k] for k in ("scales", "zero_points"))
    if np.dtype(known["dtype"]).kind == "f" or not len(scales):
        return None
    return float(scales[0]), int(points[0])


def in_process(path: Path, seconds: int) -> Record:
    """Return what becomes of a file in a process that may compute for so long."""
    return record_within(judge, path, seconds, silent=(2,))  # kernels write what they lack


def text(cases: Mapping[str, Record]) -> str:
    """Return the tables of the page."""
    counts = Counter(
        ("integers" if case.integers else "real numbers", case.status)
        for case in cases.values()
        if case.integers is not None
    )
    rest = Counter(case.status for case in cases.values() if case.integers is None)
    converted = sum(counts.values())
    lines = [
        f"{converted} of {len(cases)} files convert at 8 bits.",
        "",
        "| network of | equal or near | different | not run by tflite-micro |",
        "|---|---|---|---|",
    ]
    lines += [
        f"| {kind} | " + " | ".join(str(counts[kind, s]) for s in _STATUSES) + " |"
        for kind in ("integers", "real numbers")
    ]
    lines += ["", f"Others: {', '.join(f'{n} {s}' for s, n in sorted(rest.items())) or 'none'}."]
    lines += ["", reasons_of(cases.values())]
    lines += ["", "| file | status | flash | RAM | instructions |", "|---|---|---|---|---|"]
    lines += [
        f"| {name} | {c.status} | {number(c.flash_bytes)} | {number(c.arena_bytes)} | "
        f"{number(c.instructions)} |"
        for name, c in sorted(cases.items())
    ]
    return "\n".join(lines)


_STATUSES = ("equal", "different", "converted")


def save(suite: str, cases: Mapping[str, Record]) -> None:
    """Write the records, and the pages."""
    case_records.save(suite, cases)
    replace_table(PAGES[suite], SCRIPT, text(cases))
    case_records.write_page()


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the files of a folder; return 1 if one is different or failed."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("folder", type=Path)
    parser.add_argument("--suite", choices=list(PAGES), default="tflite_files")
    parser.add_argument("--only", nargs="*", default=[], help="parts of names")
    parser.add_argument("--seconds", type=int, default=300, help="of a processor per file")
    parser.add_argument("--write", action="store_true")
    spread.add_options(parser)
    options = parser.parse_args(arguments)
    cases = case_records.load(options.suite) if options.write and options.only else {}
    files = spread.named(options.folder.rglob("*.tflite"), options)
    judged = spread.each(partial(in_process, seconds=options.seconds), files.values(), options)
    for name, case in zip(files, judged, strict=True):
        cases[name] = case
        print(f"{name}: {case.status} {case.reason}", flush=True)
        if options.write:
            save(options.suite, cases)
    return int(any(case.status in BAD for case in cases.values()))


if __name__ == "__main__":
    sys.exit(main())
