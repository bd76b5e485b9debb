"""Places of extreme values, which the end of a network may be: the firmware gives the scores."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace

from microlut.importers.onnx.use import Handler, Use
from microlut.importers.onnx.values import Live, Stored, Value

_TYPE = "places of "
_SINGLE_AXIS = 13  # opset from which Hardmax is along one dimension, by default the last one
# What gives the same places in another type or shape.
_SAME = frozenset({"Cast", "Flatten", "Identity", "Reshape", "Squeeze", "Unsqueeze"})


def kind_of(value: Value | None) -> str | None:
    """Return the operator that makes places; None of other values."""
    stored = value.stored if isinstance(value, Live) else None
    found = stored is not None and stored.dtype.startswith(_TYPE)
    return stored.dtype.removeprefix(_TYPE) if found and stored is not None else None


def same_places(use: Use, kind: str) -> Iterable[Value | None] | None:
    """Return the outputs of an operator that reads places; None if it reads none.

    Raises:
        UnsupportedModel: It computes with them.
    """
    made = next(filter(None, map(kind_of, use.values)), None)
    if made is None:
        return None
    if kind not in _SAME or kind_of(use.values[0]) is None:
        raise use.operator.unsupported(
            f"reads places that {made} makes",
            f"supported is {made} at the end: cut the model there, and do the rest in the program",
        )
    return (use.values[0],)


def _places(use: Use) -> Iterable[Value | None]:
    live = use.live()
    default = 0
    if use.operator.kind == "Hardmax":
        default = -1 if use.operator.opset >= _SINGLE_AXIS else 1
    axis = use.axis(int(use.option("axis", default)), len(live.shape))
    if axis == live.batch:
        live = use.whole(live)
    return (replace(live, stored=Stored(1.0, 0, _TYPE + use.operator.kind)),)


PLACES: Mapping[str, Handler] = dict.fromkeys(("ArgMax", "ArgMin", "Hardmax"), _places)
