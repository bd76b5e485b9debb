"""Tensors of a file as those of a graph: their names, types and quantizations."""

from __future__ import annotations

from math import prod

import numpy as np

from microlut.importers.tflite.file import FileOperator, FileTensor
from microlut.importers.tflite.use import without_batch
from microlut.importers.translation import LARGEST_TENSOR
from microlut.ops.arrays import Shape
from microlut.ops.tensor import Activation, Quantization, Tensor

_UNSIGNED = 128  # what turns uint8 into int8
_LARGEST_SCALE = float(np.finfo(np.float32).max)


def quantization_of(tensor: FileTensor) -> tuple[Activation, Quantization] | None:
    """Return the type and the quantization in the graph of a tensor of integers, or None.

    Unsigned integers become signed ones with another zero point.
    """
    if tensor.dtype not in ("int8", "uint8", "int16") or tensor.scales.size != 1:
        return None
    point = int(tensor.zero_points[0])
    if tensor.dtype == "uint8":
        return "int8", Quantization(float(tensor.scales[0]), point - _UNSIGNED)
    return ("int16" if tensor.dtype == "int16" else "int8"), Quantization(
        float(tensor.scales[0]), point
    )


def graph_tensor(name: str, shape: Shape, source: FileTensor) -> Tensor:
    """Return a tensor of the graph, with the type and the quantization of one of the file."""
    found = quantization_of(source)
    return Tensor(name, shape) if found is None else Tensor(name, shape, *found)


def type_problem(tensor: FileTensor) -> tuple[str, str] | None:
    """Return what is wrong with a tensor that the network computes, and advice, or None."""
    if tensor.dtype == "float32":
        return None
    found = quantization_of(tensor)
    if found is None:
        what = f"{tensor.name!r} has type {tensor.dtype}"
        if tensor.dtype in ("int8", "uint8", "int16"):
            what += f" with {tensor.scales.size} scales"
        return what, "supported are float32, and int8, uint8 and int16 with one scale"
    dtype, quantization = found
    low, high = np.iinfo(dtype).min, np.iinfo(dtype).max
    point = quantization.zero_point
    if not 0 < quantization.scale <= _LARGEST_SCALE or not low <= point <= high:
        return f"{tensor.name!r} has scale {quantization.scale:g}, zero point {point}", "correct it"
    if dtype == "int16" and point:
        return f"{tensor.name!r} has the zero point {point}", "int16 has the zero point 0"
    return None


def input_problem(tensor: FileTensor, whole: bool = False) -> tuple[str, str] | None:
    """Return what is found of an input that cannot be converted, and advice.

    Its first dimension may be one like others, if a run takes the `whole` array.
    """
    shape = tensor.shape
    beyond = [i for i in tensor.unknown if i]
    if beyond or not shape or min(shape, default=0) < 1:
        return (
            f"shape {list(shape)} has unknown dimensions",
            "firmware needs them all: convert the model with a fixed input shape",
        )
    if len(shape) > 2 and shape[0] != 1 and not whole:
        return f"has a batch of {shape[0]}", "convert the model with a batch of 1"
    if prod(without_batch(shape)) > LARGEST_TENSOR:
        return f"has {prod(shape):,} values", "use a smaller model"
    return type_problem(tensor)


def check_size(operator: FileOperator, shape: Shape) -> None:
    """Raise UnsupportedModel for a tensor that no device has room for."""
    if prod(shape) > LARGEST_TENSOR:
        raise operator.unsupported(
            f"its output has shape {list(shape)}",
            f"tensors may have {LARGEST_TENSOR} values: use a smaller model",
        )
