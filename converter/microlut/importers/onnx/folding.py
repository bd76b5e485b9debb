"""Compute what does not depend on the network's inputs: constants, and shapes of tensors."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from math import prod
from typing import Any

import numpy as np

from microlut.importers.onnx.file import library
from microlut.importers.onnx.node import Operator
from microlut.importers.onnx.qonnx import quantized_constant
from microlut.importers.onnx.values import Constant, Live, Value

_MOST_VALUES = 1 << 28  # of a constant
_RANDOM = frozenset(
    {"Bernoulli", "Multinomial", "RandomNormal", "RandomNormalLike"}
    | {"RandomUniform", "RandomUniformLike"}
)
# What makes a tensor whose shape is the value of an input: the number of that input.
_SHAPES = {"ConstantOfShape": 0, "Expand": 1, "Reshape": 1}
_LONGEST = 120  # characters of an error


def shape_of(operator: Operator, value: Value | None) -> Constant | None:
    """Return the result of Shape or Size; None for other operators."""
    if operator.kind not in ("Shape", "Size") or value is None:
        return None
    shape = value.shape
    if operator.kind == "Size":
        return np.asarray(prod(shape), np.int64)
    start, end = operator.attributes.get("start", 0), operator.attributes.get("end", len(shape))
    return np.asarray(shape[start:end], np.int64)


def folded(operator: Operator, node: Any, values: Sequence[Value | None]) -> list[Constant] | None:  # noqa: ANN401
    """Return the outputs of an operator that reads constants only; None for all others.

    Args:
        operator: The operator.
        node: The same as onnx has it.
        values: What it reads.

    Raises:
        UnsupportedModel: It makes random numbers, or too many of others, or has control flow.
        InvalidInput: It cannot be computed.
    """
    if any(isinstance(value, Live) for value in values):
        return None
    if operator.kind in _RANDOM:
        raise operator.unsupported(
            "makes random numbers", "leave it out: firmware computes the same each time"
        )
    if any(each.HasField("g") or each.graphs for each in node.attribute):
        raise operator.unsupported(
            "has networks within, which are chosen or repeated",
            "firmware has no control flow: export the model with what is constant folded",
        )
    _check_size(operator, values)
    if operator.kind == "DequantizeLinear":
        return [_dequantized(operator, values)]
    rounded = quantized_constant(operator, values)
    if rounded is not None:
        return [rounded]
    onnx = library()
    ends = [
        [onnx.helper.make_empty_tensor_value_info(name) for name in dict.fromkeys(names) if name]
        for names in (operator.inputs, operator.outputs)
    ]
    versions = [onnx.helper.make_opsetid(operator.domain, operator.opset)]
    graph = onnx.helper.make_graph([node], "constants", *ends)
    model = onnx.helper.make_model(graph, opset_imports=versions)
    given = {name: v for name, v in zip(operator.inputs, values, strict=True) if name}
    try:
        with warnings.catch_warnings(), np.errstate(all="ignore"):
            warnings.simplefilter("ignore")
            made = iter(onnx.reference.ReferenceEvaluator(model).run(None, given))
            return [np.asarray(next(made) if name else 0) for name in operator.outputs]
    except onnx.reference.op_run.RuntimeImplementationError as error:
        raise operator.unsupported(
            f"reads constants only, which the package onnx does not compute in opset "
            f"{operator.opset}",
            "export the model with its constants folded, or in a newer opset",
        ) from error
    except Exception as error:
        text = " ".join(str(error).split())[:_LONGEST]
        raise operator.invalid(f"cannot be computed of its constants ({text})") from error


def _dequantized(operator: Operator, values: Sequence[Value | None]) -> Constant:
    """Return real values of integers, whose scales may be those of one axis, or of blocks of it."""
    numbers, scale = (np.asarray(value, np.float64) for value in values[:2])
    place = int(operator.attributes.get("axis", 1))
    if scale.size > 1 and not -numbers.ndim <= place < numbers.ndim:
        raise operator.invalid(f"axis {place} is none of {numbers.ndim} dimensions")
    zero = np.zeros(()) if len(values) < 3 or values[2] is None else np.asarray(values[2])
    parts = []
    for each in (scale, zero.astype(np.float64)):
        if each.ndim == 1 and each.size > 1 and numbers.ndim:
            wide = [1] * numbers.ndim
            wide[operator.attributes.get("axis", 1)] = -1
            each = each.reshape(wide)
        elif each.ndim == numbers.ndim and each.size > 1:
            block = operator.attributes.get("block_size", 0)
            axis = operator.attributes.get("axis", 1)
            each = np.repeat(each, max(block, 1), axis)
            each = each[tuple(slice(n) for n in numbers.shape)]
        elif each.size == 1:
            each = each.reshape(())
        parts.append(each)
    try:
        made: Constant = ((numbers - parts[1]) * parts[0]).astype(np.float32)
    except ValueError as error:
        raise operator.invalid(f"its scales do not fit {list(numbers.shape)}") from error
    return made


def _check_size(operator: Operator, values: Sequence[Value | None]) -> None:
    """Refuse what would make an enormous array, before it does."""
    place = _SHAPES.get(operator.kind)
    sizes = [prod(value.shape) for value in values if isinstance(value, np.ndarray)]
    if place is not None and place < len(values) and isinstance(values[place], np.ndarray):
        sizes.append(prod(abs(int(n)) for n in np.asarray(values[place]).ravel()))
    elif operator.kind in ("Tile", "Pad", "Resize", "Upsample", "Range"):
        counts = [abs(float(n)) for v in values[1:] if isinstance(v, np.ndarray) for n in v.flat]
        sizes.append(int(min(prod(max(n, 1.0) for n in counts), 2.0 * _MOST_VALUES)))
    if max(sizes, default=0) > _MOST_VALUES:
        raise operator.unsupported(
            "makes a constant of too many values", f"supported are {_MOST_VALUES:,}"
        )
