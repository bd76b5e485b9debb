"""What becomes of a model file, whatever its format: the float graph, or all obstacles."""

from __future__ import annotations

from dataclasses import dataclass

from microlut.graph.ir import Graph
from microlut.importers.obstacles import Collected, refusal
from microlut.ops.arrays import Shape

LARGEST_TENSOR = 1 << 26  # values
CONSTANT_OUTPUT = (
    "the output is the same for all inputs and is left out; the program that calls the network has "
    "to have its values"
)


def places_note(output: str, kind: str, scores: str | None) -> str:
    """Return what a user has to know of an output that is the place of an extreme value.

    Args:
        output: Its name in the file.
        kind: The operator, such as "ArgMax".
        scores: Another output that has the scores, if there is one.
    """
    what = "smallest" if "min" in kind.lower() else "largest"
    if scores is not None:
        return (
            f"output {output!r} ({kind}) is left out: it is the place of the {what} of {scores!r}"
        )
    return (
        f"output {output!r} has the scores, without {kind}: the program that calls the network "
        f"finds the place of the {what} one"
    )


def logarithms_note(output: str, kind: str, scores: str | None) -> str:
    """Return what a user has to know of an output of logarithms; takes what `places_note` takes."""
    if scores is not None:
        return f"output {output!r} ({kind}) is left out: {scores!r} has the scores"
    return (
        f"output {output!r} has the scores, without {kind}, which takes one number from all of them"
    )


@dataclass(frozen=True, slots=True)
class LayerSeen:
    """A call of a layer, as far as it is known.

    Attributes:
        name: Name of the call.
        kind: Class of the layer.
        shape: Shape of the output without the batch, if it is known.
        parameters: Values of the layer's arrays; 0 for further calls of the same layer.
    """

    name: str
    kind: str
    shape: Shape | None
    parameters: int


@dataclass(frozen=True, slots=True)
class Translation:
    """What became of a model.

    Attributes:
        source: The file or object.
        graph: The float graph; None if there are obstacles.
        layers: The calls of layers, in execution order.
        collected: All obstacles.
        supported: Classes of layers to name, if one of the model's is not supported.
    """

    source: str
    graph: Graph | None
    layers: tuple[LayerSeen, ...]
    collected: Collected
    supported: tuple[str, ...] = ()

    def checked(self) -> Graph:
        """Return the float graph, or raise the error that says all obstacles."""
        if self.graph is None:
            raise refusal(self.source, self.collected, self.supported)
        return self.graph
