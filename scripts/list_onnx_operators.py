"""Write docs/reference/onnx-operators.md: the operators, and what ONNX's own tests gave.

The status of the tests is in benchmarks/results/models, which benchmarks/onnx_suite.py writes.
"""

# ruff: noqa: E501 - lines of the page
from __future__ import annotations

import sys
from collections import Counter
from pathlib import Path

from microlut.importers.onnx.file import LARGEST_OPSET, LEAST_OPSET
from microlut.importers.onnx.operators import LIMITS, SUPPORTED

ROOT = Path(__file__).parents[1]
PAGE = ROOT / "docs/reference/onnx-operators.md"
sys.path.insert(0, str(ROOT / "benchmarks"))
import case_records  # type: ignore[import-not-found] # noqa: E402
from cnn_operators import is_cnn  # type: ignore[import-not-found] # noqa: E402

_TEXT = """# ONNX operators

Written by `scripts/list_onnx_operators.py`.

Opsets {least} to {largest}. [PyTorch and ONNX](../guide/pytorch.md) says how models are exported and converted.
Weights, shapes, axes and the like are constants, or are computed of constants and of shapes; what computes them
may be any operator of ONNX. Other operators, and options beyond these, are refused with the operator's name and
the reason, all of a model at once.

| operator | limits |
|---|---|
{operators}

## ONNX's own tests

`.venv/bin/python benchmarks/onnx_suite.py --write` runs the tests of the package onnx of these operators and a
few related ones on real numbers, {count} of 1,884; tests of tensors without elements, of which no network is made, are left
out. {equal} give equal outputs, {refused} are refused, {different} differ.
Outputs that are integers may differ by one step. Of the {cnn} tests that need only what a convolutional network has
(convolutions, pools, dense layers, elementwise functions, activations, normalization, moves, reduction, resizing, softmax
and quantization, as `benchmarks/cnn_operators.py` lists them), {cnn_equal} give equal outputs.

{reasons}
"""


def page() -> str:
    """Return the text of the page."""
    found = case_records.load("onnx_node")
    counts = Counter(record.status for record in found.values())
    cnn = Counter(record.status for record in found.values() if is_cnn(record.operators))
    return _TEXT.format(
        least=LEAST_OPSET,
        largest=LARGEST_OPSET,
        operators="\n".join(f"| {name} | {LIMITS.get(name, '')} |" for name in SUPPORTED),
        count=counts.total(),
        equal=counts["equal"],
        cnn=cnn.total(),
        cnn_equal=cnn["equal"],
        refused=counts["refused"],
        different=counts["different"],
        reasons=case_records.reasons_of(found.values(), "why tests are refused"),
    )


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
