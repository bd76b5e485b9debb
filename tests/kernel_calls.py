"""Kernel calls of a single operator with weights that are all zeros."""

from __future__ import annotations

from typing import Any

import numpy as np

from microlut.ops.tensor import Quantization
from microlut.ops.weights import OutputStage, QuantizedWeights
from microlut.plan.kernels import Call, Operand

STAGE = OutputStage(np.zeros(1, np.int32), np.zeros(1, np.int32), np.zeros(1, np.int8), -128, 127)


def weights(shape: tuple[int, ...], rows: int, bits: int) -> QuantizedWeights:
    indices = np.zeros((rows, int(np.prod(shape)) // rows), np.uint8)
    book = None if bits == 8 else np.zeros(2**bits, np.int8)
    return QuantizedWeights(shape, bits, indices, book, np.ones(1, np.float32))


def operand(name: str, shape: tuple[int, ...]) -> Operand:
    return Operand(name, shape, Quantization(1.0, 0))


def call(op: object, source: tuple[int, ...], shape: tuple[int, ...]) -> Call[Any]:
    return Call(op, (operand("x", source),), operand("y", shape))


def align(size: int) -> int:
    return (size + 15) // 16 * 16
