"""Translate Keras layers into operators: one function per layer class, in the table `LAYERS`."""

from __future__ import annotations

from collections.abc import Mapping
from math import prod

from microlut.importers.keras import options
from microlut.importers.keras.activations import activation, softmax_axes
from microlut.importers.keras.along import steps_along
from microlut.importers.keras.channels_first import in_either_order
from microlut.importers.keras.dot import DOT
from microlut.importers.keras.group_norms import NORMS
from microlut.importers.keras.layer_use import Handler, LayerUse, Step, limited
from microlut.importers.keras.linear import LINEAR
from microlut.importers.keras.merges import MERGES
from microlut.importers.keras.moves import MOVING_LAYERS
from microlut.importers.keras.pools import POOLS
from microlut.importers.keras.registered import REGISTERED
from microlut.importers.keras.unit_normalization import UNIT_LAYERS
from microlut.ops.activation import ActivationKind
from microlut.ops.identity import Identity
from microlut.ops.prelu import Prelu
from microlut.ops.rectifiers import LeakyRelu
from microlut.ops.relu import Relu
from microlut.ops.reshape import Reshape
from microlut.ops.softmax import Softmax


@limited("`max_value` of at least 0; ReLU and ReLU6 are part of the layer before, others a table")
def _relu(use: LayerUse) -> tuple[Step, ...]:
    return (Step(options.relu(use.layer), use.shape),)


@limited("any shared axes; slopes are int8")
def _prelu(use: LayerUse) -> tuple[Step, ...]:
    layer, shape = use.layer, use.shape
    shared = layer.config.get("shared_axes") or []
    axes = options.integers(layer, "shared_axes") if isinstance(shared, list) and shared else []
    if not isinstance(shared, list) or any(not 1 <= axis <= len(shape) for axis in axes):
        raise layer.invalid(f"option shared_axes is {shared!r}, expected axes of its input")
    slopes = use.array(0, "alpha", tuple(1 if i in axes else n for i, n in enumerate(shape, 1)))
    one = LeakyRelu(float(slopes.reshape(-1)[0])) if slopes.size == 1 else None
    return (Step(one or Prelu(slopes), shape),)


@limited("as in [Activations](#activations)")
def _activation(use: LayerUse) -> tuple[Step, ...]:
    found = activation(use.layer, use.shape)
    if found.after is not None:
        return found.steps(use.shape, (0,))
    linear = found.fused is ActivationKind.LINEAR
    return (Step(Identity() if linear else Relu(found.fused), use.shape),)


@limited("any axes but the batch; other than the last are moved there and back")
def _softmax(use: LayerUse) -> tuple[Step, ...]:
    return steps_along(Softmax(), softmax_axes(use.layer, use.shape), use.shape)


def _flatten(use: LayerUse) -> tuple[Step, ...]:
    options.check_channels_last(use.layer)
    shape = (prod(use.shape),)
    return (Step(Reshape(shape), shape),)


def _reshape(use: LayerUse) -> tuple[Step, ...]:
    layer, size = use.layer, prod(use.shape)
    target = options.integers(layer, "target_shape")
    known = prod(n for n in target if n != -1)
    if target.count(-1) == 1 and known > 0 and size % known == 0:
        target = [size // known if n == -1 else n for n in target]
    if not target or min(target) < 1 or prod(target) != size:
        raise layer.unsupported(
            f"reshapes {list(use.shape)} to {target}",
            "supported is another shape of as many values, without the batch dimension",
        )
    return (Step(Reshape(tuple(target)), tuple(target)),)


LAYERS: Mapping[str, Handler] = {
    **REGISTERED,
    **{name: in_either_order(handler) for name, handler in {**LINEAR, **POOLS}.items()},
    **MERGES,
    **DOT,
    **{name: in_either_order(handler) for name, handler in MOVING_LAYERS.items()},
    **NORMS,
    **UNIT_LAYERS,
    "Activation": _activation,
    "Flatten": in_either_order(_flatten),
    "PReLU": _prelu,
    "ReLU": _relu,
    "Reshape": _reshape,
    "Softmax": _softmax,
}
