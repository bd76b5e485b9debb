"""Translate an ONNX model into a float graph, or collect all obstacles."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from math import prod
from typing import Any

import numpy as np

from microlut.errors import Obstacle, UnsupportedModel
from microlut.graph.ir import Graph
from microlut.importers.obstacles import Collected
from microlut.importers.onnx.broadcasts import without_repetitions
from microlut.importers.onnx.content import (
    chosen_branch,
    is_empty,
    names_read,
    operators_of,
    plain_array,
    sizes_of,
    versions_of,
)
from microlut.importers.onnx.declared import DECLARED, declared_sizes
from microlut.importers.onnx.dynamic import DYNAMIC, QUANTIZED
from microlut.importers.onnx.file import array_of
from microlut.importers.onnx.handled import NOT_SUPPORTED, made_by, refuse
from microlut.importers.onnx.layouts import channels_last
from microlut.importers.onnx.node import Operator
from microlut.importers.onnx.operators import HANDLERS, SUPPORTED
from microlut.importers.onnx.patterns import merged
from microlut.importers.onnx.places import kind_of
from microlut.importers.onnx.quantized import integers_of
from microlut.importers.onnx.ranges import clipped
from microlut.importers.onnx.recurrent import RECURRENT
from microlut.importers.onnx.use import Building, Use
from microlut.importers.onnx.values import Live, Value
from microlut.importers.translation import (
    CONSTANT_OUTPUT,
    LARGEST_TENSOR,
    LayerSeen,
    Translation,
    places_note,
)
from microlut.ops.arrays import Shape
from microlut.ops.tensor import Tensor
from microlut.support.texts import plain

_WIDE = (
    "the model quantizes tensors to 16 bits: firmware has 8 bits there, or 16 with --activations 16"
)
_NUMBERS = "supported are real numbers and integers"
_CONSTANT = (
    "no output depends on the inputs: there is nothing to compute; give the file of a network"
)


@dataclass(slots=True)
class _Work:
    """The state of a translation; `values` has what operators read, None behind an obstacle."""

    collected: Collected
    building: Building = field(default_factory=Building)
    values: dict[str, Value | None] = field(default_factory=dict)
    counted: set[str] = field(default_factory=set)
    layers: list[LayerSeen] = field(default_factory=list)
    versions: Mapping[str, int] = field(default_factory=dict)  # of operators, by domain
    notes: list[str] = field(default_factory=list)
    sequences: frozenset[str] = frozenset()  # inputs whose first dimension is that of steps


def translate(model: Any, source: str, name: str) -> Translation:  # noqa: ANN401 - a ModelProto
    """Translate a model as far as possible, and collect all obstacles on the way.

    The first dimension of inputs is their batch. If a model has inputs of fixed sizes, and mixes
    what is along the first one, they have no batch.
    """
    found, fixed = _translated(model, source, name, batched=True)
    if found.graph is None and fixed:
        other, _ = _translated(model, source, name, batched=False)
        if other.graph is not None:
            return other
    return found


def _translated(model: Any, source: str, name: str, batched: bool) -> tuple[Translation, bool]:  # noqa: ANN401
    work = _Work(Collected(), versions=versions_of(model))
    sizes = sizes_of(model)
    fixed = all(None not in each for each in sizes)
    many = next(
        (n for each in sizes if len(each) > 1 for n in each[:1] if n not in (1, None)), None
    )
    work.building.several = many if batched else None
    arrays = {each.name: each for each in model.graph.initializer}
    work.values = {key: plain_array(array_of(each, source)) for key, each in arrays.items()}
    inputs = [each for each in model.graph.input if each.name not in arrays]
    work.sequences = frozenset(
        node.input[0]
        for node in model.graph.node
        if node.op_type.removeprefix(QUANTIZED) in RECURRENT
        and not any(a.name == "layout" and a.i for a in node.attribute)
    )
    work.values |= {each.name: np.zeros((0,), np.float32) for each in inputs if is_empty(each)}
    known = declared_sizes(model)
    work.values |= known
    work.notes += [DECLARED.format(name) for name in known]
    inputs = [each for each in inputs if not is_empty(each) and each.name not in known]
    tensors = [t for each in inputs if (t := _input(each, work, batched)) is not None]
    _follow(model.graph, names_read(model.graph), source, work)
    work.collected.add(_misplaced(model, work))
    if not work.collected.obstacles and not any(
        isinstance(work.values.get(each.name), Live) for each in model.graph.output
    ):
        raise UnsupportedModel(f"{source}: {_CONSTANT}")
    graph = None
    if not work.collected.obstacles:
        graph = _graph(plain(name), model, tensors, work)
    classes = any(each.found == NOT_SUPPORTED for each in work.collected.obstacles)
    supported = SUPPORTED if classes else ()
    made = Translation(source, graph, tuple(work.layers), work.collected, supported)
    return made, fixed and work.building.several is not None


def _follow(graph: Any, read: set[str], source: str, work: _Work) -> None:  # noqa: ANN401
    """Translate the nodes of a GraphProto, and those of a branch that a constant chooses."""
    nodes = operators_of(graph, work.versions, source)
    for operator, node in zip(nodes, graph.node, strict=True):
        condition = work.values.get(operator.inputs[0]) if operator.inputs else None
        branch = chosen_branch(operator, condition)
        if branch is None:
            _translate(operator, node, read, work)
            continue
        arrays = {each.name: array_of(each, source) for each in branch.initializer}
        work.values |= {name: plain_array(array) for name, array in arrays.items()}
        _follow(branch, read, source, work)
        for name, made in zip(operator.outputs, branch.output, strict=False):
            work.values[name] = work.values.get(made.name)


def _misplaced(model: Any, work: _Work) -> Iterator[Obstacle]:  # noqa: ANN401
    """Yield the outputs that are no real numbers, or whose first dimension is not the batch."""
    for each in model.graph.output:
        value = work.values.get(each.name)
        if isinstance(value, Live) and value.stored == DYNAMIC:
            found = "it has integers of a scale that is found while the network runs"
            advice = "let the model end with real numbers"
            yield Obstacle(each.name, f"output {each.name!r}", found, advice)
        if work.building.several is None:
            continue
        if isinstance(value, Live) and value.batch not in (0, None):
            found = f"the batch is its dimension {value.batch}"
            advice = "export the model with a batch of 1"
            yield Obstacle(each.name, f"output {each.name!r}", found, advice)


def _input(each: Any, work: _Work, batched: bool) -> Tensor | None:  # noqa: ANN401
    """Return an input of the float graph, and know its value; or collect what is wrong with it."""
    dims = each.type.tensor_type.shape.dim
    known = each.type.tensor_type.HasField("shape")
    sizes = [d.dim_value if d.HasField("dim_value") else None for d in dims]
    work.values[each.name] = None
    batch = 0 if batched and len(sizes) > 1 else None
    if batch == 0 and each.name in work.sequences and sizes[0] != 1 and sizes[1] in (1, None):
        batch = 1
    if batch is not None:
        sizes[batch] = 1
    name = each.name
    if not known or not all(n is not None and 0 < n <= LARGEST_TENSOR for n in sizes):
        shown = ", ".join("?" if n is None else str(n) for n in sizes) if known else "any"
        what = "has unknown dimensions"
        if known and None not in sizes:
            what = f"has sizes other than 1 to {LARGEST_TENSOR}"
        advice = (
            "firmware needs all sizes but the batch: export the model with an example input and "
            "without dynamic sizes other than the batch"
        )
        found = f"shape [{shown}] {what}"
        work.collected.add([Obstacle(name, f"input {name!r}", found, advice)])
        return None
    shape: Shape = tuple(n for n in sizes if n is not None)
    if prod(shape) > LARGEST_TENSOR:
        found = f"shape {list(shape)} has more than {LARGEST_TENSOR} elements"
        work.collected.add([Obstacle(name, f"input {name!r}", found, "use a smaller model")])
        return None
    try:
        stored = integers_of(each.type.tensor_type.elem_type)
    except ValueError as error:
        work.collected.add([Obstacle(name, f"input {name!r}", str(error), _NUMBERS)])
        return None
    live = Live(work.building.take(name), shape, batch, stored)
    work.building.shapes[live.tensor] = live.inner
    work.values[name] = live
    return Tensor(live.tensor, live.inner)


def _translate(operator: Operator, node: Any, read: set[str], work: _Work) -> None:  # noqa: ANN401
    """Know what an operator makes, or add its obstacles."""
    values = tuple(work.values.get(name) if name else None for name in operator.inputs)
    hidden = any(v is None for v, name in zip(values, operator.inputs, strict=True) if name)
    wanted = tuple(name in read for name in operator.outputs)
    use = Use(operator, values, wanted, work.building)
    made: list[Value | None] = []
    kind = f"{operator.domain}.{operator.kind}" if operator.domain else operator.kind
    if not hidden:
        work.collected.check(operator, lambda: made.extend(made_by(use, node, kind)))
    elif kind not in HANDLERS and kind not in ("Shape", "Size"):
        work.collected.check(operator, lambda: refuse(operator, kind))
    else:
        work.collected.unchecked.append(operator.name)
    for i, name in enumerate(operator.outputs):
        if name:
            work.values[name] = made[i] if i < len(made) else None
    if made and not isinstance(made[0], Live):
        return
    shape = made[0].inner if made and isinstance(made[0], Live) else None
    work.layers.append(LayerSeen(operator.name, kind, shape, _parameters(operator, work)))


def _parameters(operator: Operator, work: _Work) -> int:
    """Return how many values are in an operator's arrays that no operator before it has read."""
    arrays = {
        name: value.size
        for name in operator.inputs
        if isinstance(value := work.values.get(name), np.ndarray) and value.dtype.kind in "fiu"
    }
    found = sum(size for name, size in arrays.items() if name not in work.counted)
    work.counted |= arrays.keys()
    return found


def _graph(name: str, model: Any, inputs: list[Tensor], work: _Work) -> Graph:  # noqa: ANN401
    outputs, notes = dict[str, str](), [*work.notes, *([_WIDE] if work.building.is_wide else [])]
    found = {each.name: work.values.get(each.name) for each in model.graph.output}
    scores = {v.tensor: n for n, v in found.items() if isinstance(v, Live) and not kind_of(v)}
    for each in model.graph.output:
        value = found[each.name]
        kind = kind_of(value)
        if isinstance(value, Live) and kind is not None:
            notes.append(places_note(each.name, kind, scores.get(value.tensor)))
        if isinstance(value, Live):
            if kind is not None and value.tensor in scores:
                continue
            outputs[each.name] = value.tensor
        else:
            notes.append(f"output {each.name!r}: {CONSTANT_OUTPUT}")
    graph = Graph(
        name,
        tuple(inputs),
        tuple(work.building.nodes.values()),
        tuple(outputs.values()),
        output_names=tuple(outputs),
        notes=tuple(notes),
    )
    return channels_last(without_repetitions(merged(clipped(graph))))
