"""The result of a conversion, and the hash of its model file."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from microlut.support.shown import Record, Shown

if TYPE_CHECKING:  # so that reading a project loads no quantizer
    from microlut.codegen.render import Sources
    from microlut.conversion.report import ConvertReport
    from microlut.graph.ir import Graph
    from microlut.integer import QuantizedGraph
    from microlut.plan import Plan


@dataclass(frozen=True, slots=True, weakref_slot=True, eq=False, repr=False)
class Conversion(Shown):
    """Everything that a conversion makes, before it is written.

    Attributes:
        graph: The float network after the passes.
        quantized: The integer network.
        plan: Its memory layout.
        sources: model.h, model.c and weights.c as text.
        tflite: The same network as an int8 .tflite file; None if TensorFlow Lite lacks an operator.
        report: The contents of report.json.
    """

    graph: Graph
    quantized: QuantizedGraph
    plan: Plan
    sources: Sources
    tflite: bytes | None
    report: ConvertReport

    def records(self) -> list[Record]:
        """Return a record per layer, of what the report says about it."""
        return self.report.records()


def source_hash(model: Path | str | object) -> str:
    """Return the SHA-256 of a model file, or of a folder's files and names; "" in memory."""
    if not isinstance(model, Path | str):
        return ""
    path = Path(model)
    digest = hashlib.sha256()
    if path.is_file():
        digest.update(path.read_bytes())
    else:
        for file in sorted(p for p in path.rglob("*") if p.is_file()):
            digest.update(file.relative_to(path).as_posix().encode() + b"\0")
            digest.update(file.read_bytes())
    return digest.hexdigest()
