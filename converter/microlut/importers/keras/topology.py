"""Flatten a Keras architecture: nested and shared layers become one list of layer calls.

Only calls on the paths from the inputs to the outputs are kept.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from microlut.importers.keras.batch_sizes import without_batch_sizes
from microlut.importers.keras.calls import LayerCall, Names
from microlut.importers.keras.config import (
    STEPWISE,
    Json,
    Layer,
    applied_model,
    child_layers,
    root_layer,
    stepwise,
)
from microlut.importers.keras.execution_order import in_execution_order
from microlut.importers.keras.inbound import Call, Reference, calls_of, references
from microlut.importers.keras.lambdas import computed, meaning_of
from microlut.importers.keras.size import check_size
from microlut.support.texts import plain

BatchShape = tuple[object, ...]  # as the file has it
Tensors = tuple[str, ...]  # by the names of calls or inputs


@dataclass(frozen=True, slots=True)
class Network:
    """All calls on the paths from the inputs to the outputs.

    Attributes:
        inputs: Name and shape of each; the shape begins with the batch.
        calls: Calls, in an executable order.
        outputs: Names of the calls or inputs that are outputs, by the names that users know.
        constants: Outputs that are the same for all inputs, by these names; they are left out.
    """

    inputs: tuple[tuple[str, BatchShape], ...]
    calls: tuple[LayerCall, ...]
    outputs: Mapping[str, str]
    constants: tuple[str, ...] = ()


def flatten(config: Json, source: str) -> tuple[Network, Names]:
    """Return the network of a model, and the names that it uses.

    Raises:
        UnsupportedModel: The shape of the input is not known.
        InvalidInput: The configuration is inconsistent.
    """
    model = root_layer(config, source)
    check_size(model)
    names = Names(frozenset(map(plain, _all_names(model))))
    inputs = tuple((names.take(name), shape) for name, shape in model_inputs(model))
    calls: list[LayerCall] = []
    outputs = _expand(model, tuple(name for name, _ in inputs), names, calls)
    wanted = _output_names(model, outputs)
    if len(wanted) != len(outputs):
        raise model.invalid(f"names {len(wanted)} outputs and has {len(outputs)}")
    ends = dict(zip(wanted, outputs, strict=True))
    fixed = _constants(calls)
    kept = {name: made for name, made in ends.items() if made not in fixed} or ends
    left_out = tuple(name for name in ends if name not in kept)
    return Network(inputs, _reachable(calls, tuple(kept.values())), kept, left_out), names


def _output_names(model: Layer, outputs: Tensors) -> list[str]:
    """Return the names of the outputs for users: keys of a dict, or names of layers."""
    if model.class_name == "Sequential":
        return list(outputs)
    given = model.config.get("output_layers")
    keys = sorted(given) if isinstance(given, dict) else []
    wanted = keys or [name for name, _, _ in _ends(model, "output_layers", "output")]
    names = Names(frozenset(map(plain, wanted)))
    return [names.take(name) for name in wanted]


def model_inputs(model: Layer) -> list[tuple[str, BatchShape]]:
    """Return the names and batch shapes of a model's inputs."""
    layers = child_layers(model)
    if model.class_name != "Sequential":
        found = {layer.name: layer for layer in layers}
        ends = [name for name, _, _ in _ends(model, "input_layers", "input")]
        for name in ends:
            if name not in found:
                raise model.invalid(f"its input {name!r} is not among its layers")
        return [(name, _batch_shape(found[name].config) or ()) for name in ends]
    if not layers:
        raise model.unsupported("the model has no layers", "add layers and save it again")
    first = layers[0]
    shape = _batch_shape(first.config)
    if shape is None and first.is_model:
        shape = model_inputs(first)[0][1]
    shape = shape or _built_shape(model) or _built_shape(first)
    if shape is None:
        raise model.unsupported(
            "the input's shape is not known",
            "call model.build((None, height, width, channels)) or start with keras.Input(...), "
            "then save it again",
        )
    return [(first.name if first.class_name == "InputLayer" else f"{first.name}_input", shape)]


def _batch_shape(config: Json) -> BatchShape | None:
    for key in ("batch_shape", "batch_input_shape"):
        shape = config.get(key)
        if isinstance(shape, list):
            return tuple(shape)
    return None


def _built_shape(layer: Layer) -> BatchShape | None:
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


def _expand(model: Layer, sources: Tensors, names: Names, calls: list[LayerCall]) -> Tensors:
    """Append the calls of one use of a model that reads `sources`, and return its outputs."""
    if model.class_name != "Sequential":
        return _expand_functional(model, sources, names, calls)
    for layer in child_layers(model):
        if layer.class_name != "InputLayer":
            sources = _called(LayerCall(layer.name, layer, sources, {}), (0,), names, calls)
    return sources


def _expand_functional(
    model: Layer, sources: Tensors, names: Names, calls: list[LayerCall]
) -> Tensors:
    layers = without_batch_sizes(child_layers(model))
    ends = _ends(model, "input_layers", "input")
    if len(ends) != len(sources):
        raise model.invalid(f"is called with {len(sources)} tensors and has {len(ends)} inputs")
    outputs = _ends(model, "output_layers", "output")
    read = _outputs_read(layers, outputs)
    pending = [
        (layer, index, call) for layer in layers for index, call in enumerate(calls_of(layer))
    ]
    keras3 = _is_keras3(layers)
    base = _first_indices(pending, () if keras3 else outputs)
    if keras3:
        outputs = [_without_building_call(output, layers, base) for output in outputs]
    ready: dict[Reference, str] = {
        (name, 0, tensor): source for (name, _, tensor), source in zip(ends, sources, strict=True)
    }
    sources_made = {(name, number) for name, number, _ in ready}
    for layer, index, call in in_execution_order(pending, sources_made, base):
        if any(reference not in ready for reference in call.inputs):
            continue  # an output that the call before does not have
        inputs = tuple(ready[reference] for reference in call.inputs)
        given = LayerCall(layer.name, layer, inputs, call.arguments, places=call.places)
        which = sorted(read.get(layer.name, {0}))
        made = _called(given, which, names, calls)
        where = layer.name, base.get(layer.name, 0) + index
        whole = applied_model(layer) is not None or layer.is_model
        numbers = range(len(made)) if whole else which
        ready.update({(*where, i): each for i, each in zip(numbers, made, strict=False)})
    for output in outputs:
        if output not in ready:
            raise model.invalid(f"its output {output[0]!r} cannot be reached from its inputs")
    return tuple(ready[output] for output in outputs)


def _outputs_read(layers: Sequence[Layer], outputs: Iterable[Reference]) -> Mapping[str, set[int]]:
    """Return which outputs of each layer or operation are read."""
    read = [*outputs, *(r for layer in layers for call in calls_of(layer) for r in call.inputs)]
    found: dict[str, set[int]] = {}
    for name, _, output in read:
        found.setdefault(name, set()).add(output)
    return found


def _without_building_call(
    output: Reference, layers: Iterable[Layer], base: Mapping[str, int]
) -> Reference:
    """Return the reference of an output among the saved calls.

    If a nested model is called nowhere else, Keras 3 counts the call that built it, too.
    """
    name, index, tensor = output
    functional = {layer.name for layer in layers if layer.is_functional}
    counted = name in functional and name not in base and index > 0
    return (name, index - 1, tensor) if counted else output


def _called(
    given: LayerCall, which: Sequence[int], names: Names, calls: list[LayerCall]
) -> Tensors:
    """Append a call, once per output that is read, and return the names of the outputs.

    Of a nested model, these are all outputs.
    """
    layer, arguments = given.layer, given.arguments
    meaning = meaning_of(layer, len(given.inputs))
    if meaning is not None:
        if any(which):
            raise layer.unsupported("several of its outputs are read", "supported is one")
        return (computed(given, meaning, names, calls),)
    applied = applied_model(layer)
    if applied is None and not layer.is_model:
        made = tuple(names.take(layer.name) for _ in which)
        known = {key: value for key, value in arguments.items() if value is not None}
        calls.extend(
            replace(given, name=name, arguments=known, output=i)
            for i, name in zip(which, made, strict=True)
        )
        return made
    _, steps = stepwise(layer)
    start, outputs = len(calls), _expand(applied or layer, given.inputs, names, calls)
    for i, call in enumerate(calls[start:], start):  # a model hands training=True on to its layers
        inner = call.layer
        for _ in range(steps):
            inner = _on_each_step(inner)
        calls[i] = replace(call, layer=inner, arguments={**arguments, **call.arguments})
    return outputs


def _on_each_step(layer: Layer) -> Layer:
    """Return a TimeDistributed of a layer, with the path of the layer and so with its arrays."""
    entry = {**layer.entry, "class_name": layer.class_name, "config": layer.config}
    config = {"name": layer.name, "layer": entry}
    outer = {"class_name": STEPWISE, "config": config}
    return replace(layer, class_name=STEPWISE, config=config, entry=outer)


def _is_keras3(layers: Iterable[Layer]) -> bool:
    """Return whether a model's calls are written as by Keras 3."""
    nodes = (node for layer in layers for node in layer.entry.get("inbound_nodes", ()))
    return any(isinstance(node, dict) for node in nodes)


def _first_indices(
    pending: Iterable[tuple[Layer, int, Call]], outputs: Iterable[Reference]
) -> dict[str, int]:
    """Return the index, 0 or 1, at which the references to each layer's calls begin.

    Keras 2 counts the call that built a nested model as its call 0 but does not save it. Every
    saved call is referenced somewhere, so the highest reference shows which.
    """
    highest: dict[str, int] = {}
    for name, index, _ in outputs:
        highest[name] = max(highest.get(name, 0), index)
    counts: dict[str, int] = {}
    for layer, _, call in pending:
        counts[layer.name] = counts.get(layer.name, 0) + 1
        for name, index, _ in call.inputs:
            highest[name] = max(highest.get(name, 0), index)
    return {name: 1 for name, count in counts.items() if highest.get(name, 0) == count}


def _ends(model: Layer, key: str, what: str) -> list[Reference]:
    """Return the references of a functional model's inputs or outputs."""
    ends = list(references(model, model.config.get(key)))
    if not ends:
        raise model.invalid(f"names no {what} layer")
    return ends


def _constants(calls: Iterable[LayerCall]) -> set[str]:
    """Return the names of calls that no input reaches, such as the anchors of a detector."""
    found: set[str] = set()
    for call in calls:
        if call.reads_constant or (call.inputs and found.issuperset(call.inputs)):
            found.add(call.name)
    return found


def _reachable(calls: list[LayerCall], outputs: Tensors) -> tuple[LayerCall, ...]:
    needed = set(outputs)
    for call in reversed(calls):
        if call.name in needed:
            needed.update(call.inputs)
    return tuple(call for call in calls if call.name in needed)
