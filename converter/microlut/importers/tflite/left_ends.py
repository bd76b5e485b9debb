"""What ends a classifier behind its scores: the program that calls the network does that."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

import numpy as np

from microlut.importers.tflite.file import FileOperator, FileTensor, TfliteFile
from microlut.importers.translation import logarithms_note, places_note

_PLACES = ("ARG_MAX", "ARG_MIN")
_LOGARITHMS = "LOG_SOFTMAX"
# What gives places in another type or shape.
_SAME = ("CAST", "EXPAND_DIMS", "RESHAPE", "SQUEEZE")
_REAL = "DEQUANTIZE"
_WIDENING = ("DEQUANTIZE", "QUANTIZE")
_NARROWED = "output {!r} has int8 of scale 1 / 256 instead of {}: it is a softmax of int8"
_INTEGERS = ("int8", "uint8", "int16")


def without_places(file: TfliteFile) -> tuple[TfliteFile, tuple[str, ...]]:
    """Return a file that ends with scores, and what the user has to know.

    Left out are places of extreme values, and logarithms of a softmax of integers.
    """
    main = file.main
    makers = {n: operator for operator in main.operators for n in operator.outputs}
    readers = Counter(n for operator in main.operators for n in operator.inputs)
    names, outputs = dict(file.output_names), list[int]()
    notes, dropped = list[str](), set[int]()
    for number in main.outputs:
        group = _group(number, makers, readers, main.tensors, main.outputs)
        if not group:
            outputs.append(number)
            continue
        name = names.get(number, main.tensors[number].name)
        dropped |= set(map(id, group))
        (scores, *_), kind = group[-1].inputs, group[-1].kind
        known = scores in main.outputs or scores in outputs
        other = names.get(scores, main.tensors[scores].name) if known else None
        note = logarithms_note if kind == _LOGARITHMS else places_note
        notes.append(note(name, kind, other))
        if not known:
            names[scores] = name
            outputs.append(scores)
    if not dropped:
        return file, ()
    kept = tuple(each for each in main.operators if id(each) not in dropped)
    changed = replace(main, operators=kept, outputs=tuple(outputs))
    return replace(file, subgraphs=(changed, *file.subgraphs[1:]), output_names=names), tuple(notes)


def with_narrow_shares(file: TfliteFile) -> tuple[TfliteFile, tuple[str, ...]]:
    """Return a file whose last softmax goes from int8 to int8, and what the user has to know.

    One to int16 has no kernel here. What it is widened to afterwards is left out.
    """
    main = file.main
    makers = {n: operator for operator in main.operators for n in operator.outputs}
    readers = Counter(n for operator in main.operators for n in operator.inputs)
    names, outputs, tensors = dict(file.output_names), list[int](), list(main.tensors)
    notes, dropped = list[str](), set[int]()
    for number in main.outputs:
        last, maker = None, makers.get(number)
        if maker is not None and maker.kind in _WIDENING and len(maker.inputs) == 1:
            last, maker = maker, makers.get(maker.inputs[0])
        shares = number if last is None else last.inputs[0]
        alone = readers[shares] == (last is not None) and not (last and readers[number])
        if not alone or not _is_wide_softmax(maker, main.tensors):
            outputs.append(number)
            continue
        name = names.get(number, tensors[number].name)
        notes.append(_NARROWED.format(name, tensors[number].dtype))
        tensors[shares] = replace(
            tensors[shares],
            dtype="int8",
            scales=np.array([1 / 256], np.float32),
            zero_points=np.array([-128]),
        )
        names[shares] = name
        outputs.append(shares)
        dropped |= {id(last)} if last is not None else set()
    if not notes:
        return file, ()
    kept = tuple(each for each in main.operators if id(each) not in dropped)
    changed = replace(main, tensors=tuple(tensors), operators=kept, outputs=tuple(outputs))
    return replace(file, subgraphs=(changed, *file.subgraphs[1:]), output_names=names), tuple(notes)


def _is_wide_softmax(maker: FileOperator | None, tensors: tuple[FileTensor, ...]) -> bool:
    if maker is None or maker.kind != "SOFTMAX" or not maker.inputs or maker.inputs[0] < 0:
        return False
    return (tensors[maker.inputs[0]].dtype, tensors[maker.outputs[0]].dtype) == ("int8", "int16")


def _group(
    number: int,
    makers: dict[int, FileOperator],
    readers: Counter[int],
    tensors: tuple[FileTensor, ...],
    outputs: tuple[int, ...],
) -> list[FileOperator]:
    """Return the operators that make an output of scores, from the last one; none if none do."""
    found = list[FileOperator]()
    while (maker := makers.get(number)) is not None:
        if readers[number] != len(found[:1]) or (found and number in outputs):
            return []  # something else reads it
        if not maker.inputs or maker.inputs[0] < 0:
            return []
        found.append(maker)
        number = maker.inputs[0]
        if maker.kind in _PLACES:
            return found
        if maker.kind == _LOGARITHMS and all(each.kind == _REAL for each in found[:-1]):
            before = makers.get(number)
            kinds = [tensors[number].dtype]
            if before is not None and before.kind == _REAL:
                kinds.append(tensors[before.inputs[0]].dtype)
            return found if set(kinds).intersection(_INTEGERS) else []
        if maker.kind not in _SAME and not (maker.kind == _REAL and len(found) == 1):
            return []
    return []
