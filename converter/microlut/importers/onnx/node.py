"""One operator of an ONNX file, as data, and the errors about it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from microlut.errors import InvalidInput, Obstacle, UnsupportedModel

_ADVICE = "the file is damaged, or its exporter has a fault: export the model again"


@dataclass(frozen=True, slots=True)
class Operator:
    """One operator; others' names for it are node and op.

    Attributes:
        name: Its name, or that of its first output.
        kind: What it computes, such as "Conv".
        inputs: Names of tensors; "" for an input that is left out.
        outputs: Names of tensors; "" likewise.
        attributes: Numbers, texts and arrays by name.
        opset: The version of the operators that the file uses.
        domain: "" for those of ONNX itself.
    """

    name: str
    kind: str
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    attributes: Mapping[str, Any] = field(default_factory=dict)
    opset: int = 0
    domain: str = ""

    @property
    def full_name(self) -> str:
        """Its name, which is unique in the file or almost so."""
        return self.name

    @property
    def place(self) -> str:
        """The place in words."""
        kind = f"{self.domain}.{self.kind}" if self.domain else self.kind
        return f"operator {self.name!r} ({kind})"

    def unsupported(self, found: str, advice: str) -> UnsupportedModel:
        """Return the error for an operator or option that cannot be converted."""
        error = UnsupportedModel(f"{self.place}: {found}; {advice}")
        error.obstacles = (Obstacle(self.name, self.place, found, advice),)
        return error

    def invalid(self, found: str, advice: str = _ADVICE) -> InvalidInput:
        """Return the error for what is no valid operator."""
        error = InvalidInput(f"{self.place}: {found}; {advice}")
        error.obstacles = (Obstacle(self.name, self.place, found, advice, damaged=True),)
        return error
