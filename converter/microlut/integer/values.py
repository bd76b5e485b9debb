"""Inputs and outputs of a quantized graph as on the device: int8 bytes, tensor after tensor."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from microlut.graph.batch import Arrays, Batch, by_name
from microlut.integer.graph import QuantizedGraph
from microlut.ops.tensor import Tensor, dequantize_array, quantize_array


def quantized_inputs(graph: QuantizedGraph, x: Arrays) -> Batch:
    """Quantize real inputs [n, ...] as the network reads them; return them by name."""
    given = by_name(graph.inputs, x)
    return Batch(
        {t.name: quantize_array(given[t.name], t.quantized, t.dtype) for t in graph.inputs}
    )


def real_values(tensors: Mapping[str, Tensor], outputs: Batch) -> Batch:
    """Return the real values of the integers [n, ...] of some tensors, by name."""
    return Batch(
        {name: dequantize_array(y, tensors[name].quantized) for name, y in outputs.arrays.items()}
    )


def to_bytes(batch: Batch) -> NDArray[np.int8]:
    """Return the values as int8 [n, bytes]: little-endian, one tensor after the other."""
    return np.concatenate([_flat(values) for values in batch.arrays.values()], axis=1)


def from_bytes(tensors: Mapping[str, Tensor], data: NDArray[np.int8]) -> Batch:
    """Return the values of bytes [n, bytes], as `to_bytes` writes these tensors in this order."""
    arrays, start = {}, 0
    for name, tensor in tensors.items():
        part = np.ascontiguousarray(data[:, start : start + tensor.bytes])
        values = part.view(np.dtype(tensor.dtype).newbyteorder("<")).astype(tensor.dtype)
        arrays[name] = values.reshape(len(data), *tensor.shape)
        start += tensor.bytes
    return Batch(arrays)


def _flat(values: NDArray[Any]) -> NDArray[np.int8]:
    little = np.ascontiguousarray(values.astype(values.dtype.newbyteorder("<")))
    return little.reshape(len(values), -1).view(np.int8)
