"""Convert a folder of .tflite files at 8 bits, and compare each with tflite-micro on the file.

    .venv/bin/python benchmarks/tflite_files.py FOLDER [--only TEXT ...] [--seconds 300] [--write]

Every file is converted in a process of its own, without calibration inputs, and run on three random
inputs; one that keeps variables is run on all three in a row. Integers must be equal in every byte,
real numbers are compared with the float network. The files are others' and not part of the
project: whoever runs this gives a folder of them. Prints a line per file. --write saves a record
per file to results/tflite_files.json and writes the tables of docs/measurements/tflite-files.md.
"""

from __future__ import annotations

import argparse
import hashlib
import importlib
import json
import multiprocessing
import os
import sys
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import numpy as np
from documents import MEASUREMENTS, ROOT, replace_table
from numpy.typing import NDArray

import microlut
from microlut.conversion.conversion import Conversion
from microlut.errors import MicrolutError
from microlut.graph.batch import Batch
from microlut.graph.evaluate import outputs as float_outputs
from microlut.importers import import_model
from microlut.integer.evaluate import outputs as integer_outputs
from microlut.ops.tensor import Tensor

PAGE = MEASUREMENTS / "tflite-files.md"
RESULTS = ROOT / "benchmarks" / "results" / "tflite_files.json"
SCRIPT = "tflite_files.py"
RUNS = 3
NEAR = 1e-5  # of the largest output
_ARENA_BYTES = 64 << 20
_RANGE = (-1.0, 1.0)  # of the inputs of real numbers
_SAID = 160

Array = NDArray[Any]


@dataclass(frozen=True)
class Case:
    """What became of a file.

    Attributes:
        sha256: Of the file.
        status: "equal" to tflite-micro, or near it; "different"; "converted", if tflite-micro does
            not run the file; "refused", "stopped" after the time that it had, or "failed".
        reason: The first obstacle, or what tflite-micro says.
        integers: Whether it is a network of integers.
        error: Largest difference of real numbers from tflite-micro's, as a share of the largest.
        flash_bytes: Of weights and other parameters.
        arena_bytes: Of RAM.
        instructions: Estimated ones per inference.
        c_sha256: Of the generated C.
    """

    sha256: str
    status: str
    reason: str = ""
    integers: bool | None = None
    error: float | None = None
    flash_bytes: int | None = None
    arena_bytes: int | None = None
    instructions: float | None = None
    c_sha256: str = ""


def judge(path: Path) -> Case:
    """Convert a file and compare it."""
    content = path.read_bytes()
    case = Case(hashlib.sha256(content).hexdigest(), "converted")
    try:
        integers = bool(import_model(path).exact)
        given = {} if integers else {"input_range": _RANGE}
        made = microlut.convert(path, bits=8, distill=False, **given)  # type: ignore[arg-type]
    except MicrolutError as error:
        first = next(iter(error.obstacles), None)
        said = str(error).partition(": ")[2] if first is None else first.found
        return replace(case, status="refused", reason=said[:_SAID])
    report, sources = made.report, made.sources
    case = replace(
        case,
        integers=integers,
        flash_bytes=report.weight_bytes + report.parameter_bytes,
        arena_bytes=report.arena_bytes,
        instructions=report.estimated_instructions,
        c_sha256=hashlib.sha256("".join(sources.values()).encode()).hexdigest(),
    )
    return compared(case, made, content)


def compared(case: Case, made: Conversion, content: bytes) -> Case:
    """Compare a conversion with tflite-micro on the file that it was made of."""
    tensors = made.quantized.inputs if case.integers else made.graph.inputs
    x = Batch({tensor.name: _drawn(tensor) for tensor in tensors})
    try:
        wanted = original(content, [_real(t, x.arrays[t.name]) for t in tensors])
    except RuntimeError as error:
        return replace(case, reason=f"tflite-micro: {error}"[:_SAID])
    if case.integers:
        found = integer_outputs(made.quantized, x)
        ends = made.quantized.output_tensors()
        equal = all(
            np.array_equal(_real(ends[name], found.arrays[name]).reshape(-1), values.reshape(-1))
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


def original(content: bytes, inputs: Sequence[Array]) -> list[Array]:
    """Return the real values of all outputs [runs, ...] of a file under tflite-micro.

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
        if model.SubgraphsLength() == 1:  # variables of other files go on
            interpreter.reset()
        for place, values in enumerate(inputs):
            known = interpreter.get_input_details(place)
            interpreter.set_input(_stored(known, values[run]), place)
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


def _send(path: Path, end: Connection) -> None:
    null = os.open(os.devnull, os.O_WRONLY)
    os.dup2(null, 2)  # kernels write what they lack
    end.send(judge(path))


def in_process(path: Path, seconds: float) -> Case:
    """Return what becomes of a file in a process that may take so long."""
    context = multiprocessing.get_context("fork")
    mine, other = context.Pipe(duplex=False)
    child = context.Process(target=_send, args=(path, other))
    child.start()
    other.close()
    status = "stopped"
    try:
        if mine.poll(seconds):
            return mine.recv()  # type: ignore[no-any-return]
    except EOFError:
        status = "failed"
    finally:
        child.kill()
        child.join()
    return Case(hashlib.sha256(path.read_bytes()).hexdigest(), status)


def text(cases: Mapping[str, Case]) -> str:
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
    reasons = Counter(case.reason for case in cases.values() if case.status == "refused")
    lines += ["", "| refused since it | files |", "|---|---|"]
    lines += [
        f"| {reason.replace('|', '/')} | {count} |" for reason, count in reasons.most_common()
    ]
    lines += ["", "| file | status | flash | RAM | instructions |", "|---|---|---|---|---|"]
    lines += [
        f"| {name} | {c.status} | {_number(c.flash_bytes)} | {_number(c.arena_bytes)} | "
        f"{_number(c.instructions)} |"
        for name, c in sorted(cases.items())
    ]
    return "\n".join(lines)


_STATUSES = ("equal", "different", "converted")


def _number(value: float | None) -> str:
    return "" if value is None else f"{value:,.0f}"


def saved() -> dict[str, Case]:
    """Return the records of earlier runs."""
    found = json.loads(RESULTS.read_text(encoding="utf-8")) if RESULTS.exists() else {}
    return {name: Case(**values) for name, values in found.items()}


def save(cases: Mapping[str, Case]) -> None:
    """Write the records, a line per file, and the page."""
    rows = (
        f"{json.dumps(name)}: {json.dumps(asdict(case), sort_keys=True)}"
        for name, case in sorted(cases.items())
    )
    RESULTS.write_text("{\n" + ",\n".join(rows) + "\n}\n", encoding="utf-8")
    replace_table(PAGE, SCRIPT, text(cases))


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the files of a folder; return 1 if one is different or failed."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("folder", type=Path)
    parser.add_argument("--only", nargs="*", default=[], help="parts of names")
    parser.add_argument("--seconds", type=float, default=300, help="per file")
    parser.add_argument("--write", action="store_true")
    options = parser.parse_args(arguments)
    cases = saved() if options.write and options.only else {}
    for path in sorted(options.folder.rglob("*.tflite")):
        name = path.relative_to(options.folder).as_posix()
        if options.only and not any(part in name for part in options.only):
            continue
        cases[name] = case = in_process(path, options.seconds)
        print(f"{name}: {case.status} {case.reason}", flush=True)
        if options.write:
            save(cases)
    return int(any(case.status in ("different", "failed") for case in cases.values()))


if __name__ == "__main__":
    sys.exit(main())
