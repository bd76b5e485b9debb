"""A random network as a value: what Keras makes of it, and how it is quantized.

A recipe's `repr` is the Python that makes it, so that a failing one becomes a test as it is.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, fields, replace
from typing import Any

Options = Mapping[str, Any]
STEPWISE = "TimeDistributed of "  # before "Model" and "Sequential"


class _Brief:
    """Shows the fields that are not the default."""

    def __repr__(self) -> str:
        own = ((f, getattr(self, f.name)) for f in fields(self))  # type: ignore[arg-type]
        shown = [f"{f.name}={value!r}" for f, value in own if value != _default(f)]
        return f"{type(self).__name__}({', '.join(shown)})"


def _default(f: Any) -> object:
    return f.default_factory() if callable(f.default_factory) else f.default


@dataclass(frozen=True, repr=False)
class Constant(_Brief):
    """An array of numbers, uniformly distributed."""

    shape: tuple[int, ...]
    seed: int
    low: float = -1.0
    high: float = 1.0


@dataclass(frozen=True, repr=False)
class Part(_Brief):
    """A layer that is an option of another one, such as a cell or an activation."""

    what: str
    options: Options = field(default_factory=dict)


@dataclass(frozen=True, repr=False)
class Given(_Brief):
    """An input: its values are normally distributed about `center`."""

    name: str
    shape: tuple[int, ...]
    spread: float = 1.0
    center: float = 0.0


@dataclass(frozen=True, repr=False)
class Call(_Brief):
    """A layer or function that is applied to tensors.

    Attributes:
        name: Of its output; weights are drawn by it.
        what: A class of `keras.layers`; "ops.NAME" and "operator.NAME" for functions; "item" for a
            subscript; "Model" and "Sequential" for the recipe in the option `inner`, which is
            applied to each step behind `STEPWISE`.
        reads: Names of tensors.
        options: By name; `Part` and `Constant` stand for what Keras wants there.
        shares: Name of the call whose layer it is; empty: a new one.
    """

    name: str
    what: str
    reads: tuple[str, ...]
    options: Options = field(default_factory=dict)
    shares: str = ""


@dataclass(frozen=True, repr=False)
class Recipe(_Brief):
    """A network.

    Attributes:
        seed: Of weights and inputs.
        given: Its inputs.
        calls: In an order in which they can be computed.
        outputs: Names of tensors.
        bits: Per weight; 0: each layer has its own number.
        granularity: What shares a scale.
        method: How weights are quantized.
        ends: Whether inputs and outputs are lists or dicts.
        form: Where the importer reads it from.
        library: The module of Keras that makes it: "keras", or "tf_keras" for Keras 2.
        bent: Whether ranges of activations are altered.
        wide: The share of its tensors that are int16, if their operators can make them.
        state: Name of the input that is a state instead; it becomes the value of `source`.
        source: Name of a tensor.
    """

    seed: int
    given: tuple[Given, ...]
    calls: tuple[Call, ...]
    outputs: tuple[str, ...]
    bits: int = 8
    granularity: str = "channel"
    method: str = "calibrated"
    ends: str = "list"
    form: str = "memory"
    library: str = "keras"
    bent: bool = False
    wide: float = 0.0
    state: str = ""
    source: str = ""

    @property
    def name(self) -> str:
        """A C identifier."""
        return f"fuzz{self.seed}"

    def needed(self) -> Recipe:
        """Return the recipe without calls and inputs that nothing reads."""
        wanted = {*self.outputs, self.source, self.state}
        kept = []
        for call in reversed(self.calls):
            if call.name in wanted:
                kept.append(call)
                wanted |= {*call.reads, call.shares}
        given = tuple(each for each in self.given if each.name in wanted)
        return replace(self, calls=tuple(kept[::-1]), given=given)


@dataclass(frozen=True)
class Failure:
    """What is wrong with a network: in which comparison, and how."""

    stage: str
    text: str

    @property
    def kind(self) -> str:
        return f"{self.stage}: {reason(self.text)}"


def kinds(recipe: Recipe) -> Iterator[str]:
    """Yield what a recipe's calls are, with inner layers, and an option that makes a kind."""
    for call in recipe.calls:
        yield call.what
        if "data_format" in call.options:
            yield "channels first"
        for value in call.options.values():
            if isinstance(value, Part):
                yield f"{call.what} of {value.what}"
            if isinstance(value, Recipe):
                yield from kinds(value)
        if "activation" in call.options and isinstance(call.options["activation"], str):
            yield f"activation {call.options['activation']}"


def reason(text: str) -> str:
    """Return a message without names and numbers, to count messages of one kind."""
    text = re.sub(r"fuzz\d+|'[^']*'|\b[a-z]*\d+\w*(/\w+)*", "*", text.split("\n")[0])
    return re.sub(r"[-\d.,]*\d", "#", text)[:110]
