"""Compare all forms of a random network: Keras, the import, its integer network, tflite-micro."""

from __future__ import annotations

import tempfile
import traceback
import warnings
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any
from unittest import mock

import numpy as np
import tflite_micro.python.tflite_micro.runtime as runtime
from closeness import against_float, against_keras, operators
from keras_building import Building
from numpy.typing import NDArray
from recipe import Failure, Recipe

import random_graphs as rg
from microlut.codegen.tflite import to_tflite
from microlut.errors import MicrolutError
from microlut.graph.batch import Batch
from microlut.graph.ir import Graph
from microlut.graph.network import State
from microlut.graph.passes import run_passes
from microlut.graph.passes.rewrite import rebuild
from microlut.importers import import_model
from microlut.integer import QuantizedGraph, quantized_inputs, to_bytes
from microlut.integer import evaluate as integers
from microlut.integer.check import check_graph
from microlut.ops.base import OwnOp
from microlut.ops.tensor import Activation
from microlut.plan import Plan, make_plan
from microlut.plan.limits import check_sizes
from microlut.quantize.ranges.measure import Ranges, calibrate
from microlut.quantize.stage import quantize
from microlut.quantize.types import Types, computes_int16, linked, with_conversions
from microlut.quantize.weights import WeightConfig
from microlut.verification.compare import within_tflite
from microlut.verification.runtimes import run_tflite_micro

RUNS = 4
_DISTINCT = 3  # bytes that an output has at least, to tell something
_ARENA = 1 << 20  # of tflite-micro


@dataclass(frozen=True)
class Tried:
    """What came of a network.

    Attributes:
        refused: Why it was not converted.
        failures: What is wrong.
        plan: Of the integer network, if it was converted and planned.
        inputs: Its bytes [RUNS, bytes].
        wanted: Those of the outputs, by the integer interpreter.
        telling: Whether its outputs have enough distinct bytes.
        blurred: Whether rounding by float32 explains a difference from Keras.
        stateful: Whether it keeps values from run to run.
        wide: Whether tensors are int16.
        own: Whether it has operators that TensorFlow Lite lacks: tflite-micro runs all others.
    """

    recipe: Recipe
    refused: str = ""
    failures: tuple[Failure, ...] = ()
    plan: Plan | None = None
    inputs: NDArray[np.int8] | None = None
    wanted: NDArray[np.int8] | None = None
    telling: bool = False
    blurred: bool = False
    stateful: bool = False
    wide: bool = False
    own: bool = False


def check(recipe: Recipe, building: Building, planned: bool = True) -> Tried:
    """Convert a network and compare its forms, up to tflite-micro; errors become failures.

    Only planned ones can become C; planning takes a fifth of the time.
    """
    stage = ["import"]
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", RuntimeWarning)
            return _checked(recipe, building, planned, stage)
    except MicrolutError as error:
        if stage[0] == "tflite":
            return Tried(recipe, failures=(Failure("tflite", str(error)),))
        return Tried(recipe, refused=f"{stage[0]}: {error}")
    except Exception as error:  # noqa: BLE001 - whatever it is, it is a fault
        where = traceback.extract_tb(error.__traceback__)[-1]
        text = f"{type(error).__name__} {error} in {Path(where.filename).name}:{where.name}"
        return Tried(recipe, failures=(Failure(f"crash in {stage[0]}", text),))


def _checked(recipe: Recipe, building: Building, planned: bool, stage: list[str]) -> Tried:
    model = building.model(recipe)
    imported = _imported(recipe, model)
    graph = run_passes(imported)
    check_sizes(graph)
    samples = _samples(recipe, building, graph)
    stage[0] = "float"
    failures, blurred = against_keras(recipe, building, graph, samples)
    stage[0] = "quantize"
    graph, samples = _with_state(recipe, building, graph, samples)
    graph, types = _typed(recipe, graph)
    ranges = _ranges(recipe, graph, samples).typed(types)
    made = quantize(graph, ranges, samples, _configs(recipe, graph))
    check_graph(made)
    stage[0] = "integer"
    x = _inputs(recipe, made, samples)
    parts = _interpreted(made, x)
    wanted = _bytes(parts)
    if not failures:
        failures += against_float(graph, ranges, made, samples)
    stage[0] = "plan"
    plan = make_plan(made) if planned else None
    stage[0] = "tflite"
    own = bool(made.tflite_lacks())
    if not (_equals_tflite_in_part(made, x) if own else _equals_tflite(made, x, wanted)):
        failures.append(Failure("integer", f"tflite-micro differs: {operators(made)}"))
    return Tried(
        recipe,
        failures=tuple(failures),
        plan=plan,
        inputs=to_bytes(x),
        wanted=wanted,
        telling=_tell(parts),
        blurred=blurred,
        stateful=bool(made.states),
        wide=bool(types),
        own=own,
    )


def _imported(recipe: Recipe, model: Any) -> Graph:
    if recipe.form == "memory":
        return import_model(model, recipe.name)
    with tempfile.TemporaryDirectory(prefix="microlut-fuzz-") as folder:
        suffix = "" if recipe.form == "tf" else f".{recipe.form}"  # a folder is a SavedModel
        path: Any = Path(folder) / f"{recipe.name}{suffix}"
        try:
            model.save(path)
        except TypeError:  # Keras 2 cannot write an Ellipsis
            path = model
        return import_model(path, recipe.name)


def _samples(recipe: Recipe, building: Building, graph: Graph) -> Batch:
    """Return the values of the inputs that the building has, by the graph's names."""
    found = {}
    for tensor in graph.inputs:
        found[tensor.name] = np.asarray(building.values[tensor.name])
    assert set(found) == {given.name for given in recipe.given}
    return Batch(found)


def _with_state(
    recipe: Recipe, building: Building, graph: Graph, samples: Batch
) -> tuple[Graph, Batch]:
    """Return the graph with one input as a state, which begins with zeros."""
    if not recipe.state:
        return graph, samples
    tensors = graph.tensors()
    state, source = tensors.get(recipe.state), tensors.get(recipe.source)
    if source is None or state is None or source.shape != state.shape or len(graph.inputs) < 2:
        return graph, samples  # a pass has folded the source
    if any(type(node.op).__name__ == "Relabel" for node in graph.consumers(state.name)):
        return graph, samples  # which only inputs of the caller have
    inputs = tuple(tensor for tensor in graph.inputs if tensor != state)
    graph = replace(graph, inputs=inputs, states=(State(state, recipe.source),))
    left = {tensor.name: samples.arrays[tensor.name] for tensor in inputs}
    return rebuild(graph, graph.nodes, {}), Batch(left)


def _typed(recipe: Recipe, graph: Graph) -> tuple[Graph, Types]:
    """Return the graph with conversions of types, and the tensors that are int16."""
    rng, makers = np.random.default_rng([recipe.seed, 6]), {}
    for node in graph.nodes:
        makers.update({tensor.name: node.op for tensor in node.outputs})
    types: dict[str, Activation] = {
        name: "int16"
        for name in graph.tensors()
        if rng.random() < recipe.wide and (name not in makers or computes_int16(makers[name]))
    }
    return with_conversions(graph, linked(graph, types))


def _ranges(recipe: Recipe, graph: Graph, samples: Batch) -> Ranges:
    limits = dict(calibrate(graph, samples).limits)
    if recipe.bent:
        rng = np.random.default_rng([recipe.seed, 3])
        bent = {name: rg.bend(rng, *ends) for name, ends in limits.items()}
        limits = {
            name: ends if np.isfinite(ends).all() else limits[name] for name, ends in bent.items()
        }
    limits |= {state.tensor.name: (-1.0, 1.0) for state in graph.states}
    return Ranges(limits)


def _configs(recipe: Recipe, graph: Graph) -> Mapping[str, WeightConfig]:
    return {
        node.name: WeightConfig(
            recipe.bits or 2 + zlib.crc32(node.name.encode()) % 7,
            recipe.granularity,  # type: ignore[arg-type]
            recipe.method,  # type: ignore[arg-type]
        )
        for node in graph.nodes
    }


def _inputs(recipe: Recipe, made: QuantizedGraph, samples: Batch) -> Batch:
    """Return two samples, then any values, then the ends of the type."""
    real, rng = quantized_inputs(made, samples[:2]), np.random.default_rng([recipe.seed, 4])
    found = {}
    for tensor in made.inputs:
        ends = np.iinfo(tensor.dtype).min, np.iinfo(tensor.dtype).max
        every = rng.integers(ends[0], ends[1] + 1, (1, *tensor.shape))
        extreme = rng.choice(ends, (1, *tensor.shape))
        values = np.concatenate([real.arrays[tensor.name], every, extreme])
        assert len(values) == RUNS
        found[tensor.name] = values.astype(tensor.dtype)
    return Batch(found)


def _halves(made: QuantizedGraph, x: Batch) -> tuple[Batch, ...]:
    """Return the runs that begin with fresh states; the C does so before half of them, too."""
    return (x[: RUNS // 2], x[RUNS // 2 :]) if made.states else (x,)


def _interpreted(made: QuantizedGraph, x: Batch) -> list[Batch]:
    return [integers.outputs(made, part) for part in _halves(made, x)]


def _bytes(parts: Sequence[Batch]) -> NDArray[np.int8]:
    return np.concatenate([to_bytes(part) for part in parts])


def _others(made: QuantizedGraph, x: Batch) -> tuple[QuantizedGraph, Batch]:
    """Return the network of the operators that TensorFlow Lite has, and its inputs.

    It is given what the other operators make, and gives what they read.
    """
    given, nodes, read = dict(x.arrays), [], list(made.outputs)
    inputs = {tensor.name: tensor for tensor in made.inputs}
    for node, found in integers.walk(made, x):
        if isinstance(node.op, OwnOp):
            given.update(found)
            inputs.update({tensor.name: tensor for tensor in node.outputs})
            read += node.inputs
        else:
            nodes.append(node)
    ends = tuple(dict.fromkeys(name for name in read if name not in inputs))
    known = {name for node in nodes for name in node.inputs}
    graph = replace(
        made,
        inputs=tuple(tensor for name, tensor in inputs.items() if name in known),
        nodes=tuple(nodes),
        outputs=ends,
        output_names=(),
    )
    return graph, Batch({tensor.name: given[tensor.name] for tensor in graph.inputs})


def _equals_tflite_in_part(made: QuantizedGraph, x: Batch) -> bool:
    others, given = _others(made, x)
    if not others.nodes or others.states:
        return True
    return _equals_tflite(others, given, _bytes(_interpreted(others, given)))


def _equals_tflite(made: QuantizedGraph, x: Batch, wanted: NDArray[np.int8]) -> bool:
    known = within_tflite(made, x)
    if not known.any() or (made.states and not known.all()):
        return True
    return _equal(_run_tflite(made, x[known]), wanted[known])


def _run_tflite(made: QuantizedGraph, x: Batch) -> NDArray[np.int8]:
    """Run tflite-micro, which need not parse the file to count the states."""
    content = to_tflite(made)
    with mock.patch.object(runtime, "count_resource_variables", lambda _: len(made.states)):
        parts = [run_tflite_micro(content, x, arena_bytes=_ARENA) for x in _halves(made, x)]
    return np.concatenate(parts)


def _tell(parts: Sequence[Batch]) -> bool:
    """Return whether each output has enough distinct values."""
    return all(
        len(np.unique(np.concatenate([part.arrays[name] for part in parts]))) >= _DISTINCT
        for name in parts[0].arrays
    )


def _equal(found: NDArray[Any], wanted: NDArray[Any]) -> bool:
    return found.shape == wanted.shape and bool(np.array_equal(found, wanted))
