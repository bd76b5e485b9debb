"""CONCATENATION of a .tflite file, whose inputs of uint8 may have scales of their own."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import numpy as np

from microlut.importers.tflite.file import FileTensor
from microlut.importers.tflite.moves import reshaped
from microlut.importers.tflite.tensors import quantization_of
from microlut.importers.tflite.use import PREVIOUS, Handler, Step, Use
from microlut.ops.arrays import frozen_array
from microlut.ops.concatenate import Concatenate
from microlut.ops.lookup import Lookup, stored_table
from microlut.ops.reshape import Reshape
from microlut.ops.table import INT8, SIZE


def _concatenation(use: Use) -> tuple[Step, ...]:
    if use.activation().value != "linear":
        raise use.operator.unsupported("fuses an activation", "make it an operator of its own")
    if len(use.inputs) == 1:
        return reshaped(use, use.tensor().shape)
    axis = int(use.option("Axis"))
    count, full = len(use.inputs), [use.tensor(i).shape for i in range(len(use.inputs))]
    if not -len(full[0]) <= axis < len(full[0]):
        raise use.operator.invalid(f"joins {list(full[0])} along axis {axis}")
    place = axis % len(full[0])
    total = sum(shape[place] for shape in full if len(shape) > place)
    made = (*full[0][:place], total, *full[0][place + 1 :])
    kinds = {quantization_of(tensor) for tensor in (*_sources(use), *use.outputs)}
    if use.outputs[0].dtype == "uint8" and len(kinds) > 1 and place >= use.offset():
        steps, read = _steps_before(use)
        return (*steps, Step(Concatenate(place - use.offset()), read, full=made))
    if all(use.offset(i) for i in range(count)) and place:
        return (Step(Concatenate(place - 1), tuple(range(count)), full=made),)
    if not any(use.offset(i) for i in range(count)):
        return (Step(Concatenate(place), tuple(range(count)), full=made),)
    steps = [Step(Reshape(full[i]), (i,), None, i, suffix=f"_whole{i}") for i in range(count)]
    return (*steps, Step(Concatenate(place), tuple(range(-count, 0)), full=made))


def _sources(use: Use) -> Iterator[FileTensor]:
    return (use.tensor(i).source for i in range(len(use.inputs)))


def _steps_before(use: Use) -> tuple[list[Step], tuple[int, ...]]:
    """Return the steps before a CONCATENATION of uint8 of several scales, and what it reads."""
    output = quantization_of(use.outputs[0])
    read, steps = list[int](), list[Step]()
    others = [i for i in range(len(use.inputs)) if quantization_of(use.tensor(i).source) != output]
    for i in range(len(use.inputs)):
        if i in others:
            steps.append(_rescaled(use.tensor(i).source, use.outputs[0], i))
        read.append(PREVIOUS - len(others) + 1 + others.index(i) if i in others else i)
    return steps, tuple(read)


def _rescaled(source: FileTensor, target: FileTensor, index: int) -> Step:
    """Return a change of scale, in single precision as the kernel of uint8 computes it."""
    known, wanted = quantization_of(source), quantization_of(target)
    assert known is not None
    assert wanted is not None
    scale = np.float32(known[1].scale) * (np.float32(1) / np.float32(wanted[1].scale))
    bias = np.float32(-int(source.zero_points[0])) * scale
    at = (np.arange(SIZE).astype(np.float32) * scale + bias).astype(np.float64)
    whole = np.copysign(np.floor(np.abs(at) + 0.5), at) + wanted[1].zero_point
    values = np.clip(whole, INT8.min, INT8.max).astype(np.int8)
    real = frozen_array((values.astype(np.float64) - wanted[1].zero_point) * wanted[1].scale)
    made = stored_table(values)
    op, suffix = Lookup(real, known[1]), f"_rescaled{index}"
    return Step(op, (index,), None, exact=lambda *_: made, suffix=suffix, kind=wanted)


JOINED: Mapping[str, Handler] = {"CONCATENATION": _concatenation}
