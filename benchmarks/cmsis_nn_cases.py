"""Compare microlut's integers with the unit-test data of CMSIS-NN, byte for byte.

    .venv/bin/python benchmarks/cmsis_nn_cases.py CHECKOUT [--only TEXT ...] [--write]

CHECKOUT is one of ARM-software/CMSIS-NN, which is no part of this project: the headers of each case
have its numbers, multipliers, inputs and outputs. Of each becomes a network of one operator with
these multipliers. The integer interpreter and the C engine, compiled for this computer, compute its
outputs. --write saves a record per case to results/models/cmsis_nn.json and writes the tables of
docs/measurements/cmsis-nn.md and docs/reference/models.md. Cases of real numbers are left out.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import case_records
import cmsis_nn_data as data
import numpy as np
from case_records import BAD, Record
from cmsis_nn_graphs import network_of
from cmsis_nn_parts import Unlike
from documents import MEASUREMENTS, ROOT, replace_table

from microlut.codegen.render import render
from microlut.errors import MicrolutError
from microlut.integer import QuantizedGraph, from_bytes, to_bytes
from microlut.integer.evaluate import outputs
from microlut.plan import Plan, make_plan

sys.path[:0] = [str(ROOT / "tests"), str(ROOT / "tests" / "firmware")]
from engine_batch import run_batch  # type: ignore[import-not-found] # noqa: E402

SUITE, SCRIPT = "cmsis_nn", "cmsis_nn_cases.py"
PAGE = MEASUREMENTS / "cmsis-nn.md"
_DATA = Path("Tests/UnitTest/TestCases/TestData")
_TOGETHER = 60  # cases of one compiled program


def judge(case: data.Case) -> tuple[Record, tuple[Plan, np.ndarray] | None]:
    """Return what the interpreter makes of a case, and what to run in C."""
    try:
        graph, x, wanted = network_of(case)
        plan = make_plan(graph)
    except Unlike as error:
        return Record("refused", str(error)), None
    except MicrolutError as error:
        return Record("refused", case_records.reason_of(error)), None
    found = outputs(graph, x)
    y = np.concatenate([each.reshape(len(x), -1) for each in found.arrays.values()], axis=1)
    record = Record(
        _compared(y, wanted),
        _difference(y, wanted),
        integers=True,
        arena_bytes=plan.arena_bytes,
        c_sha256=case_records.checksum(render(plan)),
    )
    return record, (plan, to_bytes(x))


def _compared(found: np.ndarray, wanted: np.ndarray) -> str:
    return "equal" if np.array_equal(found.ravel(), wanted.ravel()) else "different"


def _difference(found: np.ndarray, wanted: np.ndarray) -> str:
    if found.size != wanted.size:
        return f"makes {found.size} values, expected {wanted.size}"
    steps = np.abs(found.ravel().astype(np.int64) - wanted.ravel())
    if not steps.any():
        return ""
    return f"{np.count_nonzero(steps)} of {steps.size} values differ, by {steps.max()} at most"


def in_c(
    records: Mapping[str, Record], runs: Mapping[str, tuple[Plan, np.ndarray]]
) -> dict[str, Record]:
    """Return the records, in which C that differs from the interpreter failed.

    The cases of a program have the same number of inputs, some of them several times.
    """
    made, names = dict(records), list(runs)
    count = max((len(x) for _, x in runs.values()), default=0)
    for i in range(0, len(names), _TOGETHER):
        part = names[i : i + _TOGETHER]
        plans = [_named(runs[name][0], f"case{j}") for j, name in enumerate(part)]
        inputs = [x[np.arange(count) % len(x)] for _, x in (runs[name] for name in part)]
        with tempfile.TemporaryDirectory() as folder:
            found = run_batch(plans, inputs, Path(folder))
        for name, plan, x, y in zip(part, plans, inputs, found, strict=True):
            if not np.array_equal(y, _interpreted(plan.graph, x)):
                made[name] = replace(made[name], status="failed", reason="C differs")
        print(f"{i + len(part)} of {len(names)} cases run in C", flush=True)
    return made


def _named(plan: Plan, name: str) -> Plan:
    """Return the plan under another name: identifiers of C cut off long ones."""
    return replace(plan, graph=replace(plan.graph, name=name))


def _interpreted(graph: QuantizedGraph, x: np.ndarray) -> np.ndarray:
    given = from_bytes({tensor.name: tensor for tensor in graph.inputs}, x)
    return to_bytes(outputs(graph, given))


def text(records: Mapping[str, Record]) -> str:
    """Return the tables of the page."""
    kinds = {name: data.family(name) for name in records}
    counts = Counter((kinds[name], record.status) for name, record in records.items())
    statuses = [s for s in case_records.STATUSES if any(s == other for _, other in counts)]
    lines = [f"| cases | {' | '.join(statuses)} |", "|---|" + "---|" * len(statuses)]
    lines += [
        f"| {kind} | {' | '.join(str(counts[kind, s] or '') for s in statuses)} |"
        for kind in sorted(set(kinds.values()))
    ]
    lines += ["", case_records.reasons_of(records.values(), "not compared since"), ""]
    lines += ["| different | what differs |", "|---|---|"]
    lines += [f"| {n} | {r.reason} |" for n, r in sorted(records.items()) if r.status in BAD]
    return "\n".join(lines)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the cases of a checkout; return 1 if C differs from the interpreter."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("checkout", type=Path)
    parser.add_argument("--only", nargs="*", default=[], help="parts of names")
    parser.add_argument("--write", action="store_true")
    options = parser.parse_args(arguments)
    records: dict[str, Record] = {}
    runs: dict[str, tuple[Plan, np.ndarray]] = {}
    for folder in sorted((options.checkout / _DATA).iterdir()):
        if options.only and not any(part in folder.name for part in options.only):
            continue
        case = data.read(folder)
        if case is None:
            continue
        records[case.name], run = judge(case)
        if run is not None:
            runs[case.name] = run
    records = in_c(records, runs)
    for name, record in records.items():
        print(f"{name}: {record.status} {record.reason}")
    print(dict(Counter(record.status for record in records.values())))
    if options.write:
        case_records.save(SUITE, records)
        replace_table(PAGE, SCRIPT, text(records))
        case_records.write_page()
    return int(any(record.status == "failed" for record in records.values()))


if __name__ == "__main__":
    sys.exit(main())
