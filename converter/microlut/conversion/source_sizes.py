"""Count what the C source of a plan takes: constants, whose types have known sizes, and functions.

The C of a layer is generated and read. Plans for several boards differ in few layers, so that what
a layer takes is found once for all of them.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import chain

from microlut.codegen.contents import runs_of
from microlut.codegen.names import identifier
from microlut.codegen.render import LayerSources
from microlut.codegen.tensors import interface, place_names
from microlut.plan import Plan, Step
from microlut.plan.kernels.base import VECTOR_CORE

_CONSTANT = re.compile(r"^(?:static )?const (\w+) \w+(?:\[(\d+)\])?(?: \w+)? = \{", re.MULTILINE)
_FUNCTION = re.compile(r"\bmlut_\w+")
# Arrays of weights.c, of which two belong to a structure of entropy-coded indices.
_ARRAY = re.compile(r"\bx_(?:indices|codebook|channels|(?:hidden_)?biases)_x\b")
_CODE = "&x_code_x"
_POINTER_BYTES = 4


@dataclass(frozen=True, slots=True)
class Source:
    """What a model's C source takes.

    Attributes:
        data: Bytes of its constants.
        checked: Bytes of what says how to check them.
        functions: Functions of the engine that it names.
        calls: Number of kernel calls.
    """

    data: int
    checked: int
    functions: frozenset[str]
    calls: int


@dataclass(frozen=True, slots=True)
class _Layer:
    """What the C of a step takes, and the step, which keeps its operators alive.

    Attributes:
        arrays: Number of arrays.
        structures: Types of its structures, and how many elements each has.
    """

    data: int
    arrays: int
    structures: tuple[tuple[str, int], ...]
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
        structures = [each for layer in layers for each in layer.structures]
        ends = (len(views["inputs"]), len(views["outputs"]))
        structures += [("mlut_model_t", 1), *(("mlut_tensor_t", count) for count in ends)]
        arrays = len(texts) + sum(layer.arrays for layer in layers)
        return Source(
            data,
            self._checked(arrays, structures),
            frozenset((*functions, "mlut_check")),
            sum(step.is_called for step in plan.steps),
        )

    def _checked(self, arrays: int, structures: Sequence[tuple[str, int]]) -> int:
        """Return the bytes of templates/check.c.j2 for arrays and structures."""
        runs = {kind: runs_of(kind) for kind, _ in structures}
        fields = sum(2 * len(each) + 2 for each in runs.values())
        pointers = sum(n * sum(not size for _, size in runs[kind]) for kind, n in structures)
        lists = self._types["mlut_contents_t"] + arrays * self._types["mlut_checked_array_t"]
        lists += len(structures) * self._types["mlut_checked_structures_t"]
        return lists + fields + pointers * _POINTER_BYTES

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
            constants = [(name, int(n or 1)) for name, n in _CONSTANT.findall(text)]
            structures = [each for each in constants if each[0].startswith("mlut_")]
            arrays = len(constants) - len(structures) + len(set(_ARRAY.findall(text)))
            if _CODE in text:
                arrays += 2
                structures.append(("mlut_code_t", 1))
            self._layers[key] = _Layer(
                data=sum(self._types[name] * n for name, n in constants),
                arrays=arrays,
                structures=tuple(structures),
                functions=frozenset(_FUNCTION.findall(text)),
                step=step,
            )
        return self._layers[key]


def source_of(plan: Plan, types: Mapping[str, int]) -> Source:
    """Return what the C source of a single plan takes; see `SourceSizes`."""
    return SourceSizes(types).of(plan)
