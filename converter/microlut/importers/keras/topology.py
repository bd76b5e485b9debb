"""Flattens a Keras architecture: nested and shared layers become one list of layer calls.

Only calls on the path from the input to the output are kept.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace

from microlut.errors import UnsupportedModel
from microlut.importers.keras.config import Json, Layer, child_layers, root_layer
from microlut.importers.keras.inbound import Call, Reference, calls_of, references
from microlut.support.texts import plain


@dataclass(frozen=True, slots=True)
class LayerCall:
    """One use of a layer: `name` is unique in the network, `inputs` name other calls.

    Attributes:
        name: the layer's name; further uses are called name_1, name_2, ...
        layer: what is called.
        inputs: the calls, or the network's input, that it reads.
        arguments: what the call was given besides tensors, by name or position.
    """

    name: str
    layer: Layer
    inputs: tuple[str, ...]
    arguments: Json


@dataclass(frozen=True, slots=True)
class Network:
    """All calls on the paths from input to output; `batch_shape` begins with the batch."""

    input_name: str
    batch_shape: tuple[object, ...]
    calls: tuple[LayerCall, ...]
    output_name: str


@dataclass(frozen=True, slots=True)
class Names:
    """Hands out unique names, keeping each layer's own name for its first use."""

    reserved: frozenset[str]
    used: set[str] = field(default_factory=set)

    def take(self, wanted: str) -> str:
        """Return `wanted`, or else wanted_1, wanted_2, ..., and remember it.

        Files and terminals are to show it, so it has no characters that cannot be seen.
        """
        wanted = plain(wanted)
        name, count = wanted, 0
        while name in self.used or (count and name in self.reserved):
            count += 1
            name = f"{wanted}_{count}"
        self.used.add(name)
        return name


def flatten(config: Json, source: str) -> tuple[Network, Names]:
    """Return the network of a model and the names it has used.

    Raises:
        UnsupportedModel: several inputs or outputs, or no known input shape.
        InvalidInput: the configuration is inconsistent.
    """
    model = root_layer(config, source)
    names = Names(frozenset(map(plain, _all_names(model))))
    input_name, batch_shape = model_input(model)
    input_name = names.take(input_name)
    calls: list[LayerCall] = []
    output_name = _expand(model, input_name, names, calls)
    return Network(input_name, batch_shape, _reachable(calls, output_name), output_name), names


def model_input(model: Layer) -> tuple[str, tuple[object, ...]]:
    """Return the name and batch shape of a model's only input."""
    layers = child_layers(model)
    if model.class_name != "Sequential":
        name = _only_end(model, "input_layers", "input")[0]
        found = [layer for layer in layers if layer.name == name]
        if not found:
            raise model.invalid(f"its input {name!r} is not among its layers")
        return name, _batch_shape(found[0].config) or ()
    if not layers:
        raise model.unsupported("the model has no layers", "add layers and save it again")
    first = layers[0]
    shape = _batch_shape(first.config)
    if shape is None and first.is_model:
        shape = model_input(first)[1]
    shape = shape or _built_shape(model) or _built_shape(first)
    if shape is None:
        raise model.unsupported(
            "the input's shape is not known",
            "call model.build((None, height, width, channels)) or start with keras.Input(...), "
            "then save it again",
        )
    return first.name if first.class_name == "InputLayer" else f"{first.name}_input", shape


def _batch_shape(config: Json) -> tuple[object, ...] | None:
    for key in ("batch_shape", "batch_input_shape"):
        shape = config.get(key)
        if isinstance(shape, list):
            return tuple(shape)
    return None


def _built_shape(layer: Layer) -> tuple[object, ...] | None:
    build = layer.entry.get("build_config")
    built = build.get("input_shape") if isinstance(build, dict) else None
    for shape in (layer.config.get("build_input_shape"), built):
        if isinstance(shape, list):
            return tuple(shape)
    return None


def _all_names(model: Layer) -> Iterator[str]:
    for layer in child_layers(model):
        yield layer.name
        if layer.is_model:
            yield from _all_names(layer)


def _expand(model: Layer, source: str, names: Names, calls: list[LayerCall]) -> str:
    """Append the calls of one use of a model that reads `source`; return what it returns."""
    if model.class_name == "Sequential":
        for layer in child_layers(model):
            if layer.class_name != "InputLayer":
                source = _call(layer, (source,), {}, names, calls)
        return source
    return _expand_functional(model, source, names, calls)


def _expand_functional(model: Layer, source: str, names: Names, calls: list[LayerCall]) -> str:
    layers = child_layers(model)
    functional = {layer.name for layer in layers if layer.is_functional}
    input_name = _only_end(model, "input_layers", "input")[0]
    output = _only_end(model, "output_layers", "output")
    pending = [
        (layer, index, call) for layer in layers for index, call in enumerate(calls_of(layer))
    ]
    keras3 = _is_keras3(layers)
    base = _first_indices(pending, () if keras3 else (output,))
    if keras3 and output[0] in functional and output[0] not in base and output[1] > 0:
        output = output[0], output[1] - 1  # here Keras 3 counts the call that built the model
    ready: dict[Reference, str] = {(input_name, 0): source}
    while pending:
        waiting = []
        for layer, index, call in pending:
            if all(reference in ready for reference in call.inputs):
                inputs = tuple(ready[reference] for reference in call.inputs)
                made = _call(layer, inputs, call.arguments, names, calls)
                ready[layer.name, base.get(layer.name, 0) + index] = made
            else:
                waiting.append((layer, index, call))
        if len(waiting) == len(pending):
            break
        pending = waiting
    if output not in ready:
        raise model.invalid(f"its output {output[0]!r} cannot be reached from its input")
    return ready[output]


def _call(
    layer: Layer, inputs: tuple[str, ...], arguments: Json, names: Names, calls: list[LayerCall]
) -> str:
    if not layer.is_model:
        name = names.take(layer.name)
        given = {key: value for key, value in arguments.items() if value is not None}
        calls.append(LayerCall(name, layer, inputs, given))
        return name
    if len(inputs) != 1:
        raise layer.unsupported(f"has {len(inputs)} inputs", "nested models must have one input")
    start, output = len(calls), _expand(layer, inputs[0], names, calls)
    for i, call in enumerate(calls[start:], start):  # a model hands training=True on to its layers
        calls[i] = replace(call, arguments={**arguments, **call.arguments})
    return output


def _is_keras3(layers: Iterable[Layer]) -> bool:
    """Return whether a model's calls are written as Keras 3 does."""
    nodes = (node for layer in layers for node in layer.entry.get("inbound_nodes", ()))
    return any(isinstance(node, dict) for node in nodes)


def _first_indices(
    pending: Iterable[tuple[Layer, int, Call]], outputs: Iterable[Reference]
) -> dict[str, int]:
    """Return at which index the references to each layer's calls begin: 0 or 1.

    Keras 2 counts the call that built a nested model as its call 0 but does not save it. Every
    saved call is referred to somewhere, so the highest reference tells.
    """
    highest = dict(outputs)
    counts: dict[str, int] = {}
    for layer, _, call in pending:
        counts[layer.name] = counts.get(layer.name, 0) + 1
        for name, index in call.inputs:
            highest[name] = max(highest.get(name, 0), index)
    return {name: 1 for name, count in counts.items() if highest.get(name, 0) == count}


def _only_end(model: Layer, key: str, what: str) -> Reference:
    """Return the reference of a functional model's only input or output."""
    ends = list(references(model, model.config.get(key)))
    if not ends:
        raise model.invalid(f"names no {what} layer")
    if len(ends) > 1:
        found = ", ".join(repr(name) for name, _ in ends)
        raise UnsupportedModel(
            f"{model.where}: {len(ends)} {what}s ({found}); microlut converts models with one "
            f"{what}: save a keras.Model that has only one"
        )
    return ends[0]


def _reachable(calls: list[LayerCall], output_name: str) -> tuple[LayerCall, ...]:
    needed = {output_name}
    for call in reversed(calls):
        if call.name in needed:
            needed.update(call.inputs)
    return tuple(call for call in calls if call.name in needed)
