"""Give states their next values: in place where nothing reads the old one any more, else by copies.

A state is a tensor that outlives a run; its buffer is never lent to other tensors.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from microlut.integer import QuantizedGraph
from microlut.plan.buffers import Buffer
from microlut.plan.kernels import Call, kernel_for
from microlut.plan.places import Place, Places
from microlut.plan.plan import Copy


@dataclass(frozen=True, slots=True)
class Ending:
    """What happens after the last step.

    Attributes:
        copies: In this order.
        spares: Buffers for copies of tensors whose own buffers change.
        outputs: By the name of an output, the tensor or spare that has it at the end.
    """

    copies: tuple[Copy, ...]
    spares: tuple[Buffer, ...]
    outputs: Mapping[str, str]


def heirs(graph: QuantizedGraph, calls: Mapping[str, Call[Any]]) -> dict[str, frozenset[str]]:
    """Return, by state, what may be written over its old value: its source and what becomes it."""
    maker = {call.output.name: call for call in calls.values()}
    found = {}
    for state in graph.states:
        names, left = set[str](), [state.source]
        while left:
            call = maker.get(left.pop())
            if call is not None and call.output.name not in names:
                names.add(call.output.name)
                kernel = kernel_for(call)
                before = {*kernel.overwrites(call), *(a.input for a in kernel.aliases(call))}
                left += [call.inputs[i].name for i in before]
        found[state.tensor.name] = frozenset(names)
    return found


def inherit(graph: QuantizedGraph, places: Places) -> None:
    """Move the sources of states to the states' buffers where these are not read any more."""
    fixed = frozenset(tensor.name for tensor in graph.given())
    tensors = graph.tensors()
    for state in graph.states:
        name, source = state.tensor.name, tensors[state.source]
        if places.is_movable(source, fixed) and places.follows(source.name, name):
            places.move(source.name, Place(name))


def find_ending(graph: QuantizedGraph, places: Mapping[str, Place]) -> Ending:
    """Return the copies that give the other states their next values.

    Outputs that are old values of such states are copied first. A state changes when no other one
    needs its old value any more; in a circle of states, one needs a copy of that.
    """
    end, tensors = len(graph.nodes), graph.tensors()
    names: dict[str, str] = {}  # of the spares, by the tensors that they are copies of
    spares: list[Buffer] = []
    copies: list[Copy] = []

    def saved(name: str) -> str:
        if name not in names:
            names[name] = _free(f"copy of {name}", {*tensors, *names.values()})
            spares.append(Buffer(names[name], tensors[name].bytes, end, end))
            copies.append(Copy(name, names[name], tensors[name].bytes))
        return names[name]

    sources = {
        state.tensor.name: state.source
        for state in graph.states
        if places[state.source] != Place(state.tensor.name)
    }
    outputs = {
        name: saved(name) if places[name].buffer in sources else name for name in graph.outputs
    }
    while sources:
        needed = {name: _buffer(source, places) for name, source in sources.items()}
        free = next((name for name in sources if name not in needed.values()), None)
        if free is None:
            held = next(iter(sources))
            sources |= {n: saved(sources[n]) for n, buffer in needed.items() if buffer == held}
        else:
            copies.append(Copy(sources.pop(free), free, tensors[free].bytes))
    return Ending(tuple(copies), tuple(spares), outputs)


def _free(wanted: str, taken: set[str]) -> str:
    """Return a name that no tensor has."""
    return wanted if wanted not in taken else _free(f"{wanted}'", taken)


def _buffer(name: str, places: Mapping[str, Place]) -> str:
    """Return the buffer of a tensor, or the spare itself."""
    return places[name].buffer if name in places else name
