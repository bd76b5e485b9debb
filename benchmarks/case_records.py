"""Records of suites of others: one per case, in one line, and the page that sums them up.

    .venv/bin/python benchmarks/case_records.py

writes docs/reference/models.md of benchmarks/results/models/SUITE.json, which the scripts of the
suites write. Whatever changes the status, the size or the C of a case shows in review.
"""

# ruff: noqa: E501 - lines of the page
from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from documents import ROOT

from microlut.conversion.conversion import Conversion
from microlut.errors import MicrolutError
from microlut.version import VERSION

RESULTS = ROOT / "benchmarks" / "results" / "models"
PAGE = ROOT / "docs" / "reference" / "models.md"
STATUSES = ("equal", "different", "converted", "refused", "stopped", "failed")
BAD = ("different", "failed")
# By the name of a suite: the script, and what it is.
SUITES: Mapping[str, tuple[str, str]] = {
    "onnx_node": ("onnx_suite.py", "ONNX's tests of operators, as far as networks can need them"),
    "onnx_models": ("onnx_suite.py", "PyTorch-converted cases and light networks of ONNX"),
    "onnx_files": ("onnx_files.py", "`.onnx` files of public microcontroller projects"),
    "tflite_files": ("tflite_files.py", "`.tflite` files of public microcontroller projects"),
    "tflite_micro": ("tflite_files.py", "models of tflite-micro's repository and MLPerf Tiny"),
    "cmsis_nn": ("cmsis_nn_cases.py", "unit-test data of CMSIS-NN"),
}
_SAID = 160  # characters
_TEXT = """# Models of others

Written by `benchmarks/case_records.py` of `benchmarks/results/models`, which has a line per case: its status, the reason,
and of what converts the bytes of flash and RAM, the estimated instructions and a checksum of the generated C. The
files are others' and not part of the project: whoever runs a suite gives a folder of them.

- **equal**: the outputs are those of the file's own reference; of networks of integers all bytes are.
- **converted**: the reference does not run the case, so there is nothing to compare with.
- **refused**: with one line that says what is not supported.

| suite | cases | {statuses} |
|---|---|{rule}
{rows}
{reasons}"""


@dataclass(frozen=True)
class Record:
    """What became of a case.

    Attributes:
        status: One of `STATUSES`: "equal" to the reference; "different"; "converted", if the
            reference does not run it; "refused", "stopped" after the time that it had, or "failed".
        reason: The first obstacle, or what the reference says.
        sha256: Of the file.
        integers: Whether it is a network of integers.
        error: Largest difference of real numbers, as a share of the largest.
        flash_bytes: Of weights and other parameters.
        arena_bytes: Of RAM.
        instructions: Estimated ones per inference.
        c_sha256: Of the generated C.
        operators: Those of an ONNX model.
    """

    status: str
    reason: str = ""
    sha256: str = ""
    integers: bool | None = None
    error: float | None = None
    flash_bytes: int | None = None
    arena_bytes: int | None = None
    instructions: float | None = None
    c_sha256: str = ""
    operators: Sequence[str] = ()


def cost_of(made: Conversion) -> dict[str, object]:
    """Return what a conversion costs, as fields of a record."""
    report = made.report
    return {
        "flash_bytes": report.weight_bytes + report.parameter_bytes,
        "arena_bytes": report.arena_bytes,
        "instructions": report.estimated_instructions,
        "c_sha256": checksum(made.sources),
    }


def checksum(sources: Mapping[str, str]) -> str:
    """Return the SHA-256 of generated C, by the names of its files.

    It says that release 0.1.0 made it, so that a new version alone changes no record.
    """
    text = "".join(sources.values()).replace(f"microlut {VERSION}", "microlut 0.1.0")
    return hashlib.sha256(text.encode()).hexdigest()


def reason_of(error: MicrolutError) -> str:
    """Return what is said of a refused case, with the operator if one is the reason."""
    first = next(iter(error.obstacles), None)
    if first is None:
        return str(error).partition(": ")[2][:_SAID]
    _, found, kind = first.where.rpartition("(")
    kind = kind.rstrip(")") if found else first.where.split()[0]
    whole = kind in first.found or kind == "the"  # such as "the file"
    return (first.found if whole else f"{kind}: {first.found}")[:_SAID]


def load(suite: str, folder: Path | None = None) -> dict[str, Record]:
    """Return the records of a suite; none if it has not been run."""
    path = (folder or RESULTS) / f"{suite}.json"
    found = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
    return {name: Record(**values) for name, values in found.items()}


def save(suite: str, records: Mapping[str, Record], folder: Path | None = None) -> None:
    """Write the records of a suite, a line per case; fields that say nothing are left out."""
    rows = (
        f"{json.dumps(name)}: {json.dumps(_said(record), sort_keys=True)}"
        for name, record in sorted(records.items())
    )
    path = (folder or RESULTS) / f"{suite}.json"
    path.write_text("{\n" + ",\n".join(rows) + "\n}\n", encoding="utf-8")


def _said(record: Record) -> dict[str, object]:
    return {name: value for name, value in asdict(record).items() if value not in (None, "", ())}


def reasons_of(records: Iterable[Record], heading: str = "refused since it") -> str:
    """Return a table of the reasons of refusals, the most frequent ones first."""
    found = Counter(record.reason for record in records if record.status == "refused")
    if not found:
        return ""
    rows = [f"| {heading} | cases |", "|---|---|"]
    for reason, count in sorted(found.items(), key=lambda each: (-each[1], each[0])):
        rows.append(f"| {reason.replace('|', '/')} | {count} |")
    return "\n".join(rows)


def number(value: float | None) -> str:
    """Return a number as tables show it."""
    return "" if value is None else f"{value:,.0f}"


def page() -> str:
    """Return the text of the page of all suites."""
    rows, reasons = [], []
    for suite, (script, what) in SUITES.items():
        records = load(suite)
        if not records:
            continue
        counts = Counter(record.status for record in records.values())
        cells = [str(counts[status] or "") for status in STATUSES]
        rows.append(f"| {what} (`{script}`) | {len(records)} | {' | '.join(cells)} |")
        refused = reasons_of(records.values())
        if refused:
            reasons.append(f"\n## Refused of {what}\n\n{refused}\n")
    return _TEXT.format(
        statuses=" | ".join(STATUSES),
        rule="---|" * len(STATUSES),
        rows="\n".join(rows),
        reasons="".join(reasons),
    )


def write_page() -> None:
    """Write the page of all suites."""
    PAGE.write_text(page(), encoding="utf-8")


if __name__ == "__main__":
    write_page()
