"""Translate recurrent layers: LSTM, GRU, SimpleRNN, RNN of their cells, and Bidirectional."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from microlut.importers.keras import options
from microlut.importers.keras.activations import Activation, activation
from microlut.importers.keras.config import Layer
from microlut.importers.keras.known_options import check_options
from microlut.importers.keras.layer_use import PREVIOUS, Handler, LayerUse, Step, limited
from microlut.importers.keras.merges import mean_of
from microlut.importers.unrolled import MOST_STEPS, CellFunctions, unrolled
from microlut.ops.activation import ActivationKind
from microlut.ops.add import Add
from microlut.ops.arrays import FloatArray, Shape, frozen_array
from microlut.ops.base import FloatOp
from microlut.ops.cells import GATES, Cell
from microlut.ops.concatenate import Concatenate
from microlut.ops.mul import Mul
from microlut.ops.recurrent import Recurrent
from microlut.ops.relu import Relu

_CELLS: Mapping[str, Cell] = {"LSTM": "lstm", "GRU": "gru", "SimpleRNN": "simple_rnn"}
_LAYERS = (*_CELLS, "RNN")
_ADVICE = "change the layer and train the model again"
_USUAL = {"activation": "tanh", "recurrent_activation": "sigmoid"}  # of all cells
_SOURCE = -1  # the layer's input, where others are numbers of steps


@dataclass(frozen=True, slots=True)
class _Wrapped:
    """A layer, its cell's options, and its arrays.

    Attributes:
        layer: The layer, with the options of the loop over time.
        cell_layer: What has the options of the cell; the layer itself unless it is an RNN.
        kind: Class of the layer without "Cell".
        arrays: Its arrays.
    """

    layer: Layer
    cell_layer: Layer
    kind: str
    arrays: Sequence[NDArray[np.generic]]

    @property
    def cell(self) -> Cell:
        """What a step computes."""
        cell = _CELLS[self.kind]
        after = options.flag(self.cell_layer, "reset_after", True)
        return "gru_reset_before" if cell == "gru" and not after else cell


@limited(
    f"functions other than tanh and sigmoid: up to {MOST_STEPS} steps, which become operators of "
    "their own; `return_state`, `stateful` and `time_major` False; no initial state and no mask; "
    "RNN: of LSTMCell, GRUCell or SimpleRNNCell"
)
def _recurrent(use: LayerUse) -> tuple[Step, ...]:
    _check_call(use)
    return _steps(_read(_unwrapped(use.layer, use.weights), use.shape), use)


@limited("LSTM, GRU, SimpleRNN or RNN")
def _bidirectional(use: LayerUse) -> tuple[Step, ...]:
    _check_call(use)
    layer, mode = use.layer, use.layer.config.get("merge_mode", "concat")
    if mode not in (None, "ave", "concat", "mul", "sum"):
        raise layer.invalid(
            f"option merge_mode is {mode!r}, expected concat, sum, ave, mul or null"
        )
    forward = _inner(layer, layer.config.get("layer"))
    if layer.config.get("backward_layer") is None:
        turned = not options.flag(forward, "go_backwards", False)
        backward = replace(forward, config={**forward.config, "go_backwards": turned})
    else:
        backward = _inner(layer, layer.config["backward_layer"])
    half = len(use.weights) // 2
    first, functions = _read(_unwrapped(forward, use.weights[:half]), use.shape)
    second, others = _read(_unwrapped(backward, use.weights[half:]), use.shape)
    if first.backwards is second.backwards or first.sequences is not second.sequences:
        raise layer.invalid("its layers must differ in go_backwards and agree in return_sequences")
    second = replace(second, flipped=second.sequences)
    shapes = [op.shapes([use.shape])[0] for op in (first, second)]
    directions = (first, functions), (second, others)
    if mode is None:  # two outputs
        return _steps(directions[use.output], use)
    merge: FloatOp
    if mode == "concat":
        merge = Concatenate(len(shapes[0]) - 1)
    elif shapes[0] == shapes[1]:
        merge = Mul() if mode == "mul" else Add()
    else:
        raise layer.unsupported(f"merges shapes {shapes}", f"they must be equal: {_ADVICE}")
    reading_back = _steps(directions[1], use, "_backward")
    merged = Step(merge, merge.shapes(shapes)[0], (PREVIOUS - len(reading_back), PREVIOUS))
    return (
        *_steps(directions[0], use, "_forward"),
        *reading_back,
        *(mean_of(merged, 2) if mode == "ave" else (merged,)),
    )


RECURRENT: Mapping[str, Handler] = {
    **dict.fromkeys(_LAYERS, _recurrent),
    "Bidirectional": _bidirectional,
}


def _check_call(use: LayerUse) -> None:
    layer = use.layer
    if len(use.shapes) != 1:
        raise layer.unsupported(
            f"reads {len(use.shapes)} tensors", "supported is an initial state of zeros"
        )
    if use.arguments.get("mask") is not None:
        raise layer.unsupported("is called with a mask", "supported are sequences of one length")
    if len(use.shape) != 2:
        raise layer.unsupported(
            f"reads shape {list(use.shape)}", "supported is [steps, features]: reshape it before"
        )


def _inner(layer: Layer, entry: object) -> Layer:
    """Return a layer that is an option of another one."""
    if not isinstance(entry, dict) or not isinstance(entry.get("config"), dict):
        raise layer.invalid("wraps no layer")
    made = layer.part(entry)
    options.check_policy(made)
    check_options(made)
    return made


def _unwrapped(layer: Layer, arrays: Sequence[NDArray[np.generic]]) -> _Wrapped:
    """Return a layer with its cell; refuse those of other classes."""
    cell = layer
    if layer.class_name == "RNN":
        cell = _inner(layer, layer.config.get("cell"))
    kind = cell.class_name.removesuffix("Cell") if cell is not layer else cell.class_name
    if layer.is_custom or cell.is_custom or kind not in _CELLS:
        found = f"custom {cell.class_name}" if cell.is_custom else cell.class_name
        raise layer.unsupported(
            f"holds a {found}", f"supported are {', '.join(_CELLS)}, and RNN of their cells"
        )
    return _Wrapped(layer, cell, kind, arrays)


def _steps(
    found: tuple[Recurrent, CellFunctions | None], use: LayerUse, suffix: str = ""
) -> tuple[Step, ...]:
    """Return the operators of a layer: one, or those of all its time steps."""
    op, functions = found
    if functions is None:
        return (Step(op, op.shapes([use.shape])[0], suffix=suffix),)
    if use.shape[0] > MOST_STEPS:
        raise use.layer.unsupported(
            f"has other functions than tanh and sigmoid, and reads {use.shape[0]} steps",
            f"then up to {MOST_STEPS} are supported: shorten the sequences, or train the model "
            "again with tanh and sigmoid",
        )
    steps: list[Step] = []

    def add(op: FloatOp, inputs: tuple[int, ...], name: str) -> int:
        number = len(steps)
        shape = op.shapes([use.shape if i == _SOURCE else steps[i].shape for i in inputs])[0]
        before = tuple(0 if i == _SOURCE else PREVIOUS + 1 + i - number for i in inputs)
        own = f"{suffix}{name}_{number}" if name else suffix  # the last step has none
        steps.append(Step(op, shape, before, own))
        return number

    unrolled(op, functions, _SOURCE, use.shape[0], add)
    return tuple(steps)


def _read(found: _Wrapped, shape: Shape) -> tuple[Recurrent, CellFunctions | None]:
    """Return a layer as an operator, and its functions if the operator lacks them."""
    layer, cell = found.layer, found.cell
    for key, why in (
        ("return_state", f"supported is the output alone: {_ADVICE}"),
        (
            "stateful",
            "give the same weights to a model with stateful=False over whole windows; --stream "
            "then lets its state go on from run to run",
        ),
        ("time_major", f"supported is the batch before the time: {_ADVICE}"),
    ):
        if options.flag(layer, key, False):
            raise layer.unsupported(f"{key}=True", why)
    units = options.integer(found.cell_layer, "units")
    rows = GATES[cell] * units
    parts: list[tuple[str, Shape]] = [
        ("kernel", (shape[-1], rows)),
        ("recurrent_kernel", (units, rows)),
    ]
    if options.flag(found.cell_layer, "use_bias", True):
        parts.append(("bias", (2, rows) if cell == "gru" else (rows,)))
    if len(found.arrays) != len(parts):
        raise layer.invalid(f"has {len(found.arrays)} arrays, expected {len(parts)}")
    arrays = [
        options.array(layer, values, name, size)
        for values, (name, size) in zip(found.arrays, parts, strict=True)
    ]
    bias, recurrent_bias = _biases(arrays[2] if len(arrays) == 3 else np.zeros(rows), cell, units)
    given = replace(found.cell_layer, config={**_USUAL, **found.cell_layer.config})
    read = [activation(given, (units,), key) for key in _USUAL]
    usual = [each.name for each in read] == [*_USUAL.values()]
    own, gate = map(_operator, read)
    functions = None if usual else CellFunctions(gate, own, own)
    op = Recurrent(
        frozen_array(np.concatenate([arrays[0].T, arrays[1].T], axis=1)),
        frozen_array(bias),
        frozen_array(recurrent_bias),
        cell,
        options.flag(layer, "return_sequences", False),
        options.flag(layer, "go_backwards", False),
    )
    return op, functions


def _biases(found: FloatArray | NDArray[np.float64], cell: Cell, units: int) -> tuple[object, ...]:
    """Return what is added to the products of the input, and to those of the hidden state.

    Where both are summed up, the first one takes all.
    """
    if found.ndim == 1:
        return found, np.zeros(len(found))
    wide = found.astype(np.float64)
    split = np.arange(wide.shape[1]) >= 2 * units
    return wide[0] + np.where(split, 0.0, wide[1]), np.where(split, wide[1], 0.0)


def _operator(found: Activation) -> FloatOp | None:
    """Return an activation as an operator of its own, if it changes anything."""
    if found.after is None and found.fused is not ActivationKind.LINEAR:
        return Relu(found.fused)
    return found.after
