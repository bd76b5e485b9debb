"""Attribute the cost of an inference to kernel calls."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal

from microlut.errors import RunFailed
from microlut.support.shown import Record, Shown

Unit = Literal["instructions", "microseconds"]  # counted in emulators, timed on boards


@dataclass(frozen=True, slots=True, repr=False)
class LayerProfile(Shown):
    """One kernel call, from the return of the previous call to its own.

    Attributes:
        name: The layer.
        kind: Its operator.
        merged: Layers that the same call computes as well.
        bits: Bits per weight; None without weights.
        weight_bytes: Packed indices, codebooks and output stages in flash, of merged layers too.
        macs: Multiply-accumulates, of merged layers too.
        cost: Executed instructions, exactly, or microseconds, as the profile says.
    """

    name: str
    kind: str
    merged: tuple[str, ...]
    bits: int | None
    weight_bytes: int
    macs: int
    cost: int

    @property
    def cost_per_mac(self) -> float | None:
        """Return the cost per multiply-accumulate, or None without any."""
        return self.cost / self.macs if self.macs else None


@dataclass(frozen=True, slots=True, repr=False)
class Profile(Shown):
    """One inference. `outside` is the cost between the probes outside kernel calls."""

    layers: tuple[LayerProfile, ...]
    outside: int
    unit: Unit = "instructions"

    @property
    def cost(self) -> int:
        """Return the whole cost between the probes."""
        return sum(layer.cost for layer in self.layers) + self.outside

    def records(self) -> list[Record]:
        """Return a record per kernel call."""
        return [self._layer_json(layer) for layer in self.layers]

    def as_json(self) -> dict[str, object]:
        """Return the profile as JSON values, with the unit as the key of costs."""
        return {
            "layers": [self._layer_json(layer) for layer in self.layers],
            "outside": self.outside,
            self.unit: self.cost,
        }

    def _layer_json(self, layer: LayerProfile) -> Record:
        fields = asdict(layer)
        cost = fields.pop("cost")
        return fields | {self.unit: cost, f"{self.unit}_per_mac": layer.cost_per_mac}


def make_profile(
    layers: Sequence[Mapping[str, Any]], pieces: Sequence[int], unit: Unit = "instructions"
) -> Profile:
    """Attribute the pieces of one inference to layers.

    Args:
        layers: Those of report.json, in execution order.
        pieces: Costs before the first call and its function, of each call, after the last.
        unit: Their unit.

    Raises:
        RunFailed: The number of calls is not that of the report.
    """
    before, *calls, after = pieces
    done_by = [layer["kernel"] for layer in layers]
    called = [layer for layer in layers if layer["kernel"] == layer["name"]]
    if len(calls) != len(called):
        raise RunFailed(
            f"profile: the firmware made {len(calls)} kernel calls and the report has "
            f"{len(called)}; run `microlut convert` again"
        )
    rows = []
    for layer, cost in zip(called, calls, strict=True):
        name = layer["name"]
        done = [other for other, by in zip(layers, done_by, strict=True) if by == name]
        rows.append(
            LayerProfile(
                name=name,
                kind=layer["kind"],
                merged=tuple(other["name"] for other in done if other["name"] != name),
                bits=layer["bits"],
                weight_bytes=sum(each["weight_bytes"] + each["parameter_bytes"] for each in done),
                macs=sum(each["macs"] for each in done),
                cost=cost,
            )
        )
    return Profile(tuple(rows), before + after, unit)
