"""Keep the frames of earlier runs that layers read again: as states, next to the new frames."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from microlut.graph.network import State
from microlut.graph.passes.rewrite import free_name
from microlut.integer import QNode
from microlut.ops.concatenate import QConcatenate
from microlut.ops.move import QMove
from microlut.ops.movement import Axis, taken, whole
from microlut.ops.tensor import Tensor
from microlut.streaming.timed import Beat, Read, Timed, resized


@dataclass(slots=True)
class _Buffer:
    """The frames of a tensor that are at hand in a run.

    Attributes:
        tensor: All of them.
        begin: The first of them, less c * count of run c.
        views: Parts of them by their first frame and the one after the last, less c * count.
    """

    tensor: Tensor
    begin: int
    views: dict[tuple[int, int], Tensor] = field(default_factory=dict)


@dataclass(slots=True)
class Buffers:
    """The buffers of a network under construction.

    Attributes:
        beat: What all runs have in common.
        taken: Names that are taken.
        nodes: The nodes so far, in execution order.
        states: The states so far.
        known: Tensors as each run makes them, by name.
    """

    beat: Beat
    taken: set[str]
    nodes: list[QNode] = field(default_factory=list)
    states: list[State] = field(default_factory=list)
    known: dict[str, Tensor] = field(default_factory=dict)
    _first: dict[str, int] = field(default_factory=dict)  # that is read, less c * count, by name
    _buffers: dict[str, _Buffer] = field(default_factory=dict)

    def ask(self, name: str, timed: Timed, read: Read) -> None:
        """Note that a tensor is read, before it is made."""
        first, _ = read.range(timed, self.beat)
        self._first[name] = min(first, self._first.get(name, first))

    def made(self, tensor: Tensor, timed: Timed | None) -> None:
        """Add a tensor that has been made, with what must be kept of it for later runs."""
        self.known[tensor.name] = tensor
        if timed is None:
            return
        begin, new = -timed.delay, self.beat.count(timed)
        kept = max(0, begin - self._first.get(tensor.name, begin))
        buffer = _Buffer(tensor, begin - kept)
        buffer.views[begin, begin + new] = tensor
        self._buffers[tensor.name] = buffer
        if not kept:
            return
        axis = timed.axis
        old = self._tensor(tensor, "kept", axis, kept)
        buffer.tensor = self._tensor(tensor, "window", axis, kept + new)
        join = QConcatenate(axis)
        self._add(join, (old, tensor), buffer.tensor)
        buffer.views[buffer.begin, begin + new] = buffer.tensor
        self.states.append(State(old, self._part(buffer, axis, new, kept).name))

    def view(self, name: str, timed: Timed, read: Read) -> Tensor:
        """Return the tensor of the frames that are read, after adding it if need be."""
        buffer, (begin, end) = self._buffers[name], read.range(timed, self.beat)
        if (begin, end) not in buffer.views:
            made = self._part(buffer, timed.axis, begin - buffer.begin, end - begin)
            buffer.views[begin, end] = made
        return buffer.views[begin, end]

    def _part(self, buffer: _Buffer, axis: int, first: int, count: int) -> Tensor:
        """Return `count` frames of a buffer as a tensor, after adding it."""
        known = buffer.views.get((buffer.begin + first, buffer.begin + first + count))
        if known is not None:
            return known
        source = buffer.tensor
        places = [whole(size) for size in source.shape]
        places[axis] = Axis(first, 1, count)
        made = self._tensor(source, "part", axis, count)
        self._add(QMove(taken(source.shape, places)), (source,), made)
        buffer.views[buffer.begin + first, buffer.begin + first + count] = made
        return made

    def _tensor(self, like: Tensor, suffix: str, axis: int, count: int) -> Tensor:
        name = free_name(f"{like.name}/{suffix}", self.taken)
        return replace(like, name=name, shape=resized(like.shape, axis, count))

    def _add(self, op: QConcatenate | QMove, inputs: tuple[Tensor, ...], output: Tensor) -> None:
        names = tuple(tensor.name for tensor in inputs)
        self.nodes.append(QNode(output.name, op, names, (output,)))
