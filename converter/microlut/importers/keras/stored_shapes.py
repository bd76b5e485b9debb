"""Find the shapes that tensors have behind an obstacle, from what the file says or Keras's rules.

They are only for finding further obstacles; no model is converted by them.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from microlut.importers.keras.calls import LayerCall
from microlut.importers.keras.config import Layer
from microlut.importers.keras.layer_use import LayerUse
from microlut.ops.arrays import Shape

# Classes without a handler whose output has the shape of their only input.
_SAME = frozenset(
    {
        *("Activation", "LayerNormalization", "GroupNormalization", "RMSNormalization"),
        *("UnitNormalization", "BatchNormalization", "PReLU", "LeakyReLU", "ELU", "ReLU"),
        *("Softmax", "ThresholdedReLU", "Masking"),
    }
)


def input_shapes(
    call: LayerCall, known: Sequence[Shape | None], count: int
) -> tuple[Shape, ...] | None:
    """Return the shapes of the tensors that a call reads; None if one is not known.

    Args:
        call: The call.
        known: The shapes that follow from the layers before it.
        count: How often its layer is called.
    """
    if len(known) > 0 and all(shape is not None for shape in known):
        return tuple(shape for shape in known if shape is not None)
    stored = _stored(call.layer, count)
    if stored is None or len(stored) != len(known):
        return None
    both = [before or after for before, after in zip(known, stored, strict=True)]
    return tuple(shape for shape in both if shape is not None) if all(both) else None


def output_shape(use: LayerUse) -> Shape | None:
    """Return the likely shape of the output of a layer that is an obstacle; None if not known."""
    same = use.layer.class_name in _SAME and len(use.shapes) == 1
    return use.shapes[0] if same else None


def _stored(layer: Layer, count: int) -> tuple[Shape | None, ...] | None:
    """Return the input shapes that Keras 3 writes; None if it wrote none, or different ones."""
    nodes = layer.entry.get("inbound_nodes")
    if isinstance(nodes, list) and nodes:
        found = {tuple(_tensors(node)) for node in nodes}
        return found.pop() if len(found) == 1 else None
    build = layer.entry.get("build_config")
    shape = build.get("input_shape") if isinstance(build, dict) and count == 1 else None
    return (_sound(shape),)


def _tensors(value: object) -> Iterator[Shape | None]:
    """Yield the shapes of all tensors in the arguments of a call, as Keras 3 writes them."""
    if isinstance(value, list):
        for item in value:
            yield from _tensors(item)
    elif isinstance(value, dict) and value.get("class_name") == "__keras_tensor__":
        config = value.get("config")
        yield _sound(config.get("shape") if isinstance(config, dict) else None)
    elif isinstance(value, dict):
        for item in value.values():
            yield from _tensors(item)


def _sound(batch_shape: object) -> Shape | None:
    """Return a shape without the batch, if all of it is known."""
    if not isinstance(batch_shape, list) or len(batch_shape) < 2:
        return None
    sizes = [n for n in batch_shape[1:] if type(n) is int and n > 0]
    return tuple(sizes) if len(sizes) == len(batch_shape) - 1 else None
