"""Files that a compiler has made for an accelerator: what is inside is code, no network."""

from __future__ import annotations

from collections.abc import Iterable

from microlut.errors import Obstacle
from microlut.importers.tflite.file import FileOperator

_COMPILED = {
    "edgetpu-custom-op": ("an Edge TPU", "its compiler"),
    "ethos-u": ("an Ethos-U", "Vela"),
}
_XMOS = "XC_"  # of which there are a dozen


def compiled(operators: Iterable[FileOperator]) -> Obstacle | None:
    """Return what to say about a file that has code for an accelerator."""
    for operator in operators:
        if not operator.is_custom:
            continue
        known = _COMPILED.get(operator.kind)
        if known is None and operator.kind.startswith(_XMOS):
            known = "an xcore", "its compiler"
        if known is not None:
            target, compiler = known
            found = f"is compiled for {target} (operator {operator.kind})"
            advice = f"give the .tflite file that {compiler} has read"
            return Obstacle("", "the file", found, advice)
    return None
