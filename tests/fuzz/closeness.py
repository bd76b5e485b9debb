"""Tell rounding from faults: a network's real values beside those of Keras, and its integers."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from keras_building import Building
from numpy.typing import NDArray
from recipe import Failure, Recipe

from microlut.graph import evaluate as floats
from microlut.graph.batch import Batch
from microlut.graph.ir import Graph, Node
from microlut.integer import QuantizedGraph, quantized_inputs, real_values
from microlut.integer import evaluate as integers
from microlut.ops.layer_normalization import LayerNormalization
from microlut.ops.tensor import dequantize_array, quantize_array
from microlut.quantize.ranges.activations import quantized_tensors
from microlut.quantize.ranges.measure import Ranges

TOLERANCE = 1e-5
_NOISE = 3e-7  # of the largest value of a tensor: what float32 may lose
_FAR = 30.0  # times the error of float arithmetic on rounded tensors
_LOST_16 = 2e-3  # of the same: what tables of int16 lose between their entries
_LOST = 1e-5  # of the largest value of any tensor: differences of equal ones have no more precision


def against_keras(
    recipe: Recipe, building: Building, graph: Graph, samples: Batch
) -> tuple[list[Failure], bool]:
    """Compare the graph with Keras; also return whether float32 explains a difference."""
    found = list(floats.outputs(graph, samples).arrays.values())
    wanted = [np.asarray(building.values[name]) for name in recipe.outputs]
    if [y.shape for y in found] != [y.shape for y in wanted]:
        return [Failure("float", f"shapes differ: {operators(graph)}")], False
    sizes = [float(np.abs(y).max()) or 1.0 for y in wanted]
    errors = _distances(found, wanted, sizes)
    if max(errors) <= TOLERANCE:
        return [], False
    if max(errors) <= 3.0 * _blur(graph, samples, found, sizes):
        return [], True
    return [Failure("float", f"{max(errors):.1e} from Keras: {operators(graph)}")], False


def _distances(
    found: list[NDArray[Any]], wanted: list[NDArray[Any]], sizes: list[float]
) -> list[float]:
    return [
        float(np.abs(a.astype(np.float64) - b).max()) / size
        for a, b, size in zip(found, wanted, sizes, strict=True)
    ]


def _blur(graph: Graph, samples: Batch, exact: list[NDArray[Any]], outputs: list[float]) -> float:
    """Return how far the outputs move if every tensor moves by what float32 may lose."""
    rng, moved = np.random.default_rng(0), 0.0
    for _ in range(3):
        given = Batch({name: np.array(x, np.float32) for name, x in samples.arrays.items()})
        kept: dict[str, NDArray[Any]] = {}
        with np.errstate(all="ignore"):
            sizes: dict[str, float] = {}
            for node, tensors in floats.walk(graph, given):
                read = _lossy(node, sizes)
                for name, values in tensors.items():
                    sizes[name] = float(np.abs(values).max())
                    step = _NOISE * max(sizes[name], read)
                    values += (step * rng.normal(size=values.shape)).astype(np.float32)
                    kept |= {name: values.copy()} if name in graph.outputs else {}
        made = [kept[name] for name in graph.ends.values()]
        distances = _distances(made, exact, outputs)
        moved = max(moved, *distances) if np.isfinite(distances).all() else np.inf
    return moved


def _lossy(node: Node | None, sizes: Mapping[str, float]) -> float:
    """Return the size of values that an operator rounds on its way, given those of tensors."""
    if node is None or node.op.becomes not in ("table", "layer_normalization"):
        return 0.0
    largest = max(sizes[name] for name in node.inputs)
    if not isinstance(node.op, LayerNormalization):
        return largest  # x - tanh(x), for example, loses as much as x has
    # Keras subtracts the mean behind the division by the deviation.
    gain = float(np.abs(node.op.gain).max())
    return largest * gain / float(node.op.epsilon**0.5 or 1.0)


def against_float(
    graph: Graph, ranges: Ranges, made: QuantizedGraph, samples: Batch
) -> list[Failure]:
    """Compare what the integers mean with float arithmetic on tensors rounded alike.

    Only networks whose weights have 8 bits are compared: fewer explain any difference.
    """
    if graph.states or any(op.weights.bits < 8 for _, op in made.weighted()):
        return []
    tensors = made.output_tensors()
    given = quantized_inputs(made, samples)
    found = real_values(tensors, integers.outputs(made, given))
    real, rounded = floats.outputs(graph, samples), _rounded(graph, ranges, samples)
    failures = []
    lost = (_LOST_16 if ranges.types else _LOST) * max(
        abs(end) for ends in ranges.limits.values() for end in ends
    )
    for name, tensor in tensors.items():
        step = float(tensor.quantized.scale)
        wanted = real.arrays[name].astype(np.float64)
        error = _rms(found.arrays[name] - wanted)
        allowed = _rms(rounded[name] - wanted) + step + lost
        if error > _FAR * allowed:
            text = f"{error / allowed:.0f} times the error of rounded tensors: {operators(made)}"
            failures.append(Failure("accuracy", text))
    return failures


def _rms(values: NDArray[Any]) -> float:
    return float(np.sqrt(np.mean(np.square(values))))


def _rounded(graph: Graph, ranges: Ranges, samples: Batch) -> dict[str, NDArray[Any]]:
    known = quantized_tensors(graph, ranges)
    given = Batch({name: np.array(x, np.float32) for name, x in samples.arrays.items()})
    kept: dict[str, NDArray[Any]] = {}
    with np.errstate(all="ignore"):
        for _, made in floats.walk(graph, given):
            for name, values in made.items():
                own = known[name].quantized
                clean = np.nan_to_num(values)
                values[...] = dequantize_array(quantize_array(clean, own), own)
                kept |= {name: values.copy()} if name in graph.outputs else {}
    return {name: kept[tensor] for name, tensor in graph.ends.items()}


def operators(graph: Graph | QuantizedGraph) -> str:
    names = (type(node.op).__name__ for node in graph.nodes)
    return " ".join(sorted(set(names) - {"QReshape", "Reshape"}))
