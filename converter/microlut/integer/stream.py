"""How a streamed network takes whole windows: in runs, each with the next frames."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from math import prod

import numpy as np

from microlut.graph.batch import Batch
from microlut.integer.graph import QuantizedGraph
from microlut.ops.arrays import Shape
from microlut.ops.tensor import Tensor


def window_inputs(graph: QuantizedGraph) -> tuple[Tensor, ...]:
    """Return the inputs as samples have them: of a streamed network, whole windows."""
    stream = graph.stream
    if stream is None:
        return graph.inputs
    return tuple(_resized(tensor, stream.axis, stream.window) for tensor in graph.inputs)


def window_outputs(graph: QuantizedGraph) -> Mapping[str, Tensor]:
    """Return the outputs for a sample by name: of a streamed network, those of a whole window."""
    tensors = graph.output_tensors()
    if graph.stream is None:
        return tensors
    return {
        name: tensor if part is None else _resized(tensor, part.axis, part.count)
        for (name, tensor), part in zip(tensors.items(), graph.stream.outputs, strict=True)
    }


def runs_per_sample(graph: QuantizedGraph) -> int:
    """Return how often a sample runs the network."""
    return 1 if graph.stream is None else graph.stream.runs


def warm_up_runs(graph: QuantizedGraph) -> int:
    """Return the runs after a reset whose outputs depend on frames before it."""
    stream = graph.stream
    if stream is None:
        return 0
    pairs = zip(graph.output_tensors().values(), stream.outputs, strict=True)
    return max(
        stream.runs - 1 if part is None else -(-part.first // tensor.shape[part.axis])
        for tensor, part in pairs
    )


def as_runs(graph: QuantizedGraph, samples: Batch) -> Batch:
    """Return the inputs of all runs, for samples [n, ...] one after the other.

    Frames that a window lacks at its end are zeros, on which none of its outputs depends.
    """
    stream = graph.stream
    if stream is None:
        return samples
    return Batch(
        {
            tensor.name: _cut(samples.arrays[tensor.name], stream.axis + 1, tensor, stream.runs)
            for tensor in graph.inputs
        }
    )


def as_windows(graph: QuantizedGraph, runs: Batch) -> Batch:
    """Return the outputs of whole windows, for those of all runs one after the other."""
    stream = graph.stream
    if stream is None:
        return runs
    found = {}
    for (name, values), part in zip(runs.arrays.items(), stream.outputs, strict=True):
        by_window = values.reshape(-1, stream.runs, *values.shape[1:])
        if part is None:
            found[name] = by_window[:, -1]
            continue
        axis = part.axis + 1
        joined = np.moveaxis(by_window, 1, axis)
        shape = joined.shape
        joined = joined.reshape(*shape[:axis], prod(shape[axis : axis + 2]), *shape[axis + 2 :])
        found[name] = np.take(joined, range(part.first, part.first + part.count), axis)
    return Batch(found)


def check_stream(graph: QuantizedGraph) -> None:
    """Raise ValueError unless whole windows can be cut into runs, and their outputs joined."""
    stream = graph.stream
    if stream is None:
        return
    sound = min(stream.axis, stream.runs - 1, stream.window - 1) >= 0
    sound &= all(stream.axis < len(tensor.shape) for tensor in graph.inputs)
    sound &= len(stream.outputs) == len(graph.outputs)
    for tensor, part in zip(graph.output_tensors().values(), stream.outputs, strict=False):
        if part is not None:
            sound &= 0 <= part.axis < len(tensor.shape) and part.first >= 0 and part.count > 0
            made = stream.runs * tensor.shape[part.axis] if sound else 0
            sound &= part.first + part.count <= made
    if not sound:
        raise ValueError("the graph: its runs per window cannot be right")


def _resized(tensor: Tensor, axis: int, count: int) -> Tensor:
    shape: Shape = (*tensor.shape[:axis], count, *tensor.shape[axis + 1 :])
    return replace(tensor, shape=shape)


def _cut(x: np.ndarray, axis: int, tensor: Tensor, runs: int) -> np.ndarray:
    """Return the parts [n * runs, ...] of windows [n, ...], each of the tensor's shape."""
    frames = tensor.shape[axis - 1]
    missing = max(0, runs * frames - x.shape[axis])
    x = np.pad(x, [(0, missing if i == axis else 0) for i in range(x.ndim)])
    x = np.take(x, range(runs * frames), axis)
    split = x.reshape(*x.shape[:axis], runs, frames, *x.shape[axis + 1 :])
    return np.moveaxis(split, axis, 1).reshape(-1, *tensor.shape)
