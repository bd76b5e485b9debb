"""Find the arrays of each layer in an `.h5` file's list for a top-level layer or model.

Keras stores a nested model's arrays as one list and reads them back by position. Their names do not
identify a layer: they may repeat, have slashes, or be from before a layer was renamed.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass

from microlut.importers.keras.config import Layer, applied_model, child_layers
from microlut.importers.keras.options import flag
from microlut.importers.keras.sharing import fingerprint
from microlut.importers.keras.variables import variables

Positions = dict[str, int]  # by variable
_Identity = Callable[[Layer], Hashable]


@dataclass(frozen=True, slots=True)
class _Slot:
    """One variable of a layer."""

    layer: Layer
    variable: str
    trainable: bool


def positions(
    top: Layer, names: Sequence[str], version: int
) -> list[tuple[Layer, Positions]] | None:
    """Return the positions of each layer's variables in the list; None if it does not fit.

    Args:
        top: A top-level layer or nested model.
        names: Names of its arrays in the file's order.
        version: Keras's major version.
    """
    rules = (_keras3_order, _keras2_order) if version > 2 else (_keras2_order, _keras3_order)
    candidates = [
        (_unique(rule(top), identity), identity)
        for rule in rules
        for identity in (_by_path, fingerprint)
    ]
    fitting = [(order, identity) for order, identity in candidates if _fits(order, names)]
    if not fitting:
        return None
    order, identity = max(fitting, key=lambda candidate: _agreement(candidate[0], names))
    found: dict[Hashable, Positions] = {}
    for index, slot in enumerate(order):
        found.setdefault(identity(slot.layer), {})[slot.variable] = index
    owners = {slot.layer.path: slot.layer for slot in _flat(top)}
    return [
        (layer, {each.name: found[identity(layer)][each.name] for each in variables(layer)})
        for layer in owners.values()
    ]


def _by_path(layer: Layer) -> Hashable:
    return layer.path


def _flat(layer: Layer) -> list[_Slot]:
    layer = applied_model(layer) or layer
    if layer.is_model:
        return [slot for child in child_layers(layer) for slot in _flat(child)]
    return [_Slot(layer, variable.name, variable.trainable) for variable in variables(layer)]


def _keras3_order(top: Layer) -> list[_Slot]:
    """Return the trainable variables, then the others; a frozen model's by layers."""
    slots = _flat(top)
    return (
        sorted(slots, key=lambda slot: not slot.trainable)
        if flag(top, "trainable", True)
        else slots
    )


def _keras2_order(top: Layer) -> list[_Slot]:
    """Return the trainable variables, then the others, with frozen models inside the others."""
    trainable, others = _keras2_parts(top)
    return trainable + others


def _keras2_parts(layer: Layer) -> tuple[list[_Slot], list[_Slot]]:
    applied = applied_model(layer)
    if applied is not None:
        trainable, others = _keras2_parts(applied)
    elif layer.is_model:
        parts = [_keras2_parts(child) for child in child_layers(layer)]
        trainable = [slot for part in parts for slot in part[0]]
        others = [slot for part in parts for slot in part[1]]
    else:
        slots = _flat(layer)
        trainable = [slot for slot in slots if slot.trainable]
        others = [slot for slot in slots if not slot.trainable]
    return (trainable, others) if flag(layer, "trainable", True) else ([], trainable + others)


def _unique(order: list[_Slot], identity: _Identity) -> list[_Slot]:
    """Return the order with each variable of a shared layer only once."""
    first: dict[Hashable, _Slot] = {}
    for slot in order:
        first.setdefault((identity(slot.layer), slot.variable), slot)
    return list(first.values())


def _fits(order: list[_Slot], names: Sequence[str]) -> bool:
    """Return whether every name ends with that of its variable, as in a/kernel:0."""
    return len(order) == len(names) and all(
        re.sub(r"(_\d+)?(:\d+)?$", "", name).endswith(slot.variable.rpartition("/")[2])
        for slot, name in zip(order, names, strict=True)
    )


def _agreement(order: list[_Slot], names: Sequence[str]) -> int:
    """Return how many names have that of their layer before the variable's."""
    return sum(
        f"/{name}".rpartition("/")[0].endswith(f"/{slot.layer.name}")
        for slot, name in zip(order, names, strict=True)
    )
