#!/usr/bin/env python3
"""Write docs/reference/operators.md: all operators, as `microlut.ops` has them.

.venv/bin/python scripts/list_operators.py
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from microlut.ops import FLOAT_OPERATORS, INTEGER_FORMS
from microlut.ops.activation import Fusing
from microlut.ops.base import FloatOp, OwnOp
from microlut.ops.tensor import FixedRange
from microlut.quantize.types import computes_int16

PAGE = Path(__file__).parents[1] / "docs" / "reference" / "operators.md"
HEAD = """# Operators

What networks are made of after import, with the Keras layers that become each. Options of layers
are in [layers.md](layers.md). `scripts/list_operators.py` writes this page from
`converter/microlut/ops`.

| operator | reads | output scale | applies ReLU | Keras layers | activation, functions | kernel |
|---|---|---|---|---|---|---|
"""


WIDE = """
These can have [activations of 16 bits](configuration.md#activations): {}.
"""


def page() -> str:
    """Return the text of the page."""
    rows = "".join(f"| {' | '.join(_cells(op))} |\n" for op in FLOAT_OPERATORS)
    wide = sorted({op.__name__ for op in FLOAT_OPERATORS if computes_int16(op)})
    return HEAD + rows + WIDE.format(", ".join(wide))


def _cells(op: type[FloatOp]) -> Iterator[str]:
    rule = op.scale_rule
    yield op.__name__
    yield "any number" if op.operands is None else str(op.operands)
    yield (f"fixed: {rule.low:g} to {rule.high:g}" if isinstance(rule, FixedRange) else rule)
    yield "yes" if issubclass(op, Fusing) else ""
    yield _codes(op.keras.layers)
    yield _codes([*filter(None, [op.keras.activation]), *op.keras.functions])
    own = issubclass(INTEGER_FORMS[op.becomes], OwnOp) if op.becomes else False
    kernel = f"`{op.becomes}`" if op.becomes else "none: passes fold it"
    yield f"{kernel}, not in TensorFlow Lite" if own else kernel


def _codes(names: list[str] | tuple[str, ...]) -> str:
    return ", ".join(f"`{name}`" for name in dict.fromkeys(names))


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
