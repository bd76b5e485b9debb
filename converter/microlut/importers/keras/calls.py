"""Calls of layers, and a source of unique names for them."""

from __future__ import annotations

from dataclasses import dataclass, field

from microlut.importers.keras.config import Json, Layer
from microlut.support.texts import plain
from microlut.support.unused_names import Taken


@dataclass(frozen=True, slots=True)
class LayerCall:
    """One use of a layer: `name` is unique in the network, `inputs` name other calls.

    Attributes:
        name: The layer's name; further uses are called name_1, name_2, ...
        layer: The layer that is called.
        inputs: Names of the calls, or of the network's inputs, that it reads.
        arguments: Arguments of the call other than tensors, by name or position.
        output: Which output of the layer this is; a layer with several is called for each.
        places: Names or positions of the arguments that the inputs are; empty if unknown.
    """

    name: str
    layer: Layer
    inputs: tuple[str, ...]
    arguments: Json
    output: int = 0
    places: tuple[str, ...] = ()

    @property
    def reads_constant(self) -> bool:
        """Return whether a constant stands where the first tensor would, and nothing else does."""
        return not self.inputs and "0" in self.arguments


@dataclass(frozen=True, slots=True)
class Names:
    """A source of unique names, which reserves each layer's own name for its first use."""

    reserved: frozenset[str]
    used: Taken = field(default_factory=Taken)

    def take(self, wanted: str) -> str:
        """Return `wanted`, or else wanted_1, wanted_2, ..., and remember it.

        Files and terminals show the name, so invisible characters are replaced.
        """
        wanted = plain(wanted)
        if wanted in self.used:
            return self.used.take_numbered(wanted, self.reserved)
        return self.used.take(wanted)
