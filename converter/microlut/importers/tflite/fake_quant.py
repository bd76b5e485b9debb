"""QUANTIZE and DEQUANTIZE in a network of real numbers: the ranges that training has recorded.

Converters write them for models trained with quantization if they are not asked to quantize.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from microlut.importers.tflite.file import FileOperator, FileTensor, Subgraph

_TYPES = ("int8", "uint8", "int16")


def with_ranges(main: Subgraph) -> Subgraph:
    """Return a network in which both are one FAKE_QUANT, unless integers are read between."""
    readers: dict[int, list[FileOperator]] = {}
    for operator in main.operators:
        for number in operator.inputs:
            readers.setdefault(number, []).append(operator)
    sources: dict[int, int] = {}  # of the integers between, the real numbers
    for operator in main.operators:
        if _only_rounds(operator, main, readers):
            sources[operator.outputs[0]] = operator.inputs[0]
    if not sources:
        return main
    operators = []
    for operator in main.operators:
        if operator.kind == "QUANTIZE" and operator.outputs[0] in sources:
            continue
        if operator.kind == "DEQUANTIZE" and operator.inputs[0] in sources:
            operator = _rounding(operator, main.tensors[operator.inputs[0]], sources)
        operators.append(operator)
    return replace(main, operators=tuple(operators))


def _only_rounds(
    operator: FileOperator, main: Subgraph, readers: dict[int, list[FileOperator]]
) -> bool:
    """Return whether what a QUANTIZE makes of real numbers becomes real numbers at once."""
    if operator.kind != "QUANTIZE" or _counts(operator) != (1, 1):
        return False
    source, made = main.tensors[operator.inputs[0]], main.tensors[operator.outputs[0]]
    if source.dtype != "float32" or source.constant is not None:
        return False
    known = made.dtype in _TYPES and made.scales.size == made.zero_points.size == 1
    if not known or not made.scales[0] > 0 or made.number in main.outputs:
        return False
    after = readers.get(made.number, [])
    return bool(after) and all(
        each.kind == "DEQUANTIZE" and _counts(each) == (1, 1) for each in after
    )


def _counts(operator: FileOperator) -> tuple[int, int]:
    return len(operator.inputs), len(operator.outputs)


def _rounding(
    operator: FileOperator, integers: FileTensor, sources: dict[int, int]
) -> FileOperator:
    limits = np.iinfo(integers.dtype)
    scale, point = float(integers.scales[0]), int(integers.zero_points[0])
    low, high = ((limit - point) * scale for limit in (limits.min, limits.max))
    options = {"Min": low, "Max": high, "NumBits": limits.bits}
    return replace(operator, kind="FAKE_QUANT", options=options, inputs=(sources[integers.number],))
