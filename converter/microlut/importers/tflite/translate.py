"""Translate the operators of a .tflite file into a float graph and the integers that it has."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from math import prod
from typing import Any

import numpy as np
from numpy.typing import NDArray

from microlut.errors import Obstacle
from microlut.graph.ir import Graph, Node
from microlut.graph.network import State
from microlut.importers.obstacles import Collected
from microlut.importers.tflite.batches import NOTE, batch_of, for_one
from microlut.importers.tflite.compiled import compiled
from microlut.importers.tflite.declared import with_declared_shapes
from microlut.importers.tflite.decoders import without_decoders
from microlut.importers.tflite.dilation import with_dilation
from microlut.importers.tflite.ends import Ends, ends_of
from microlut.importers.tflite.exported import with_single_operators
from microlut.importers.tflite.fake_quant import with_ranges
from microlut.importers.tflite.file import LEFT_OUT, FileOperator, FileTensor, TfliteFile
from microlut.importers.tflite.folding import folded
from microlut.importers.tflite.left_ends import with_narrow_shares, without_places
from microlut.importers.tflite.operators import OPERATORS
from microlut.importers.tflite.recurrent import notes_of
from microlut.importers.tflite.steps import Placing, place
from microlut.importers.tflite.tensors import type_problem
from microlut.importers.tflite.unsigned import SAME_UNSIGNED, notes_of_unsigned
from microlut.importers.tflite.use import Use, Value, without_batch
from microlut.importers.tflite.variables import KINDS, Variables, exact_copies
from microlut.importers.translation import CONSTANT_OUTPUT, LayerSeen, Translation
from microlut.ops.base import IntegerOp
from microlut.support.texts import plain
from microlut.support.unused_names import Taken

_MOST_NODES = 1 << 14
_EXPORTED = Obstacle(
    "", "the file", "was written by microlut", "convert the model that it was made of instead"
)


@dataclass(slots=True)
class _Work:
    """The state of a translation: what is known of the tensors of the file by their numbers."""

    file: TfliteFile
    ends: Ends
    collected: Collected
    variables: Variables
    values: dict[int, Value] = field(default_factory=dict)
    nodes: list[Node] = field(default_factory=list)
    states: list[State] = field(default_factory=list)
    exact: dict[str, IntegerOp] = field(default_factory=dict)
    layers: list[LayerSeen] = field(default_factory=list)
    readers: Counter[int] = field(default_factory=Counter)


def translate(file: TfliteFile, name: str) -> Translation:
    """Translate a file as far as possible, and collect all obstacles on the way.

    One for a fixed batch of several inputs is translated for one of them, if it keeps them apart.
    If it mixes them, a run takes all of them.
    """
    found = _translated(file, name)
    single = for_one(file) if found.graph is None else None
    other = None if single is None else _translated(single, name)
    if other is None or other.graph is None:
        other = None if found.graph is not None else _translated(file, name, whole=True)
        return found if other is None or other.graph is None else other
    note = NOTE.format(batch_of(file))
    return replace(other, graph=replace(other.graph, notes=(*other.graph.notes, note)))


def _translated(file: TfliteFile, name: str, whole: bool = False) -> Translation:
    collected = Collected()
    code = compiled(file.main.operators)
    if code is not None:  # what is beside it is of no use
        collected.add([code])
        return Translation(file.source, None, (), collected, ())
    main = with_ranges(with_single_operators(with_dilation(file.main)))
    file, narrowed = with_narrow_shares(replace(file, subgraphs=(main, *file.subgraphs[1:])))
    file, shapes = with_declared_shapes(file)
    file, decoded = without_decoders(file)
    file, places = without_places(file)
    notes = (*shapes, *decoded, *places, *notes_of_unsigned(file))
    work = _Work(file, ends_of(file, collected, whole), collected, Variables(file, Taken()))
    work.readers.update(n for operator in main.operators for n in operator.inputs)
    work.variables.names |= {tensor.name for tensor in work.ends.inputs.values()}
    for number, tensor in work.ends.inputs.items():
        source = work.ends.sources[number]
        work.values[number] = Value(source, file.main.tensors[number].shape, tensor.name)
    for operator in file.main.operators:
        collected.check(operator, lambda operator=operator: _add(operator, work))  # type: ignore[misc]
        for number in operator.outputs:  # what is behind an obstacle is checked all the same
            work.values.setdefault(number, _unknown(file.main.tensors[number]))
        _see(operator, work)
    outputs = _outputs(work)
    if file.is_exported and any(not each.damaged for each in collected.obstacles):
        collected.obstacles.insert(0, _EXPORTED)
    graph = None if collected.obstacles else _graph(name, outputs, work)
    if graph is not None:
        graph = replace(graph, notes=(*graph.notes, *narrowed, *notes))
    kinds = tuple(sorted(OPERATORS))
    classes = any(each.found.endswith("is not supported") for each in collected.obstacles)
    return Translation(file.source, graph, tuple(work.layers), collected, kinds if classes else ())


def _unknown(tensor: FileTensor) -> Value:
    return Value(tensor, tensor.shape, tensor.name)


def _see(operator: FileOperator, work: _Work) -> None:
    """Add an operator to the layers that are shown, unless its output is a constant."""
    if not operator.outputs or work.values[operator.outputs[0]].constant is not None:
        return
    read = [_read(number, work) for number in operator.inputs]
    sizes = [value.constant.size for value in read if value and value.constant is not None]
    shape = without_batch(work.values[operator.outputs[0]].shape)
    work.layers.append(LayerSeen(operator.name, operator.kind, shape, sum(sizes)))


def _read(number: int, work: _Work) -> Value | None:
    if number == LEFT_OUT:
        return None
    if number not in work.values:
        tensor = work.file.main.tensors[number]
        if tensor.is_variable:
            return _unknown(tensor)
        if tensor.constant is None and not _is_empty(tensor):
            where = f"tensor {tensor.name!r}"
            found = f"nothing computes it, and it is no constant of type {tensor.dtype}"
            advice = "the file is damaged, or has constants of another type: convert it again"
            work.collected.add([Obstacle(tensor.name, where, found, advice, damaged=False)])
            return _unknown(tensor)
        constant = _empty(tensor) if tensor.constant is None else tensor.constant
        work.values[number] = Value(tensor, tensor.shape, "", constant)
    return work.values[number]


def _is_empty(tensor: FileTensor) -> bool:
    return prod(tensor.shape) == 0 and tensor.dtype in ("int32", "float32")


def _empty(tensor: FileTensor) -> NDArray[Any]:
    return np.zeros(tensor.shape, tensor.dtype)


def _add(operator: FileOperator, work: _Work) -> None:
    """Translate an operator; raise InvalidInput where scales make constants infinite."""
    try:
        with np.errstate(over="raise"):
            _translate(operator, work)
    except FloatingPointError as error:
        raise operator.invalid("has scales that take constants beyond single precision") from error


def _translate(operator: FileOperator, work: _Work) -> None:
    """Add the nodes of an operator and what is known of its outputs."""
    if operator.is_custom:
        raise operator.unsupported(f"operator {operator.kind} is not supported", _advice(operator))
    if operator.kind in KINDS:
        work.variables.take(operator, work.values)
        return
    inputs = tuple(_read(number, work) for number in operator.inputs)
    outputs = tuple(work.file.main.tensors[number] for number in operator.outputs)
    if not outputs:
        raise operator.invalid("makes no tensor")
    constant = folded(operator, inputs, outputs[0])
    if constant is not None:
        shape = tuple(constant.shape)
        work.values[outputs[0].number] = Value(outputs[0], shape, "", constant)
        return
    alias = work.ends.alias(operator, inputs)
    if alias is not None:
        work.values[outputs[0].number] = alias
        return
    handler = OPERATORS.get(operator.kind)
    if handler is None:
        raise operator.unsupported(f"operator {operator.kind} is not supported", _advice(operator))
    given = [value for value in inputs if value is not None and value.constant is None]
    _check_variables(operator, work)
    _check_types(operator, [value.source for value in given], outputs)
    use = Use(operator, inputs, outputs, any(value.is_integer for value in given))
    placed = place(Placing(use, work.variables.names), handler(use))
    if len(work.nodes) + len(placed.nodes) > _MOST_NODES:
        raise operator.unsupported(
            f"the network has more than {_MOST_NODES} operators", "use a smaller model"
        )
    work.nodes += placed.nodes
    work.states += placed.states
    work.exact |= placed.exact
    work.values |= {value.source.number: value for value in placed.values}


def _check_variables(operator: FileOperator, work: _Work) -> None:
    """Raise UnsupportedModel for a variable that another operator changes, too."""
    tensors = work.file.main.tensors
    if any(n >= 0 and tensors[n].is_variable and work.readers[n] > 1 for n in operator.inputs):
        raise operator.unsupported(
            "shares a variable with another operator", "give each of them its own"
        )


def _check_types(
    operator: FileOperator, read: Sequence[FileTensor], made: Sequence[FileTensor]
) -> None:
    """Raise UnsupportedModel for tensors with which no kernel here computes."""
    for tensor in (*read, *made):
        problem = type_problem(tensor)
        if problem is not None:
            raise operator.unsupported(*problem)
    if operator.kind not in SAME_UNSIGNED and any(tensor.dtype == "uint8" for tensor in read):
        raise operator.unsupported(
            "computes with uint8, by another formula than with int8",
            "supported is int8: convert the model again",
        )


def _advice(operator: FileOperator) -> str:
    if operator.kind.startswith("Flex"):
        return "it needs TensorFlow on the device: convert the model with TFLITE_BUILTINS alone"
    if operator.is_custom:
        return "custom operators are code outside of the file: build the model without it"
    return "replace it by others"


def _outputs(work: _Work) -> dict[str, str]:
    """Return the tensors of the graph that callers receive, by their names for callers."""
    found: dict[str, str] = {}
    for number in work.file.main.outputs:
        value = _read(number, work)
        name = work.file.output_names.get(number, work.file.main.tensors[number].name)
        if value is None or value.constant is not None:
            continue
        while name in found:
            name += "_"
        found[name] = value.name
    made = {tensor.name for node in work.nodes for tensor in node.outputs}
    if not work.collected.obstacles and not made.intersection(found.values()):
        advice = "no operator computes anything: give a network"
        obstacle = Obstacle("", "the network", "its outputs are inputs or constants", advice)
        work.collected.add([obstacle])
    return found


def _graph(name: str, outputs: dict[str, str], work: _Work) -> Graph:
    main = work.file.main
    constants = [n for n in main.outputs if work.values[n].constant is not None]
    notes = [f"output {main.tensors[n].name!r}: {CONSTANT_OUTPUT}" for n in constants]
    states, copies = work.variables.end([t.name for t in work.ends.inputs.values()])
    added = (*work.variables.begun, *copies)
    work.exact |= exact_copies(added)
    made = (*work.variables.begun, *work.nodes, *copies)
    nodes, states = _needed(made, tuple(outputs.values()), (*states, *work.states))
    kept = {node.name for node in nodes}
    return Graph(
        plain(name),
        tuple(work.ends.inputs.values()),
        nodes,
        tuple(outputs.values()),
        states,
        tuple(outputs),
        notes=(*work.ends.notes, *notes_of(work.file), *notes),
        exact={name: op for name, op in work.exact.items() if name in kept},
    )


def _needed(
    nodes: Sequence[Node], outputs: Sequence[str], states: Sequence[State]
) -> tuple[tuple[Node, ...], tuple[State, ...]]:
    """Return the nodes and the states that the outputs depend on."""
    used: tuple[State, ...] = ()
    while True:
        wanted, kept = {*outputs, *(state.source for state in used)}, list[Node]()
        for node in reversed(nodes):
            if wanted.intersection(tensor.name for tensor in node.outputs):
                wanted.update(node.inputs)
                kept.append(node)
        found = tuple(state for state in states if state.tensor.name in wanted)
        if found == used:
            return tuple(reversed(kept)), used
        used = found
