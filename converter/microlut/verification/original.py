"""Compare a network that keeps all integers of its file with tflite-micro on the file itself.

tflite-micro has no kernels of uint8; the desktop runtime runs files of such networks. Ends of the
file may be uint8 or real numbers, where the network has int8. The same values are given to both,
and compared as the network has them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from microlut.errors import UnsupportedModel
from microlut.graph.batch import Batch
from microlut.integer import QuantizedGraph
from microlut.ops.tensor import Tensor
from microlut.support.progress import Progress
from microlut.verification.compare import FormResult, Int8, compare, consecutive, within_tflite
from microlut.verification.runtimes import (
    TFLITE_MICRO,
    Ends,
    computes_unsigned,
    desktop_name,
    ends_of,
    run_desktop,
    run_tflite_micro,
    tflite_micro_lacks,
)

ORIGINAL = f"{TFLITE_MICRO}, original file"
_MOST_ROUNDED = 0.01  # of all bytes
_UNSIGNED = 128  # what turns uint8 into int8


def compare_original(
    graph: QuantizedGraph, model: bytes, inputs: Batch, expected: Int8, progress: Progress
) -> FormResult:
    """Run the original .tflite with tflite-micro, or with the desktop runtime if it is of uint8.

    Raises:
        UnsupportedModel: The network has not all ends of the file, or others.
        RunFailed: The runtime does not run the file.
    """
    tensors, made = graph.inputs, tuple(graph.output_tensors().values())
    if graph.stream is not None or ends_of(model) != (len(tensors), len(made)):
        raise UnsupportedModel("the network has other inputs or outputs than the file")
    ends = Ends(
        lambda place, details, x: _as_in_file(tensors[place], details, x),
        lambda place, details, y: _as_in_network(made[place], details, y),
        "the original file",
    )
    known = within_tflite(graph, inputs)
    if not known.any():
        raise UnsupportedModel("TensorFlow Lite is defined for none of the inputs")
    runs = consecutive(graph, int(known.sum()))
    if computes_unsigned(model):
        found = run_desktop(model, inputs[known], progress, runs, ends)
        return _within_a_step(f"{desktop_name()}, original file", found, expected[known])
    lacks = tflite_micro_lacks()
    if lacks is not None:
        raise UnsupportedModel(lacks)
    found = run_tflite_micro(model, inputs[known], progress, runs, ends=ends)
    return compare(ORIGINAL, found, expected[known])


def _within_a_step(form: str, found: Int8, expected: Int8) -> FormResult:
    """Compare outputs of the desktop runtime, whose FULLY_CONNECTED may round once, not twice."""
    result = compare(form, found, expected)
    largest = np.abs(found.astype(np.int16) - expected).max(initial=0)
    if result.agrees or largest > 1 or result.different_bytes > 1 + _MOST_ROUNDED * found.size:
        return result
    return replace(result, agrees=True, note="differs by one step where its layers round once")


def _as_in_file(tensor: Tensor, details: Mapping[str, Any], values: NDArray[Any]) -> NDArray[Any]:
    """Return an input of the network as the file has it."""
    dtype = np.dtype(details["dtype"])
    if dtype.kind == "f":
        values = (values.astype(np.float32) - np.float32(tensor.zero_point)) * np.float32(
            tensor.scale
        )
    elif dtype == np.uint8:
        values = values.astype(np.int16) + _UNSIGNED
    return np.ascontiguousarray(values.reshape(details["shape"]).astype(dtype))


def _as_in_network(
    tensor: Tensor, details: Mapping[str, Any], values: NDArray[Any]
) -> NDArray[Any]:
    """Return an output of the file as the network has it."""
    dtype = np.dtype(details["dtype"])
    if dtype.kind == "f":
        values = np.round(values.astype(np.float64) / tensor.scale) + tensor.zero_point
    elif dtype == np.uint8:
        values = values.astype(np.int16) - _UNSIGNED
    return values.astype(tensor.dtype).reshape(1, *tensor.shape)
