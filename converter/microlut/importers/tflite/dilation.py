"""Dilated convolutions, which some converters write as plain ones of every n-th row and column.

SPACE_TO_BATCH_ND takes the rows and columns apart, and BATCH_TO_SPACE_ND puts the results together.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

import numpy as np

from microlut.importers.tflite.file import FileOperator, FileTensor, Subgraph

_CONVOLUTIONS = ("CONV_2D", "DEPTHWISE_CONV_2D")
_VALID = 1  # of the schema's Padding


def with_dilation(graph: Subgraph) -> Subgraph:
    """Return a subgraph with a dilated convolution for each such group of three operators."""
    readers = Counter(n for operator in graph.operators for n in operator.inputs)
    readers.update(graph.outputs)
    makers = {n: operator for operator in graph.operators for n in operator.outputs}
    replaced: dict[int, FileOperator] = {}
    dropped: set[int] = set()
    for last in graph.operators:
        if last.kind != "BATCH_TO_SPACE_ND":
            continue
        middle = makers.get(last.inputs[0]) if last.inputs else None
        first = makers.get(middle.inputs[0]) if middle is not None and middle.inputs else None
        if middle is None or first is None or middle.kind not in _CONVOLUTIONS:
            continue
        alone = readers[last.inputs[0]] == readers[middle.inputs[0]] == 1
        found = _joined(graph.tensors, first, middle, last) if alone else None
        if found is not None:
            replaced[id(last)] = found
            dropped |= {id(first), id(middle)}
    kept = (each for each in graph.operators if id(each) not in dropped)
    return replace(graph, operators=tuple(replaced.get(id(each), each) for each in kept))


def _joined(
    tensors: tuple[FileTensor, ...],
    first: FileOperator,
    middle: FileOperator,
    last: FileOperator,
) -> FileOperator | None:
    """Return the dilated convolution that three operators are, or None if they are none."""
    options = middle.options
    if first.kind != "SPACE_TO_BATCH_ND" or not len(first.inputs) == len(last.inputs) == 3:
        return None
    plain = [
        options.get(f"Dilation{side}Factor", 1) == options.get(f"Stride{side}") for side in "HW"
    ]
    if not all(plain) or options.get("StrideH") != 1 or options.get("Padding") != _VALID:
        return None
    same = _alike(tensors[first.inputs[0]], tensors[first.outputs[0]])
    same &= _alike(tensors[last.inputs[0]], tensors[last.outputs[0]])
    given = [tensors[n].constant for n in (*first.inputs[1:], *last.inputs[1:])]
    if not same or any(values is None or values.dtype.kind != "i" for values in given):
        return None
    block, padding, back, crops = (np.asarray(values, np.int64) for values in given)
    shapes = (block.shape, padding.shape, back.shape, crops.shape)
    if shapes != ((2,), (2, 2), (2,), (2, 2)) or not np.array_equal(block, back):
        return None
    rest = padding - crops
    if rest.min() < 0 or block.min() < 1:
        return None
    return replace(
        middle,
        options={
            **options,
            "DilationHFactor": int(block[0]),
            "DilationWFactor": int(block[1]),
            "ExplicitPadding": tuple(rest.reshape(-1).tolist()),
        },
        inputs=(first.inputs[0], *middle.inputs[1:]),
        outputs=last.outputs,
        name=last.name,
    )


def _alike(a: FileTensor, b: FileTensor) -> bool:
    """Return whether two tensors have one type and quantization."""
    scales = np.array_equal(a.scales, b.scales) and np.array_equal(a.zero_points, b.zero_points)
    return a.dtype == b.dtype and scales
