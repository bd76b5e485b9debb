"""Translate layers and functions that divide vectors by their lengths."""

from __future__ import annotations

from collections.abc import Mapping

from microlut.importers.keras import options
from microlut.importers.keras.along import steps_along
from microlut.importers.keras.arguments import axes_of, taking
from microlut.importers.keras.config import Json
from microlut.importers.keras.layer_use import Handler, LayerUse, Step, limited
from microlut.ops.unit_normalization import UnitNormalization

_LARGEST_EPSILON = 1e-6


@limited("any axes but the batch")
def _layer(use: LayerUse) -> tuple[Step, ...]:
    axes = options.axes(use.layer, len(use.shape))
    if not axes:
        raise use.layer.unsupported("axis=[]", "supported is one axis or more, such as axis=-1")
    return steps_along(UnitNormalization(), axes, use.shape)


@taking("axis|dim", "order", "epsilon")
def _normalize(use: LayerUse, given: Json) -> tuple[Step, ...]:
    """Read keras.ops.normalize."""
    if given.get("order", 2) != 2:
        raise use.layer.unsupported(
            f"order={given['order']}", "supported is order=2, the length: change it and train again"
        )
    given = {"axis": -1, **given}
    return _along(use, given)


@taking("axis|dim", "epsilon")
def _l2_normalize(use: LayerUse, given: Json) -> tuple[Step, ...]:
    """Read tf.math.l2_normalize."""
    return _along(use, given)


def _along(use: LayerUse, given: Json) -> tuple[Step, ...]:
    epsilon = given.get("epsilon") or 0.0
    if not isinstance(epsilon, int | float) or not 0 <= epsilon <= _LARGEST_EPSILON:
        raise use.layer.unsupported(
            f"epsilon={str(epsilon)[:40]}",
            f"supported are at most {_LARGEST_EPSILON:g}: integer vectors are divided by none",
        )
    if given.get("axis") is None:
        raise use.layer.unsupported(
            "axis=None is all values of all inputs", "supported are axes other than the batch"
        )
    axes = axes_of(use, given["axis"])
    if len(set(axes)) < len(axes) or not axes:
        raise use.layer.invalid(f"axis={given['axis']} is no list of different axes")
    return steps_along(UnitNormalization(), sorted(axes), use.shape)


UNIT_LAYERS: Mapping[str, Handler] = {"UnitNormalization": _layer}
UNIT_FUNCTIONS: Mapping[str, Handler] = {
    "Normalize": _normalize,
    **{f"{module}.l2_normalize": _l2_normalize for module in ("linalg", "math", "nn")},
}
