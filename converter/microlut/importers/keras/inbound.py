"""Read the calls of a layer, `inbound_nodes`, as Keras 2 and Keras 3 write them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from microlut.importers.keras.config import Json, Layer

Reference = tuple[str, int, int]  # (layer, which of its calls, which of the call's tensors)
_CONSTANT = "_CONSTANT_VALUE"  # stands where Keras 2 was given a constant as the first argument


@dataclass(frozen=True, slots=True)
class Call:
    """One entry of `inbound_nodes`."""

    inputs: tuple[Reference, ...]
    arguments: Json


def references(model: Layer, value: object) -> Iterator[Reference]:
    """Yield the [layer, call, tensor] triples in one triple, a list or a dict of them.

    Keras takes the values of a dict in the order of its keys.
    """
    if isinstance(value, dict):
        value = [value[key] for key in sorted(value)]
    if not isinstance(value, list):
        return
    if _is_reference(value):
        yield _reference(model, value)
        return
    for item in value:
        if isinstance(item, list | dict):
            yield from references(model, item)


def _is_list_of_references(value: object) -> bool:
    """Return whether this is a list of tensors as one argument of an operation."""
    return isinstance(value, list) and all(isinstance(i, list) and _is_reference(i) for i in value)


def _is_reference(value: list[Any]) -> bool:
    return len(value) >= 3 and isinstance(value[0], str) and type(value[1]) is int


def _reference(layer: Layer, triple: list[Any]) -> Reference:
    name, index, tensor = triple[:3]
    if type(tensor) is not int or tensor < 0:
        raise layer.invalid(f"reads output {tensor!r} of {name!r}")
    return name, index, tensor


def calls_of(layer: Layer) -> Iterator[Call]:
    """Yield the calls of a layer in a functional model; an input layer has none."""
    nodes = layer.entry.get("inbound_nodes", [])
    if not isinstance(nodes, list):
        raise layer.invalid("has malformed inbound nodes")
    for node in nodes:
        if isinstance(node, dict):
            yield _keras3_call(layer, node)
        elif isinstance(node, list):
            yield _keras2_call(layer, node)
        else:
            raise layer.invalid("has a malformed inbound node")


def _keras2_call(layer: Layer, node: list[Any]) -> Call:
    """Read [[name, call, tensor, kwargs], ...]; a single tensor may come without the list."""
    triples = [node] if _is_reference(node) else node
    if len(triples) == 1 and _is_list_of_references(triples[0]):
        triples = triples[0]
    inputs: list[Reference] = []
    arguments: Json = {}
    for triple in triples:
        if not isinstance(triple, list) or not _is_reference(triple):
            raise layer.invalid("has a malformed inbound node")
        if triple[0] == _CONSTANT:
            arguments[str(len(inputs))] = triple[2]
        else:
            inputs.append(_reference(layer, triple))
        if len(triple) > 3 and isinstance(triple[3], dict):
            arguments.update(triple[3])
    # In operations on tensors, such as x + y, the second tensor is an argument.
    tensors = {key: list(references(layer, value)) for key, value in arguments.items()}
    inputs += [reference for found in tensors.values() for reference in found]
    return Call(tuple(inputs), {key: arguments[key] for key in arguments if not tensors[key]})


def _keras3_call(layer: Layer, node: Json) -> Call:
    """Read {"args": [...], "kwargs": {...}} with tensors as __keras_tensor__ objects."""
    args, kwargs = node.get("args"), node.get("kwargs", {})
    if not isinstance(args, list) or not isinstance(kwargs, dict):
        raise layer.invalid("has a malformed inbound node")
    given = {**{str(i): value for i, value in enumerate(args)}, **kwargs}
    tensors = {key: list(_keras_tensors(layer, value)) for key, value in given.items()}
    inputs = [reference for found in tensors.values() for reference in found]
    return Call(tuple(inputs), {key: given[key] for key in given if not tensors[key]})


def _keras_tensors(layer: Layer, value: object) -> Iterator[Reference]:
    if isinstance(value, list):
        for item in value:
            yield from _keras_tensors(layer, item)
    elif isinstance(value, dict) and "class_name" not in value:
        for key in sorted(value):
            yield from _keras_tensors(layer, value[key])
    elif isinstance(value, dict) and value.get("class_name") == "__keras_tensor__":
        config = value.get("config")
        history = config.get("keras_history") if isinstance(config, dict) else None
        if not isinstance(history, list) or not _is_reference(history):
            raise layer.invalid("has a tensor without a history")
        yield _reference(layer, history)
