"""Groups of operators that stand for one, as in the files that microlut writes.

A function of int8 without an operator of its own is a CAST to int32, an ADD that makes a place of
it, and a GATHER from 256 results. Where int16 has no kernel, values are compared or moved as real
numbers between two CASTs: every int16 is one exactly.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np

from microlut.importers.tflite.file import FileOperator, FileTensor, Subgraph
from microlut.ops.table import INT8, SIZE

_AS_THEY_ARE = ("GATHER", "REDUCE_MAX", "REDUCE_MIN")


@dataclass(frozen=True, slots=True)
class _Known:
    tensors: tuple[FileTensor, ...]
    makers: Mapping[int, FileOperator]
    readers: Counter[int]

    def maker(self, number: int, kind: str) -> FileOperator | None:
        """Return the operator of a kind that makes a tensor, if it has one other reader alone."""
        made = self.makers.get(number)
        fits = made is not None and made.kind == kind and len(made.outputs) == 1
        return made if fits and self.readers[number] == 1 else None


def with_single_operators(graph: Subgraph) -> Subgraph:
    """Return a subgraph with one operator instead of each such group of three.

    A lookup is a GATHER whose places are the int8 tensor itself.
    """
    readers = Counter(n for operator in graph.operators for n in operator.inputs)
    readers.update(graph.outputs)
    makers = {n: operator for operator in graph.operators for n in operator.outputs}
    known = _Known(graph.tensors, makers, readers)
    replaced: dict[int, FileOperator] = {}
    dropped: set[int] = set()
    for last in graph.operators:
        found = _lookup(known, last) or _as_integers(known, last)
        if found is not None:
            replaced[id(last)], group = found
            dropped |= set(map(id, group))
    kept = (each for each in graph.operators if id(each) not in dropped)
    return replace(graph, operators=tuple(replaced.get(id(each), each) for each in kept))


_Found = tuple[FileOperator, tuple[FileOperator, ...]]


def _lookup(known: _Known, last: FileOperator) -> _Found | None:
    """Return the lookup that a GATHER ends, and the operators before it."""
    if last.kind != "GATHER" or len(last.inputs) != 2 or len(last.outputs) != 1:
        return None
    values, output = known.tensors[last.inputs[0]], known.tensors[last.outputs[0]]
    add = known.maker(last.inputs[1], "ADD")
    if add is None or len(add.inputs) != 2 or add.options.get("FusedActivationFunction"):
        return None
    cast, offset = known.maker(add.inputs[0], "CAST"), known.tensors[add.inputs[1]].constant
    if cast is None or len(cast.inputs) != 1 or offset is None or not _is(offset, -INT8.min):
        return None
    source = known.tensors[cast.inputs[0]]
    whole = known.tensors[cast.outputs[0]].dtype, known.tensors[add.outputs[0]].dtype
    table = values.constant is not None and values.constant.shape == (SIZE,)
    plain = not last.options.get("Axis") and not last.options.get("BatchDims")
    types = {values.dtype, source.dtype, output.dtype} == {"int8"}
    if not (table and plain and types and whole == ("int32", "int32")):
        return None
    return replace(last, inputs=(last.inputs[0], cast.inputs[0])), (cast, add)


def _is(values: np.ndarray[tuple[int, ...], np.dtype[np.int32]], number: int) -> bool:
    return values.size == 1 and int(values.reshape(-1)[0]) == number


def _as_integers(known: _Known, last: FileOperator) -> _Found | None:
    """Return an operator between int16 instead of one of real numbers between two CASTs."""
    if last.kind != "CAST" or len(last.inputs) != 1 or len(last.outputs) != 1:
        return None
    middle = known.makers.get(last.inputs[0])
    if middle is None or middle.kind not in _AS_THEY_ARE or not middle.inputs:
        return None
    first = known.maker(middle.inputs[0], "CAST")
    alone = known.maker(last.inputs[0], middle.kind) is not None
    if first is None or len(first.inputs) != 1 or not alone:
        return None
    source, output = known.tensors[first.inputs[0]], known.tensors[last.outputs[0]]
    real = known.tensors[first.outputs[0]].dtype, known.tensors[middle.outputs[0]].dtype
    alike = np.array_equal(source.scales, output.scales)
    if not alike or {source.dtype, output.dtype} != {"int16"} or set(real) != {"float32"}:
        return None
    inputs = (first.inputs[0], *middle.inputs[1:])
    return replace(middle, inputs=inputs, outputs=last.outputs, name=last.name), (first, middle)
