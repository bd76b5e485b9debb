"""Translate LSTM, GRU and RNN, in either layout and direction."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from microlut.importers.onnx.use import Handler, Use
from microlut.importers.onnx.values import Live, Value
from microlut.importers.unrolled import MOST_STEPS, CellFunctions, unrolled_from
from microlut.ops.activation import ActivationKind
from microlut.ops.arrays import frozen_array
from microlut.ops.base import FloatOp
from microlut.ops.cells import GATES, Cell
from microlut.ops.concatenate import Concatenate
from microlut.ops.movement import Axis, whole
from microlut.ops.rectifiers import Elu, LeakyRelu
from microlut.ops.recurrent import Recurrent
from microlut.ops.relu import Relu
from microlut.ops.reshape import Reshape
from microlut.ops.saturating import HardSigmoid, Softplus, Softsign
from microlut.ops.sigmoid import Sigmoid
from microlut.ops.slice import Slice
from microlut.ops.tanh import Tanh

_TRAIN = "change the layer and train the model again"
_FUNCTIONS: Mapping[str, tuple[str, ...]] = {
    "LSTM": ("sigmoid", "tanh", "tanh"),
    "GRU": ("sigmoid", "tanh"),
    "RNN": ("tanh",),
}
_OPERATORS: Mapping[str, FloatOp] = {
    "elu": Elu(1.0),
    "hardsigmoid": HardSigmoid(0.2),
    "leakyrelu": LeakyRelu(0.01),
    "relu": Relu(ActivationKind.RELU),
    "sigmoid": Sigmoid(),
    "softplus": Softplus(),
    "softsign": Softsign(),
    "tanh": Tanh(),
}
# The places of ONNX's gates in the order of the operator's: i, o, f, c become i, f, c, o.
_ORDER: Mapping[str, tuple[int, ...]] = {"LSTM": (0, 2, 3, 1), "GRU": (0, 1, 2), "RNN": (0,)}
_DIRECTIONS: Mapping[str, tuple[bool, ...]] = {
    "forward": (False,),
    "reverse": (True,),
    "bidirectional": (False, True),
}


@dataclass(frozen=True, slots=True)
class _Layer:
    """A layer: what its cells compute, in which directions, with how many units."""

    cell: Cell
    backwards: tuple[bool, ...]
    units: int
    functions: tuple[CellFunctions | None, ...]  # of each direction, if they are not the usual ones


def _recurrent(use: Use) -> Iterable[Value | None]:
    layer = _checked(use)
    sequences_first = not use.option("layout", 0)
    live = use.batched(use.live(), 1 if sequences_first else 0)
    if len(live.shape) != 3:
        raise use.operator.invalid(f"reads shape {list(live.shape)}, expected three dimensions")
    steps, count = live.inner[0], len(layer.backwards)
    every, last = (*use.wanted, False, False)[:2]
    pairs = [_one(use, live, layer, i, sequences=every) for i in range(count)]
    made = [output for output, _ in pairs]
    outputs: list[Value | None] = [None, None, None]
    if every:
        joined = _joined(use, made, 1)
        parts = use.chain(joined, Reshape((steps, count, layer.units)), suffix="_states")
        if sequences_first:
            outputs[0] = use.given(parts, (steps, count, 1, layer.units), 2)
        else:
            outputs[0] = use.given(parts, (1, steps, count, layer.units), 0)
    if last:
        states = made
        if every:
            states = [
                use.chain(
                    tensor,
                    Slice((Axis(0 if back else steps - 1, 1, 1), whole(layer.units))),
                    Reshape((layer.units,)),
                    suffix="_last",
                )
                for tensor, back in zip(made, layer.backwards, strict=True)
            ]
        outputs[1] = _state(use, states, layer.units)
    if any(use.wanted[2:]):
        cells = [use.chain(c, Reshape((layer.units,))) for _, c in pairs if c is not None]
        outputs[2] = _state(use, cells, layer.units)
    return outputs


def _state(use: Use, states: list[str], units: int) -> Live:
    """Return the states of all directions [units] as ONNX has them."""
    count = len(states)
    joined = use.chain(_joined(use, states, 0), Reshape((count, units)))
    if use.option("layout", 0):
        return use.given(joined, (1, count, units), 0)
    return use.given(joined, (count, 1, units), 1)


def _initial(use: Use, layer: _Layer, place: int, index: int) -> str | None:
    """Return an initial state [1, units] of a direction; None if it is zeros."""
    value = use.values[place] if place < len(use.values) else None
    if not isinstance(value, Live):
        return None
    live = use.batched(value.real, 0 if use.option("layout", 0) else 1)
    if live.inner != (len(layer.backwards), layer.units):
        raise use.operator.invalid(f"begins with a state of shape {list(live.shape)}")
    own = Slice((Axis(index, 1, 1), whole(layer.units)))
    return use.chain(live.tensor, own, suffix=f"_first{place}")


def _joined(use: Use, tensors: list[str], axis: int) -> str:
    return tensors[0] if len(tensors) == 1 else use.add(Concatenate(axis), *tensors)


def _checked(use: Use) -> _Layer:
    """Return what kind of layer it is; raise UnsupportedModel for what no operator computes."""
    operator, kind = use.operator, use.operator.kind
    direction = use.option("direction", "forward")
    backwards = _DIRECTIONS.get(direction)
    if backwards is None:
        raise operator.invalid(f"direction is {direction!r}")
    functions = _functions(use, len(backwards))
    if use.option("clip", None) is not None or use.option("input_forget", 0):
        raise operator.unsupported("clip or input_forget", f"supported is neither: {_TRAIN}")
    peepholes = use.maybe(7, "its peepholes") if kind == "LSTM" else None
    if peepholes is not None and np.asarray(peepholes).any():
        raise operator.unsupported("has peepholes", f"supported are cells without: {_TRAIN}")
    steps = use.live().shape[1 if use.option("layout", 0) else 0]
    lengths = use.integers(4, "sequence_lens")
    if lengths is not None and any(n != steps for n in lengths):
        raise operator.unsupported(
            f"sequence_lens {lengths}", f"supported are sequences of all {steps} steps"
        )
    for index in (5, 6):
        state = use.values[index] if index < len(use.values) else None
        if isinstance(state, np.ndarray) and state.any():
            raise operator.unsupported(
                "begins with a state other than zeros", "supported is an initial state of zeros"
            )
    cells: Mapping[str, Cell] = {
        "LSTM": "lstm",
        "GRU": "gru" if use.option("linear_before_reset", 0) else "gru_reset_before",
        "RNN": "simple_rnn",
    }
    weights = np.asarray(use.constant(2, "its recurrent weights"))
    return _Layer(cells[kind], backwards, int(weights.shape[-1]), functions)


def _one(
    use: Use, live: Live, layer: _Layer, index: int, *, sequences: bool
) -> tuple[str, str | None]:
    """Add the layer in one direction; return what it makes, and the cell state if it is read."""
    kind, cell, units = use.operator.kind, layer.cell, layer.units
    rows, count = GATES[cell] * units, len(layer.backwards)
    own = use.weights(1, "its weights", (count, rows, live.inner[1]))[index]
    recurrent = use.weights(2, "its recurrent weights", (count, rows, units))[index]
    biases = np.zeros((2, rows))
    if use.maybe(3, "its biases") is not None:
        biases = use.weights(3, "its biases", (count, 2 * rows))[index].reshape(2, rows)
    kernel = _ordered(np.concatenate([own, recurrent], axis=1), kind, units)
    first, second = (_ordered(each, kind, units).astype(np.float64) for each in biases)
    # Only a GRU that resets after the products needs those of its candidate apart.
    apart = np.zeros(rows, bool)
    if cell == "gru":
        apart[2 * units :] = True
    back = layer.backwards[index]
    op = Recurrent(
        frozen_array(kernel),
        frozen_array(first + np.where(apart, 0.0, second)),
        frozen_array(np.where(apart, second, 0.0)),
        cell,
        sequences,
        back,
        back and sequences,
    )
    suffix = "" if count == 1 else ("_forward", "_backward")[index]
    functions, steps = layer.functions[index], live.inner[0]
    initial = _initial(use, layer, 5, index), _initial(use, layer, 6, index)
    plain = initial == (None, None) and not any(use.wanted[2:])
    if functions is None and plain:
        return use.add(op, live.tensor, suffix=suffix), None
    if steps > MOST_STEPS:
        what = "gives its cell state, or begins with given states"
        if functions is not None:
            what = f"has other activations than {list(_FUNCTIONS[kind])}"
        raise use.operator.unsupported(
            f"{what}, and reads {steps} steps",
            f"then up to {MOST_STEPS} are supported: shorten the sequences, or {_TRAIN}",
        )
    if functions is None:
        functions = CellFunctions(Sigmoid(), Tanh(), Tanh())

    def add(op: FloatOp, inputs: tuple[str, ...], name: str) -> str:
        return use.add(op, *inputs, suffix=suffix + name)

    return unrolled_from(op, functions, live.tensor, steps, add, initial)


def _functions(use: Use, directions: int) -> tuple[CellFunctions | None, ...]:
    """Return the functions of the cells, by direction; None for the usual ones."""
    usual = _FUNCTIONS[use.operator.kind]
    given = [str(each).lower() for each in use.option("activations", None) or []]
    given = given or [*usual] * directions
    if len(given) != len(usual) * directions:
        raise use.operator.invalid(f"has {len(given)} activations, not {len(usual) * directions}")
    unknown = sorted({*given} - {*_OPERATORS})
    if unknown:
        raise use.operator.unsupported(
            f"activations {unknown}", f"supported are {', '.join(_OPERATORS)}: {_TRAIN}"
        )
    numbers = {name: use.option(name, None) for name in ("activation_alpha", "activation_beta")}
    if any(numbers.values()):
        raise use.operator.unsupported(
            f"{' and '.join(name for name, value in numbers.items() if value)}",
            f"supported are the defaults: {_TRAIN}",
        )
    found: list[CellFunctions | None] = []
    for first in range(0, len(given), len(usual)):
        each = tuple(given[first : first + len(usual)])
        # An RNN has one, a GRU two, and an LSTM three.
        gate, candidate, output = each[0], each[min(1, len(each) - 1)], each[-1]
        made = (_OPERATORS[name] for name in (gate, candidate, output))
        found.append(None if each == usual else CellFunctions(*made))
    return tuple(found)


def _ordered(values: NDArray[Any], kind: str, units: int) -> NDArray[Any]:
    """Return rows with the gates in the order of the operator."""
    gates = values.reshape(-1, units, *values.shape[1:])
    return np.concatenate([gates[i] for i in _ORDER[kind]])


RECURRENT: Mapping[str, Handler] = dict.fromkeys(_FUNCTIONS, _recurrent)
