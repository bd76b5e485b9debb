#!/usr/bin/env python3
"""Write the tables of docs/reference/layers.md: what is read, as the importer's tables have it.

    .venv/bin/python scripts/list_layers.py

Operators and ranks are those that the importer makes of an example of each layer. A layer with
options that have no default needs them in `EXAMPLES`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from microlut.errors import InvalidInput, UnsupportedModel
from microlut.importers.keras.checks import HANDLERS, SUPPORTED
from microlut.importers.keras.config import Layer
from microlut.importers.keras.dropped import DROPPED
from microlut.importers.keras.known_options import options_read
from microlut.importers.keras.layer_use import Handler, LayerUse, Step, limits_of
from microlut.importers.keras.operations import OPERATIONS
from microlut.ops.arrays import FloatArray, Shape
from microlut.ops.cells import GATES
from microlut.quantize.types import computes_int16

PAGE = Path(__file__).parents[1] / "docs" / "reference" / "layers.md"
_BEGIN, _END = "<!-- made by scripts/list_layers.py -->\n", "<!-- end -->\n"
_HEAD = """| layer | options | supported are | rank | dtypes | becomes |
|---|---|---|---|---|---|
"""
_ANY_RANK = "any"
# A shape of each rank: features, sequence, picture, volume.
_SHAPES: Mapping[int, Shape] = {1: (8,), 2: (6, 8), 3: (4, 6, 8), 4: (3, 4, 6, 8)}
_MOST_TENSORS = 3
_UNITS = 2

# Options without a default, for all layers that have them.
_LSTM = {"class_name": "LSTM", "config": {"name": "lstm", "units": _UNITS}}
_CELL = {"class_name": "LSTMCell", "config": {"name": "cell", "units": _UNITS}}
_DENSE = {"class_name": "Dense", "config": {"name": "dense", "units": _UNITS}}
EXAMPLES: Mapping[str, Any] = {
    "cell": _CELL,
    "filters": 8,
    "height": 2,
    "kernel_size": 2,
    "mean": 0.5,
    "n": 2,
    "pool_size": 2,
    "target_shape": [-1],
    "units": _UNITS,
    "variance": 4.0,
    "width": 2,
}
# The same for single classes.
_OF_CLASS: Mapping[str, Mapping[str, Any]] = {
    "Activation": {"activation": "tanh"},
    "Bidirectional": {"layer": _LSTM},
    "Dot": {"axes": 1},
    "TimeDistributed": {"layer": _DENSE},
}
# Further values of options on which it depends what a layer becomes.
_VARIANTS: Mapping[str, Sequence[Any]] = {
    "groups": (2, 8),
    "interpolation": ("nearest", "bilinear"),
    "max_value": (3.0,),
    "merge_mode": ("sum", "mul"),
    "negative_slope": (0.5,),
}
_CELLS = {"GRU": "gru", "LSTM": "lstm", "RNN": "lstm", "SimpleRNN": "simple_rnn"}


@dataclass(frozen=True, slots=True)
class _Example(LayerUse):
    """The use of a layer whose arrays have the shape that is asked for."""

    def array(self, index: int, what: str, shape: Shape) -> FloatArray:
        """Return an array of ones."""
        return np.ones(shape, np.float32)


def page() -> str:
    """Return the text of the page with new tables."""
    before, begin, rest = PAGE.read_text(encoding="utf-8").partition(_BEGIN)
    _, end, after = rest.partition(_END)
    if not begin or not end:
        raise SystemExit(f"{PAGE}: found no {_BEGIN.strip()} with an {_END.strip()} behind it")
    return f"{before}{begin}{tables()}{end}{after}"


def tables() -> str:
    """Return the tables of layers, and lists of those that are dropped and of functions."""
    rows = "".join(f"| {' | '.join(_cells(name))} |\n" for name in SUPPORTED)
    keras = [name for name in OPERATIONS if name[:1].isupper()]
    tensorflow = [name for name in OPERATIONS if not name[:1].isupper()]
    return (
        f"{_HEAD}{rows}\n"
        f"Dropped, since they do nothing at inference: {_dropped()}.\n\n"
        f"Operations of `keras.ops`, by the names of their classes: {_codes(keras)}.\n\n"
        f"Functions of `tf`: {_codes(tensorflow)}.\n"
    )


def _cells(name: str) -> Iterator[str]:
    handler = HANDLERS[name]
    made = {rank: steps for rank in _SHAPES if (steps := tuple(_made(name, handler, rank)))}
    if not made:
        raise SystemExit(f"{name}: its example is refused; add its options to EXAMPLES")
    ops = {type(step.op) for steps in made.values() for step in steps}
    integer = [op for op in ops if op.becomes]
    dtypes = ""
    if integer:
        dtypes = "int8, int16" if all(map(computes_int16, integer)) else "int8"
    yield name
    yield _codes([each for each in options_read(name) if each != "data_format"])
    yield limits_of(handler)
    yield _ANY_RANK if made.keys() == _SHAPES.keys() else ", ".join(map(str, made))
    yield dtypes
    yield ", ".join(sorted(op.__name__ for op in ops))


def _made(name: str, handler: Handler, rank: int) -> Iterator[Step]:
    """Yield the steps of examples of a layer on tensors of a rank; none if these are refused."""
    shape, keys = _SHAPES[rank], options_read(name)
    given = {key: EXAMPLES[key] for key in keys if key in EXAMPLES}
    given |= _OF_CLASS.get(name, {})
    if "dims" in keys:
        given["dims"] = list(range(rank, 0, -1))
    variants = [{key: value} for key in keys for value in _VARIANTS.get(key, ())]
    for each in ({}, *variants):
        config = {"name": "example", **given, **each}
        layer = Layer(("example",), name, config, {"class_name": name, "config": config}, "example")
        use = _Example(layer, (shape,), _arrays(name, shape[-1]))
        for count in range(1, _MOST_TENSORS + 1):
            try:
                yield from handler(replace(use, shapes=(shape,) * count))
                break
            except (InvalidInput, UnsupportedModel):
                continue


def _arrays(name: str, features: int) -> tuple[FloatArray, ...]:
    """Return the arrays of a recurrent layer, which it reads by their number."""
    if name == "Bidirectional":
        return _arrays("LSTM", features) * 2
    if name not in _CELLS:
        return ()
    rows = GATES[_CELLS[name]] * _UNITS
    bias = (2, rows) if name == "GRU" else (rows,)
    return tuple(np.ones(s, np.float32) for s in ((features, rows), (_UNITS, rows), bias))


def _dropped() -> str:
    limits = {name: limits_of(handler) for name, handler in sorted(DROPPED.items())}
    return ", ".join(f"`{name}`{f' ({text})' if text else ''}" for name, text in limits.items())


def _codes(names: Sequence[str]) -> str:
    return ", ".join(f"`{name}`" for name in names)


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
