"""Kernel calls of a single operator with weights that are all zeros."""

from __future__ import annotations

from typing import Any

import numpy as np

from microlut.ops.tensor import Quantization, Tensor
from microlut.ops.weights import OutputStage, QuantizedWeights
from microlut.plan.kernels import Call

STAGE = OutputStage(np.zeros(1, np.int32), np.zeros(1, np.int32), np.zeros(1, np.int8), -128, 127)


def weights(shape: tuple[int, ...], rows: int, bits: int) -> QuantizedWeights:
    indices = np.zeros((rows, int(np.prod(shape)) // rows), np.uint8)
    book = None if bits == 8 else np.zeros(2**bits, np.int8)
    return QuantizedWeights(shape, bits, indices, book, np.ones(1, np.float32))


def tensor(name: str, shape: tuple[int, ...]) -> Tensor:
    return Tensor(name, shape, "int8", Quantization(1.0, 0))


def call(op: object, source: tuple[int, ...], shape: tuple[int, ...]) -> Call[Any]:
    return Call(op, (tensor("x", source),), (tensor("y", shape),))


def align(size: int) -> int:
    return (size + 15) // 16 * 16
