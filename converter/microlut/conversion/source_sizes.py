"""Count what the C source of a plan takes: constants, whose types have known sizes, and functions.

The C of a layer is generated and read. Plans for several boards differ in few layers, so that what
a layer takes is found once for all of them.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import chain

from microlut.codegen.names import identifier
from microlut.codegen.render import LayerSources
from microlut.codegen.tensors import interface, place_names
from microlut.plan import Plan, Step
from microlut.plan.kernels.base import VECTOR_CORE

_CONSTANT = re.compile(r"^(?:static )?const (\w+) \w+(?:\[(\d+)\])?(?: \w+)? = \{", re.MULTILINE)
_FUNCTION = re.compile(r"\bmlut_\w+")


@dataclass(frozen=True, slots=True)
class Source:
    """What a model's C source takes.

    Attributes:
        data: Bytes of its constants.
        functions: Functions of the engine that it names.
        calls: Number of kernel calls.
    """

    data: int
    functions: frozenset[str]
    calls: int


@dataclass(frozen=True, slots=True)
class _Layer:
    """What the C of a step takes, and the step, which keeps its operators alive."""

    data: int
    functions: frozenset[str]
    step: Step


class SourceSizes:
    """What the C sources of some plans of a network take, without the arrays of weights.c."""

    def __init__(self, types: Mapping[str, int]) -> None:
        """Take the bytes of types in C."""
        self._types = types
        self._layers: dict[object, _Layer] = {}
        self._sources = LayerSources()

    def of(self, plan: Plan) -> Source:
        """Return what the C source of a plan takes."""
        layers = [self._layer(plan, step) for step in plan.steps]
        views = interface(plan, place_names(plan))
        tensors = [tensor.n for tensor in (*views["inputs"], *views["outputs"])]
        texts = [identifier(plan.graph.name), *tensors]
        data = self._types["mlut_model_t"] + self._types["mlut_tensor_t"] * len(tensors)
        data += sum(len(text) + 1 for text in texts) + sum(layer.data for layer in layers)
        functions = chain.from_iterable(layer.functions for layer in layers)
        return Source(data, frozenset(functions), sum(step.is_called for step in plan.steps))

    def _layer(self, plan: Plan, step: Step) -> _Layer:
        """Return what a step takes, which neither its name nor its place in the arena changes."""
        call, total = step.call, step.call.sum
        key = (
            *(id(call.op), None if total is None else id(total.op), call.in_place),
            *(step.tile, step.rows, step.winograd, step.merged, step.is_called),
            *(plan.goal.optimize == "size", plan.goal.core == VECTOR_CORE),
            None if step.segment is None else id(step.segment),
        )
        if key not in self._layers:
            text = self._sources.of(plan, step)
            data = sum(self._types[name] * int(n or 1) for name, n in _CONSTANT.findall(text))
            self._layers[key] = _Layer(data, frozenset(_FUNCTION.findall(text)), step)
        return self._layers[key]


def source_of(plan: Plan, types: Mapping[str, int]) -> Source:
    """Return what the C source of a single plan takes; see `SourceSizes`."""
    return SourceSizes(types).of(plan)
