"""Inputs that are the shape of an output, which the file says as well."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from microlut.importers.tflite.file import TfliteFile

_NOTE = "input {!r} is left out: the file says the shape that it would tell"
_SHAPES = {"BROADCAST_TO": 1, "FILL": 0, "RESHAPE": 1, "TRANSPOSE_CONV": 0}  # their places


def with_declared_shapes(file: TfliteFile) -> tuple[TfliteFile, tuple[str, ...]]:
    """Return a file in which such inputs are constants, and what the user has to know."""
    main = file.main
    told: dict[int, set[tuple[int, ...]]] = {}
    for operator in main.operators:
        for i, number in enumerate(operator.inputs):
            if number in main.inputs:
                fits = _SHAPES.get(operator.kind) == i and bool(operator.outputs)
                shape = main.tensors[operator.outputs[0]].shape if fits else ()
                told.setdefault(number, set()).add(shape)
    found = {
        n: shapes.pop()
        for n, shapes in told.items()
        if main.tensors[n].dtype in ("int32", "int64") and len(shapes) == 1 and () not in shapes
    }
    if not found or len(found) == len(main.inputs):
        return file, ()
    tensors = list(main.tensors)
    for n, shape in found.items():
        tensors[n] = replace(tensors[n], constant=np.array(shape, tensors[n].dtype))
    inputs = tuple(n for n in main.inputs if n not in found)
    changed = replace(main, tensors=tuple(tensors), inputs=inputs)
    names = [file.input_names.get(n, main.tensors[n].name) for n in found]
    notes = tuple(_NOTE.format(name) for name in names)
    return replace(file, subgraphs=(changed, *file.subgraphs[1:])), notes
