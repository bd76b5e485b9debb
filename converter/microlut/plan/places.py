"""Keep account of where tensors lie, in which buffers, and from when to when these are needed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from microlut.ops.tensor import Tensor

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

    def __init__(self, last_uses: Mapping[str, int], heirs: Mapping[str, frozenset[str]]) -> None:
        """Begin without tensors.

        Args:
            last_uses: The last step that reads each tensor.
            heirs: By the name of a state, the tensors that may be written over its old value.
        """
        self._last_uses = last_uses
        self._heirs = heirs
        self._first: dict[str, int] = {}  # by buffer, the step that makes its first tensor
        self._last: dict[str, int] = {}  # by buffer, the last step that reads it
        self._bytes: dict[str, int] = {}  # by buffer
        self.of: dict[str, Place] = {}

    def make(self, tensor: Tensor, step: int) -> None:
        """Give a tensor a buffer of its own."""
        self.of[tensor.name] = Place(tensor.name)
        self._first[tensor.name] = step
        self._last[tensor.name] = self._last_uses[tensor.name]
        self._bytes[tensor.name] = tensor.bytes

    def join(self, tensor: Tensor, place: Place) -> None:
        """Put a tensor where there is a buffer already."""
        self.of[tensor.name] = place
        self._last[place.buffer] = max(self._last[place.buffer], self._last_uses[tensor.name])

    def is_free(self, tensor: str, step: int, writer: str) -> bool:
        """Return whether no step after this one reads the buffer of a tensor.

        That of a state is only free for its heirs, the tensors that become its next value.
        """
        buffer = self.of[tensor].buffer
        return self._last[buffer] == step and self.admits(buffer, writer)

    def admits(self, buffer: str, writer: str) -> bool:
        """Return whether a tensor may be written to a buffer once it is not read any more."""
        return writer in self._heirs.get(buffer, {writer})

    def is_of_state(self, tensor: str) -> bool:
        """Return whether a tensor lies in the buffer of a state."""
        return self.of[tensor].buffer in self._heirs

    def is_movable(self, tensor: Tensor, fixed: frozenset[str]) -> bool:
        """Return whether a tensor takes all of a buffer that holds none of the fixed ones."""
        buffer = self.of[tensor.name].buffer
        inside = (name for name, place in self.of.items() if place.buffer == buffer)
        return self._bytes[buffer] == tensor.bytes and fixed.isdisjoint(inside)

    def follows(self, tensor: str, buffer: str) -> bool:
        """Return whether the buffer of a tensor is needed only when another one is read no more."""
        return self._first[self.of[tensor].buffer] > self._last[buffer]

    def move(self, tensor: str, to: Place) -> None:
        """Make the buffer of a tensor, with all that lies in it, a part of another one."""
        buffer = self.of[tensor].buffer
        for name, old in self.of.items():
            if old.buffer == buffer:
                self.of[name] = Place(to.buffer, to.offset + old.offset)
        del self._bytes[buffer]
        self._first[to.buffer] = min(self._first[to.buffer], self._first.pop(buffer))
        self._last[to.buffer] = max(self._last[to.buffer], self._last.pop(buffer))
