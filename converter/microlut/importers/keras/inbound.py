"""Read the calls of a layer, `inbound_nodes`, as Keras 2 and Keras 3 write them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from microlut.errors import UnsupportedModel
from microlut.importers.keras.config import Json, Layer

Reference = tuple[str, int, int]  # (layer, which of its calls, which of the call's tensors)
_CONSTANT = "_CONSTANT_VALUE"  # stands where Keras 2 was given a constant as the first argument


@dataclass(frozen=True, slots=True)
class Call:
    """One entry of `inbound_nodes`.

    Attributes:
        inputs: The tensors.
        arguments: Arguments other than tensors, by name or position.
        places: Names or positions of the arguments that the tensors are, or are in.
    """

    inputs: tuple[Reference, ...]
    arguments: Json
    places: tuple[str, ...] = ()


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
        if any(triple[0] == _CONSTANT for triple in triples):
            raise _mixed(layer)
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
    for key, found in tensors.items():
        if found and _count_lists(arguments[key]) != len(found):
            raise _mixed(layer)
    places = [str(place) for place in _free_places(len(inputs), arguments)]
    places += [key for key, found in tensors.items() for _ in found]
    inputs += [reference for found in tensors.values() for reference in found]
    rest = {key: arguments[key] for key in arguments if not tensors[key]}
    return Call(tuple(inputs), rest, tuple(places))


def _free_places(count: int, arguments: Json) -> list[int]:
    """Return the positions of `count` tensors, between those of constants."""
    free = (i for i in range(count + len(arguments)) if str(i) not in arguments)
    return [next(free) for _ in range(count)]


def _count_lists(value: Any) -> int:  # noqa: ANN401 - JSON is untyped
    """Return how many tensors an argument of Keras 2 is if it is nothing else."""
    if isinstance(value, dict):
        value = list(value.values())
    if not isinstance(value, list):
        return 1
    return 1 if _is_reference(value) else sum(_count_lists(item) for item in value)


def _mixed(layer: Layer) -> UnsupportedModel:
    return layer.unsupported(
        "reads a list of tensors and constants", "supported are lists of tensors"
    )


def _keras3_call(layer: Layer, node: Json) -> Call:
    """Read {"args": [...], "kwargs": {...}} with tensors as __keras_tensor__ objects."""
    args, kwargs = node.get("args"), node.get("kwargs", {})
    if not isinstance(args, list) or not isinstance(kwargs, dict):
        raise layer.invalid("has a malformed inbound node")
    given = {**{str(i): value for i, value in enumerate(args)}, **kwargs}
    tensors = {key: list(_keras_tensors(layer, value)) for key, value in given.items()}
    for key, found in tensors.items():
        if found and _count_leaves(given[key]) != len(found):
            raise _mixed(layer)
    inputs = [reference for found in tensors.values() for reference in found]
    places = tuple(key for key, found in tensors.items() for _ in found)
    return Call(tuple(inputs), {key: given[key] for key in given if not tensors[key]}, places)


def _count_leaves(value: Any) -> int:  # noqa: ANN401 - JSON is untyped
    """Return how many tensors an argument of Keras 3 is if it is nothing else."""
    if isinstance(value, dict) and "class_name" not in value:
        value = list(value.values())
    return sum(map(_count_leaves, value)) if isinstance(value, list) else 1


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
