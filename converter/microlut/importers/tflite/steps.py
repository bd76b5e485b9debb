"""Turn the steps of an operator into nodes of the graph, and check them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from math import prod

from microlut.errors import UnsupportedModel
from microlut.graph.ir import Node
from microlut.graph.network import State
from microlut.importers.tflite.file import FileTensor
from microlut.importers.tflite.tensors import check_size, graph_tensor
from microlut.importers.tflite.use import Memory, Step, Use, Value, without_batch
from microlut.ops.arrays import Shape
from microlut.ops.base import IntegerOp
from microlut.ops.linear import Linear
from microlut.ops.lookup import Lookup
from microlut.ops.relabel import units_between
from microlut.ops.reshape import Reshape
from microlut.ops.table import GATHER, QTable
from microlut.ops.tensor import Tensor
from microlut.support.unused_names import Taken

_MOVES = ("move", "reshape", "pool2d")


@dataclass(slots=True)
class Placing:
    """An operator whose steps become nodes; `names` are those of the graph so far."""

    use: Use
    names: Taken


@dataclass(slots=True)
class Placed:
    """The nodes of an operator, their integer forms, the outputs, and what they keep."""

    nodes: list[Node] = field(default_factory=list)
    states: list[State] = field(default_factory=list)
    exact: dict[str, IntegerOp] = field(default_factory=dict)
    values: list[Value] = field(default_factory=list)


def place(placing: Placing, steps: Sequence[Step]) -> Placed:
    """Return the nodes of steps.

    Raises:
        UnsupportedModel: An operator has no form for these tensors.
        InvalidInput: The shapes of the file do not fit each other.
    """
    placed = Placed()
    made: list[Tensor] = []
    for step in steps:
        read = [_tensor(placing.use, made, index) for index in step.inputs]
        shape = _shape(placing.use, step, read)
        if step.output is None:
            made.append(_between(placing, step, shape))
            _add(placing, placed, step, read, made[-1])
        else:
            made.append(_finish(placing, placed, step, read, shape))
    return placed


def _tensor(use: Use, made: Sequence[Tensor], index: int) -> Tensor:
    if index < 0:
        return made[index]
    value = use.tensor(index)
    return graph_tensor(value.name, without_batch(value.shape), value.source)


def _shape(use: Use, step: Step, read: Sequence[Tensor]) -> Shape:
    memory = () if step.memory is None else (step.memory.shape,)
    try:
        shape, *_ = step.op.shapes([*(tensor.shape for tensor in read), *memory])
    except ValueError as error:
        raise use.operator.unsupported(str(error), "change it") from error
    check_size(use.operator, shape)
    return shape


def _between(placing: Placing, step: Step, shape: Shape) -> Tensor:
    """Return a tensor that only further steps of the operator read."""
    use = placing.use
    name = placing.names.take(use.operator.name + step.suffix)
    if step.kind is not None:
        return Tensor(name, shape, *step.kind)
    source = use.outputs[0] if step.like is None else use.given(step.like).source
    return graph_tensor(name, shape, source)


def _finish(
    placing: Placing, placed: Placed, step: Step, read: Sequence[Tensor], shape: Shape
) -> Tensor:
    """Add the step that makes an output, in the shape that the file gives it."""
    use = placing.use
    assert step.output is not None
    target = use.outputs[step.output]
    full = _full(use, target, step.full, shape)
    output = graph_tensor(placing.names.take(target.name), without_batch(full), target)
    if shape == output.shape:
        _add(placing, placed, step, read, output)
    else:
        first = graph_tensor(placing.names.take(f"{target.name}_made"), shape, target)
        _add(placing, placed, step, read, first)
        _add(placing, placed, Step(Reshape(output.shape)), [first], output)
    placed.values.append(Value(target, full, output.name))
    return output


def _full(use: Use, target: FileTensor, known: Shape | None, shape: Shape) -> Shape:
    """Return the shape of an output with its batch."""
    full = target.shape if known is None else known
    if prod(full) == prod(shape):
        return full
    if target.unknown or not target.shape:
        return (1, *shape)
    raise use.operator.invalid(f"makes {list(shape)}, the file says {list(full)}")


def _add(
    placing: Placing, placed: Placed, step: Step, read: Sequence[Tensor], output: Tensor
) -> None:
    """Add a node, and its integer form in a network of integers.

    Devices move integers as they are, whatever the scale of the output says.
    """
    use = placing.use
    if use.is_integer and step.exact is None and step.op.becomes in _MOVES:
        (source,) = read
        if source.quantization != output.quantization and source.dtype == output.dtype:
            first = replace(
                output,
                name=placing.names.take(f"{output.name}_moved"),
                quantization=source.quantization,
            )
            _add(placing, placed, step, read, first)
            units = units_between(first.quantized, output.quantized)
            step, read = Step(units, exact=units.quantize), [first]
    made: tuple[Tensor, ...] = (output,)
    if step.memory is not None:
        before, after = _memory(placing, step.memory)
        placed.states.append(State(before, after.name))
        read, made = [*read, before], (output, after)
    names = tuple(tensor.name for tensor in read)
    placed.nodes.append(Node(output.name, step.op, names, made))
    if not use.is_integer:
        return
    if any(tensor.quantization is None for tensor in (*read, *made)):
        raise use.operator.unsupported(
            "goes from integers to real numbers",
            "supported are networks of integers, with real numbers at their ends only",
        )
    placed.exact[output.name] = _integers(use, step, read, made)


def _memory(placing: Placing, memory: Memory) -> tuple[Tensor, Tensor]:
    """Return what a run begins with, and what it leaves."""
    name, source = placing.use.operator.name, placing.use.given(memory.index).source
    names = [placing.names.take(f"{name}_memory{end}") for end in ("", "_next")]
    if memory.kind is not None:
        before, after = (Tensor(each, memory.shape, *memory.kind) for each in names)
    else:
        before, after = (graph_tensor(each, memory.shape, source) for each in names)
    return before, after


def _integers(use: Use, step: Step, read: Sequence[Tensor], outputs: Sequence[Tensor]) -> IntegerOp:
    """Return the integer form of a step, which computes what devices do."""
    op, output = step.op, outputs[0]
    passes = op.scale_rule == "same" and step.exact is None
    if passes and (read[0].quantized, read[0].dtype) != (output.quantized, output.dtype):
        raise use.operator.unsupported(
            "its input and its output have other scales", "supported are equal ones"
        )
    try:
        make = step.exact or op.quantize
        made = make(read, outputs)
        made.check(read, outputs)
    except UnsupportedModel as error:
        if error.obstacles:
            raise
        raise use.operator.unsupported(str(error), "give the float file") from error
    except OverflowError as error:
        raise use.operator.unsupported(
            "its scales give multipliers beyond 32 bits", "quantize it again"
        ) from error
    except ValueError as error:
        raise use.operator.unsupported(
            f"{error} cannot be converted", "devices do not compute it either"
        ) from error
    kinds = {tensor.dtype for tensor in (*read, *outputs)}
    if (len(kinds) > 1 and not made.mixes_types) or not kinds <= set(made.dtypes):
        raise use.operator.unsupported(
            f"computes between {', '.join(sorted(kinds))}", "supported is int8, often int16"
        )
    if isinstance(made, QTable) and made.builtin == GATHER and not isinstance(op, Lookup):
        raise use.operator.unsupported(
            "has no kernel for these integers on devices", "give the float file, or leave it out"
        )
    assert not isinstance(op, Linear) or step.exact is not None
    return made
