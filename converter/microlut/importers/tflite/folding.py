"""Compute what does not depend on the network's inputs: shapes, and constants of constants."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from math import prod
from typing import Any

import numpy as np
from numpy.typing import NDArray

from microlut.importers.tflite.file import FileOperator, FileTensor
from microlut.importers.tflite.use import Value, dequantized

Array = NDArray[Any]
_Fold = Callable[[FileOperator, Sequence[Array], FileTensor], Array]
_LARGEST = 1 << 24  # values of a constant that is computed
_REAL = ("float16", "float32")


def folded(
    operator: FileOperator, inputs: Sequence[Value | None], output: FileTensor
) -> Array | None:
    """Return the constant that an operator makes, or None if it depends on the network's inputs.

    Raises:
        InvalidInput: The constants do not suit the operator.
    """
    if operator.kind == "SHAPE" and inputs and inputs[0] is not None:
        return np.array(inputs[0].shape, np.int32)
    given = [value for value in inputs if value is not None]
    if not given or len(operator.outputs) != 1 or any(value.constant is None for value in given):
        return None
    fold = _FOLDS.get(operator.kind)
    if fold is None or prod(output.shape) > _LARGEST:
        return None
    arrays = [value.constant for value in given if value.constant is not None]
    if operator.kind == "DENSIFY":
        return arrays[0]
    if operator.kind == "DEQUANTIZE":
        return dequantized(given[0].source, arrays[0])
    if operator.kind == "QUANTIZE" and not _quantizes(given[0].source, output):
        return None
    if operator.kind not in _MOVES and any(value.is_integer for value in given):
        return None  # as integers they have no common scale
    try:
        with np.errstate(all="ignore"):
            found = np.asarray(fold(operator, arrays, output))
    except (ArithmeticError, IndexError, MemoryError, TypeError, ValueError) as error:
        raise operator.invalid("computes a constant that cannot be right") from error
    if found.size > _LARGEST:
        raise operator.invalid(f"computes a constant of {found.size:,} values")
    return found


# What devices do with integers as they are, whatever their scales.
_MOVES = frozenset(
    {"CONCATENATION", "EXPAND_DIMS", "RESHAPE", "SLICE", "SQUEEZE", "STRIDED_SLICE", "TILE"}
    | {"TRANSPOSE"}
)


def _axis(operator: FileOperator) -> int:
    return int(operator.options.get("Axis", 0))


def _reshape(operator: FileOperator, arrays: Sequence[Array], output: FileTensor) -> Array:
    shape = arrays[1].reshape(-1).tolist() if len(arrays) > 1 else list(output.shape)
    return arrays[0].reshape(shape)


def _strided_slice(operator: FileOperator, arrays: Sequence[Array], _: FileTensor) -> Array:
    source, begin, end, strides = arrays
    masks = [int(operator.options.get(f"{name}Mask", 0)) for name in ("Begin", "End", "ShrinkAxis")]
    places: list[slice | int] = []
    for i, (first, last, step) in enumerate(
        zip(begin.tolist(), end.tolist(), strides.tolist(), strict=True)
    ):
        if masks[2] >> i & 1:
            places.append(first)
        else:
            ends = None if masks[0] >> i & 1 else first, None if masks[1] >> i & 1 else last
            places.append(slice(*ends, step))
    return np.asarray(source[tuple(places)])


def _slice(_: FileOperator, arrays: Sequence[Array], output: FileTensor) -> Array:
    source, begin, sizes = arrays
    pairs = zip(begin.tolist(), sizes.tolist(), strict=True)
    places = tuple(slice(b, None if n == -1 else b + n) for b, n in pairs)
    del output
    return np.asarray(source[places])


def _cast(_: FileOperator, arrays: Sequence[Array], output: FileTensor) -> Array:
    return arrays[0].astype(np.dtype(output.dtype))


def _fill(_: FileOperator, arrays: Sequence[Array], output: FileTensor) -> Array:
    shape = arrays[0].reshape(-1).tolist()
    if prod(shape) > _LARGEST:
        raise ValueError
    del output
    return np.full(shape, arrays[1].reshape(-1)[0])


def _tile(_: FileOperator, arrays: Sequence[Array], output: FileTensor) -> Array:
    counts = arrays[1].reshape(-1).tolist()
    if prod(counts) * arrays[0].size > _LARGEST:
        raise ValueError
    del output
    return np.tile(arrays[0], counts)


def _binary(function: Callable[[Array, Array], Array]) -> _Fold:
    def fold(operator: FileOperator, arrays: Sequence[Array], _: FileTensor) -> Array:
        if operator.options.get("FusedActivationFunction"):
            raise ValueError
        left, right = arrays
        return np.asarray(function(left, right)).astype(left.dtype)

    return fold


def _divide(left: Array, right: Array) -> Array:
    if left.dtype.kind in "iu":
        return np.trunc(left / right)
    return np.asarray(left / right)


def _reduce_prod(_: FileOperator, arrays: Sequence[Array], output: FileTensor) -> Array:
    axes = tuple(arrays[1].reshape(-1).tolist())
    return np.asarray(arrays[0].prod(axis=axes)).reshape(output.shape)


def _fake_quant(operator: FileOperator, arrays: Sequence[Array], _: FileTensor) -> Array:
    """Return weights as training has rounded them, of a range moved to contain zero exactly."""
    low, high = (float(operator.options.get(name, 0.0)) for name in ("Min", "Max"))
    first = int(bool(operator.options.get("NarrowRange")))
    last = (1 << int(operator.options.get("NumBits", 8))) - 1
    scale = (high - low) / (last - first)
    zero = min(max(round(first - low / scale), first), last)
    steps = np.clip(np.round(arrays[0] / scale) + zero, first, last)
    return ((steps - zero) * scale).astype(np.float32)


def _quantizes(source: FileTensor, output: FileTensor) -> bool:
    """Return whether a QUANTIZE makes integers of one scale of real numbers."""
    known = output.dtype in ("int8", "uint8", "int16") and output.scales.size == 1
    return source.dtype == "float32" and known and bool(output.scales[0] > 0)


def _quantize(_: FileOperator, arrays: Sequence[Array], output: FileTensor) -> Array:
    """Return integers of one scale, rounded as TensorFlow Lite does: halves away from zero."""
    limits = np.iinfo(output.dtype)
    steps = arrays[0].astype(np.float32) / output.scales[:1]
    whole = np.trunc(steps + np.copysign(np.float32(0.5), steps)).astype(np.int64)
    found = np.clip(whole + output.zero_points[:1], limits.min, limits.max)
    return np.asarray(found.reshape(arrays[0].shape), np.dtype(output.dtype))


_FOLDS: Mapping[str, _Fold] = {
    "ADD": _binary(np.add),
    "CAST": _cast,
    "CONCATENATION": lambda op, arrays, _: np.concatenate(arrays, axis=_axis(op)),
    "DENSIFY": lambda _, arrays, __: arrays[0],
    "DEQUANTIZE": lambda _, arrays, __: arrays[0],
    "DIV": _binary(_divide),
    "EXPAND_DIMS": lambda _, arrays, __: np.expand_dims(arrays[0], int(arrays[1].reshape(-1)[0])),
    "FAKE_QUANT": _fake_quant,
    "FILL": _fill,
    "FLOOR_DIV": _binary(np.floor_divide),
    "GATHER": lambda op, arrays, _: np.take(arrays[0], arrays[1], axis=_axis(op)),
    "MAXIMUM": _binary(np.maximum),
    "MINIMUM": _binary(np.minimum),
    "MUL": _binary(np.multiply),
    "PACK": lambda op, arrays, _: np.stack(arrays, axis=_axis(op)),
    "QUANTIZE": _quantize,
    "REDUCE_PROD": _reduce_prod,
    "RESHAPE": _reshape,
    "SLICE": _slice,
    "SQUEEZE": lambda _, arrays, output: arrays[0].reshape(output.shape),
    "STRIDED_SLICE": _strided_slice,
    "SUB": _binary(np.subtract),
    "TILE": _tile,
    "TRANSPOSE": lambda _, arrays, __: arrays[0].transpose(arrays[1].reshape(-1).tolist()),
}
