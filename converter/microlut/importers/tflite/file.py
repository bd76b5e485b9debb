"""The contents of a .tflite file as typed values."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from microlut.errors import InvalidInput, Obstacle, UnsupportedModel, with_obstacles
from microlut.ops.arrays import Shape

LEFT_OUT = -1  # the number of an optional input


@dataclass(frozen=True, eq=False)
class FileTensor:
    """A tensor of a subgraph.

    Attributes:
        number: Its place among those of the subgraph.
        name: Unique among these.
        shape: With the batch dimension.
        dtype: Name of the type in the schema, in small letters.
        scales: Empty if the tensor has no quantization.
        zero_points: As many as scales.
        axis: The dimension along which the scales differ.
        unknown: Dimensions whose size the file leaves open; the shape has 1 there.
        constant: Its values if these are part of the file.
        is_variable: Whether it outlives a run.
    """

    number: int
    name: str
    shape: Shape
    dtype: str
    scales: NDArray[np.float32]
    zero_points: NDArray[np.int64]
    axis: int = 0
    unknown: tuple[int, ...] = ()
    constant: NDArray[Any] | None = None
    is_variable: bool = False


@dataclass(frozen=True, eq=False)
class FileOperator:
    """An operator of a subgraph.

    Attributes:
        kind: Its name in the schema, or that of a custom one.
        options: Values of its options table, by the names of the schema.
        inputs: Numbers of tensors; LEFT_OUT for an optional one.
        outputs: Numbers of tensors.
        name: That of its first output.
        is_custom: Whether the schema has no such operator.
    """

    kind: str
    options: Mapping[str, Any]
    inputs: tuple[int, ...]
    outputs: tuple[int, ...]
    name: str
    is_custom: bool = False

    @property
    def full_name(self) -> str:
        """Its name, for obstacles."""
        return self.name

    @property
    def place(self) -> str:
        """The place in words."""
        return f"operator {self.name!r} ({self.kind})"

    def unsupported(self, found: str, advice: str) -> UnsupportedModel:
        """Return the error for an operator that cannot be converted."""
        error = with_obstacles(UnsupportedModel, "", *self._obstacle(found, advice, False))
        assert isinstance(error, UnsupportedModel)
        return error

    def invalid(self, found: str) -> InvalidInput:
        """Return the error for an operator that no converter writes."""
        advice = "the file is damaged: convert the model again or copy the file again"
        error = with_obstacles(InvalidInput, "", *self._obstacle(found, advice, True))
        assert isinstance(error, InvalidInput)
        return error

    def _obstacle(self, found: str, advice: str, damaged: bool) -> tuple[list[str], list[Obstacle]]:
        obstacle = Obstacle(self.full_name, self.place, found, advice, damaged)
        return [obstacle.text], [obstacle]


@dataclass(frozen=True)
class Subgraph:
    """Tensors, operators in the order of execution, and the numbers of inputs and outputs."""

    tensors: tuple[FileTensor, ...]
    operators: tuple[FileOperator, ...]
    inputs: tuple[int, ...]
    outputs: tuple[int, ...]

    @cached_property
    def variables(self) -> tuple[FileTensor, ...]:
        """Tensors that outlive a run."""
        return tuple(tensor for tensor in self.tensors if tensor.is_variable)


@dataclass(frozen=True)
class TfliteFile:
    """A .tflite file; the first subgraph is the network.

    Attributes:
        source: The file, for errors.
        subgraphs: At least one.
        input_names: Names of the inputs for callers, of its first signature, by number.
        output_names: Names of the outputs, likewise.
        description: What the program that wrote it says.
    """

    source: str
    subgraphs: tuple[Subgraph, ...]
    input_names: Mapping[int, str] = field(default_factory=dict)
    output_names: Mapping[int, str] = field(default_factory=dict)
    description: str = ""

    @property
    def is_exported(self) -> bool:
        """Whether microlut wrote it."""
        return self.description.startswith("microlut ")

    @property
    def main(self) -> Subgraph:
        """The network."""
        return self.subgraphs[0]
