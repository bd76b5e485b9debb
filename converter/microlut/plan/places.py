"""Keep account of where tensors lie, in which buffers, and until when these are read."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from microlut.plan.kernels import Operand

_WORD = 4  # bytes; some kernels load words where channels come in fours


@dataclass(frozen=True, slots=True)
class Place:
    """A byte of a buffer, which has the name of the tensor that it was made for."""

    buffer: str
    offset: int = 0

    @property
    def is_aligned(self) -> bool:
        """Return whether kernels can read and write a tensor here."""
        return self.offset % _WORD == 0


class Places:
    """The places of the tensors of a graph, while they are decided one after the other."""

    def __init__(self, last_uses: Mapping[str, int], fixed: frozenset[str]) -> None:
        """Begin without tensors.

        Args:
            last_uses: The last step that reads each tensor.
            fixed: Tensors that callers know the places of, whose buffers stay on their own.
        """
        self._last_uses = last_uses
        self._fixed = fixed
        self._last: dict[str, int] = {}  # by buffer, the last step that reads it
        self._bytes: dict[str, int] = {}  # by buffer
        self.of: dict[str, Place] = {}

    def make(self, tensor: Operand) -> None:
        """Give a tensor a buffer of its own."""
        self.of[tensor.name] = Place(tensor.name)
        self._last[tensor.name] = self._last_uses[tensor.name]
        self._bytes[tensor.name] = tensor.size

    def join(self, tensor: Operand, place: Place) -> None:
        """Put a tensor where there is a buffer already."""
        self.of[tensor.name] = place
        self._last[place.buffer] = max(self._last[place.buffer], self._last_uses[tensor.name])

    def is_free(self, tensor: str, step: int) -> bool:
        """Return whether no step after this one reads the buffer of a tensor."""
        return self._last[self.of[tensor].buffer] == step

    def is_movable(self, tensor: Operand) -> bool:
        """Return whether a tensor takes all of a buffer that may become a part of another one."""
        buffer = self.of[tensor.name].buffer
        inside = (name for name, place in self.of.items() if place.buffer == buffer)
        return self._bytes[buffer] == tensor.size and self._fixed.isdisjoint(inside)

    def move(self, tensor: str, to: Place) -> None:
        """Make the buffer of a tensor, with all that lies in it, a part of another one."""
        buffer = self.of[tensor].buffer
        for name, old in self.of.items():
            if old.buffer == buffer:
                self.of[name] = Place(to.buffer, to.offset + old.offset)
        del self._bytes[buffer]
        self._last[to.buffer] = max(self._last[to.buffer], self._last.pop(buffer))
