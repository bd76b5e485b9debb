"""Read a folder of .onnx files, compare each with ONNX Runtime, and convert small ones at 8 bits.

    .venv/bin/python benchmarks/onnx_files.py FOLDER [--write] [--only TEXT ...] [--seconds 120]
        [--jobs N] [--cluster tcp://HOST:PORT]

Every file is judged in a process of its own, which may have so many seconds of a processor and 8
GiB of memory. The float network is compared on three random inputs with ONNX Runtime, or with the
reference evaluator of the package onnx where that does not run the file. The float network of a
file that holds integers has the real numbers they stand for, which no layer rounds: the error may
have a hundredth of the power of the output, or be a hundredth of the largest output where the file
without its quantizers is the judge, which random inputs drive out of range. The files are others'
and not part of the project: whoever runs this gives a folder of them. Prints a line per file, and
then the reasons of refusals with their counts. --write saves a record per file to
results/models/onnx_files.json, and writes docs/measurements/onnx-files.md and
docs/reference/models.md.
"""

from __future__ import annotations

import argparse
import hashlib
import importlib
import os
import sys
import time
import traceback
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import case_records
import numpy as np
import onnx_judge
import spread
from case_records import BAD, Record, cost_of, reason_of, reasons_of
from documents import MEASUREMENTS, replace_table
from limited_process import record_within
from numpy.typing import NDArray

import microlut
from microlut.errors import MicrolutError
from microlut.graph.ir import Graph
from microlut.importers import import_model

SUITE, SCRIPT = "onnx_files", "onnx_files.py"
PAGE = MEASUREMENTS / "onnx-files.md"
NEAR = 1e-5  # of the largest output
NEAR_REAL = 1e-2  # the same, of a file without its quantizers
ROUNDED = 0.1  # root mean square of the error, by that of the output
_SMALL = 1 << 20  # bytes of a file that is converted
_MEMORY = 8 << 30
_LONG = 10.0  # seconds of an import
_WHOLE = ("Quant", "QLinear", "QGemm", "Dynamic", "ConvInteger", "MatMulInteger", "Bipolar")

Array = NDArray[Any]


def judge(path: Path) -> Record:
    """Import a file, compare it, and convert it if it is small."""
    content = path.read_bytes()
    record = Record("converted", sha256=hashlib.sha256(content).hexdigest())
    began = time.process_time()
    try:
        graph = import_model(path)
    except MicrolutError as error:
        return replace(record, status="refused", reason=reason_of(error) or str(error)[:160])
    except Exception:  # noqa: BLE001 - what a user must never see
        return replace(record, status="failed", reason=traceback.format_exc()[-160:])
    finally:
        spent = time.process_time() - began
        if spent > _LONG:
            print(f"{path}: {spent:.0f} s", file=sys.stderr)
    record = compared(record, graph, path)
    if len(content) > _SMALL or record.status == "different":
        return record
    try:
        made = microlut.convert(path, bits=8, distill=False, input_range=(-1.0, 1.0))
    except MicrolutError as error:
        return replace(record, reason=record.reason or f"at 8 bits: {reason_of(error)}")
    return replace(record, **cost_of(made))  # type: ignore[arg-type]


def compared(record: Record, graph: Graph, path: Path) -> Record:
    """Compare a float network with what runs the file that it was made of."""
    onnx = importlib.import_module("onnx")
    model = onnx.load(path)
    whole = any(node.op_type.startswith(_WHOLE) for node in model.graph.node)
    record = replace(record, integers=whole)
    runs = onnx_judge.drawn(model)
    found = _judged(record, graph, model, runs, ROUNDED if whole else NEAR)
    if found.status == "different" and onnx_judge.unrounded(model):
        found = _judged(record, graph, model, runs, NEAR_REAL)
    return found


def _judged(
    record: Record,
    graph: Graph,
    model: Any,  # noqa: ANN401
    runs: Sequence[Mapping[str, Array]],
    near: float,
) -> Record:
    try:
        wanted = onnx_judge.original(model, runs)
    except Exception as error:  # noqa: BLE001 - whatever another's runtime raises
        return replace(record, reason=f"not run: {' '.join(str(error).split())[:120]}")
    pairs: dict[str, list[tuple[Array, Array]]] = {}
    for x, ends in zip(runs, wanted, strict=True):
        for name, made in onnx_judge.computed(graph, onnx_judge.given_to(model, x)).items():
            other = onnx_judge.real(model, name, ends[name].astype(np.float64).ravel())
            values = onnx_judge.places(model, name, made, other.size)
            if other.size != values.size:
                return replace(record, status="different", reason=f"output {name}: its size")
            pairs.setdefault(name, []).append((values.ravel(), other))
    whole = near == ROUNDED
    worst = max((onnx_judge.error_of(found, whole=whole) for found in pairs.values()), default=0.0)
    status = "equal" if worst < near else "different"
    return replace(record, status=status, error=float(f"{worst:.1g}"))


def in_process(path: Path, seconds: int) -> Record:
    """Return what becomes of a file in a process that may compute for so long."""
    for name in ("onnx", "onnx.reference", "onnxruntime"):  # once, for all processes
        importlib.import_module(name)
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    return record_within(judge, path, seconds, _MEMORY)


def text(cases: Mapping[str, Record]) -> str:
    """Return the tables of the page."""
    counts = Counter(case.status for case in cases.values())
    made = sum(case.flash_bytes is not None for case in cases.values())
    lines = [
        f"{len(cases) - counts['refused']} of {len(cases)} files are read, and {made} of these, "
        "which are small, convert at 8 bits.",
        "",
        "| equal or near | different | not run by another runtime | refused | others |",
        "|---|---|---|---|---|",
    ]
    known = ("equal", "different", "converted", "refused")
    rest = len(cases) - sum(counts[status] for status in known)
    lines += [f"| {' | '.join(str(counts[s]) for s in known)} | {rest} |", ""]
    lines += [reasons_of(cases.values())]
    repositories: dict[str, Counter[str]] = {}
    for name, case in cases.items():
        found = repositories.setdefault("/".join(name.split("/")[:2]), Counter())
        found["read" if case.status != "refused" else "refused"] += 1
    lines += ["", "| repository | read | refused |", "|---|---|---|"]
    lines += [f"| {n} | {c['read']} | {c['refused']} |" for n, c in sorted(repositories.items())]
    return "\n".join(lines)


def main(arguments: Sequence[str] | None = None) -> int:
    """Judge the files of a folder; return 1 if one is different or failed."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("folder", type=Path)
    parser.add_argument("--only", nargs="*", default=[], help="parts of names")
    parser.add_argument("--seconds", type=int, default=120, help="of a processor per file")
    parser.add_argument("--write", action="store_true")
    spread.add_options(parser)
    options = parser.parse_args(arguments)
    cases: dict[str, Record] = {}
    files = spread.named((p for p in options.folder.rglob("*.onnx") if p.is_file()), options)
    judged = spread.each(partial(in_process, seconds=options.seconds), files.values(), options)
    for name, case in zip(files, judged, strict=True):
        cases[name] = case
        print(f"{name}: {case.status} {case.reason} {case.error or ''}".rstrip(), flush=True)
    print(reasons_of(cases.values()))
    print(", ".join(f"{n} {s}" for s, n in Counter(c.status for c in cases.values()).items()))
    if options.write:
        case_records.save(SUITE, cases)
        replace_table(PAGE, SCRIPT, text(cases))
        case_records.write_page()
    return int(any(case.status in BAD for case in cases.values()))


if __name__ == "__main__":
    sys.exit(main())
