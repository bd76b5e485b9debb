"""Translate a Keras architecture and its arrays into a float graph."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from math import prod

from microlut.errors import Obstacle
from microlut.graph.ir import Graph, Node, single
from microlut.importers.keras.calls import LayerCall, Names
from microlut.importers.keras.checks import (
    NOT_SUPPORTED,
    SUPPORTED,
    check_call,
    handler_of,
    kind_of,
    with_sound_activation,
)
from microlut.importers.keras.config import KerasModel, LayerPath
from microlut.importers.keras.layer_use import PREVIOUS, Handler, LayerUse, Step
from microlut.importers.keras.quantized_dense import dequantized
from microlut.importers.keras.recorded_ranges import ranged
from microlut.importers.keras.stored_shapes import input_shapes, output_shape
from microlut.importers.keras.topology import BatchShape, Network, flatten
from microlut.importers.keras.variables import Arrays
from microlut.importers.obstacles import Collected
from microlut.importers.translation import CONSTANT_OUTPUT, LARGEST_TENSOR, LayerSeen, Translation
from microlut.ops.arrays import Shape
from microlut.ops.tensor import Tensor
from microlut.support.texts import plain

_OF_CONSTANTS = (
    "supported is that as an output of its own: leave it out of what depends on the inputs, and "
    "compute that with NumPy or in the program that calls the network"
)
_Known = dict[str, tuple[str, Shape | None]]  # tensors and their shapes by the names of calls


@dataclass(slots=True)
class _Work:
    """The state of a translation; `tensors` has what calls read."""

    model: KerasModel
    names: Names
    tensors: _Known
    calls: Counter[LayerPath]
    collected: Collected
    nodes: list[Node] = field(default_factory=list)
    layers: list[LayerSeen] = field(default_factory=list)


def to_graph(model: KerasModel, name: str) -> Graph:
    """Return the float graph of a Keras model.

    Args:
        model: Architecture and arrays.
        name: Name of the graph.

    Raises:
        UnsupportedModel: A layer or option cannot be converted; it names all of these.
        InvalidInput: Keras would not have written this architecture or these arrays.
    """
    return translate(model, name).checked()


def translate(model: KerasModel, name: str) -> Translation:
    """Translate a Keras model as far as possible, and collect all obstacles on the way.

    Raises:
        UnsupportedModel: The model is no network of layers whose input is known.
        InvalidInput: Keras would not have written this architecture.
    """
    network, names = flatten(model.config, model.source)
    collected = Collected(list(model.obstacles))
    given = {name: _input_shape(name, shape, collected) for name, shape in network.inputs}
    tensors: _Known = {name: (name, shape) for name, shape in given.items()}
    calls = Counter(call.layer.path for call in network.calls)
    work = _Work(model, names, tensors, calls, collected)
    seen: set[LayerPath] = set()
    for call in network.calls:
        _translate(call, work)
        arrays = () if call.layer.path in seen else model.weights.get(call.layer.path, ())
        seen.add(call.layer.path)
        shape, parameters = work.tensors[call.name][1], sum(array.size for array in arrays)
        work.layers.append(LayerSeen(call.name, kind_of(call.layer), shape, parameters))
    graph = None if collected.obstacles else _graph(name, network, given, work)
    classes = any(each.found.endswith(NOT_SUPPORTED) for each in collected.obstacles)
    supported = SUPPORTED if classes else ()
    return Translation(model.source, graph, tuple(work.layers), collected, supported)


def _graph(name: str, network: Network, given: dict[str, Shape | None], work: _Work) -> Graph:
    inputs = tuple(Tensor(each, shape) for each, shape in given.items() if shape is not None)
    outputs = tuple(work.tensors[made][0] for made in network.outputs.values())
    names = tuple(network.outputs)
    notes = tuple(f"output {each!r}: {CONSTANT_OUTPUT}" for each in network.constants)
    return Graph(plain(name), inputs, tuple(work.nodes), outputs, (), names, notes=notes)


def _translate(call: LayerCall, work: _Work) -> None:
    """Add the nodes of a call, or else its obstacles, and the tensor that it makes."""
    collected, layer = work.collected, call.layer
    work.tensors[call.name] = call.name, None
    check_call(call, collected)
    handler = handler_of(layer)
    if call.reads_constant:
        collected.add(layer.unsupported("reads a constant and no tensor", _OF_CONSTANTS).obstacles)
        return
    if not call.inputs:
        if handler is not None:
            collected.add(layer.invalid("reads no tensor").obstacles)
        return
    known = [work.tensors[name][1] for name in call.inputs]
    shapes = input_shapes(call, known, work.calls[layer.path])
    if handler is not None:
        layer = with_sound_activation(layer, shapes[0] if shapes else None, collected)
    if shapes is None:
        if handler is not None:
            collected.unchecked.append(call.name)
        return
    stored = work.model.weights.get(layer.path, ())
    arrays: list[Arrays] = []
    if not collected.check(layer, lambda: arrays.append(dequantized(layer, stored))):
        return
    use = LayerUse(layer, shapes, arrays[0], call.arguments, call.output, call.places)
    if handler is not None and collected.check(
        layer, lambda: work.nodes.extend(_nodes_of(call, use, handler, work))
    ):
        work.tensors[call.name] = work.nodes[-1].name, work.nodes[-1].shape
        return
    work.tensors[call.name] = call.name, output_shape(use)


def _nodes_of(call: LayerCall, use: LayerUse, handler: Handler, work: _Work) -> list[Node]:
    read = [work.tensors[name][0] for name in call.inputs]
    nodes: list[Node] = []
    for step in ranged(handler(use), work.model.ranges.get(call.layer.path, {})):
        name = work.names.take(call.name + step.suffix) if step.suffix else call.name
        inputs = tuple(nodes[i].name if i <= PREVIOUS else read[i] for i in step.inputs)
        nodes.append(_node(call, name, step, inputs))
    return nodes


def _node(call: LayerCall, name: str, step: Step, inputs: tuple[str, ...]) -> Node:
    if prod(step.shape) > LARGEST_TENSOR:
        raise call.layer.unsupported(
            f"its output has shape {list(step.shape)}",
            f"tensors may have {LARGEST_TENSOR} elements: use a smaller model",
        )
    return single(name, step.op, inputs, step.shape)


def _input_shape(name: str, batch_shape: BatchShape, collected: Collected) -> Shape | None:
    """Return an input's shape without the batch dimension, or collect why it cannot be used."""
    shape = batch_shape[1:]
    known = tuple(n for n in shape if type(n) is int and 0 < n <= LARGEST_TENSOR)
    if any(n is None for n in shape):
        shown = ", ".join("?" if n is None else str(n) for n in shape)
        found = f"shape [{shown}] has unknown dimensions"
        advice = (
            "firmware needs them all: build the model with a fixed input, such as "
            "keras.Input((32, 32, 3)), and copy the weights"
        )
    elif not shape or len(known) != len(shape):
        found = f"batch shape {list(batch_shape)}"
        advice = (
            "expected [None, height, width, channels] or [None, features]: build the model with "
            "keras.Input(shape)"
        )
    elif prod(known) > LARGEST_TENSOR:
        found = f"shape {list(known)} has more than {LARGEST_TENSOR} elements"
        advice = "use a smaller model"
    else:
        return known
    collected.add([Obstacle(name, f"input {name!r}", found, advice)])
    return None
