"""Count the answers of a form of a classifier by label: what its confusion matrix has."""

from __future__ import annotations

from dataclasses import asdict, dataclass

import numpy as np
from numpy.typing import NDArray

from microlut.graph.ir import Graph
from microlut.importers.samples import Samples
from microlut.integer import from_bytes
from microlut.support.shown import Shown
from microlut.verification.accuracy import float_outputs, top1
from microlut.verification.reference import Reference

FLOAT, INTEGER = "float model", "integer model"


@dataclass(frozen=True, slots=True, repr=False)
class Answers(Shown):
    """How often a form answers with which class, by label.

    Attributes:
        form: The float model, the integer model on this computer, or a board's firmware.
        samples: Number of inputs.
        classes: Number of classes.
        top1: Accuracy in percent.
        pairs: (label, answer, inputs) of all pairs that occur.
    """

    form: str
    samples: int
    classes: int
    top1: float
    pairs: tuple[tuple[int, int, int], ...]

    def matrix(self) -> NDArray[np.int64]:
        """Return the inputs [label, answer]."""
        found = np.zeros((self.classes, self.classes), np.int64)
        for label, answer, inputs in self.pairs:
            found[label, answer] = inputs
        return found

    def as_json(self) -> dict[str, object]:
        """Return the answers as JSON values."""
        return asdict(self)

    def confused(self) -> list[tuple[int, int, int]]:
        """Return the pairs of another answer than the label, the most frequent first."""
        wrong = [pair for pair in self.pairs if pair[0] != pair[1]]
        return sorted(wrong, key=lambda pair: (-pair[2], pair))


def answers(
    form: str, outputs: NDArray[np.generic], labels: NDArray[np.int64] | None
) -> Answers | None:
    """Return the answers of a form: of equal largest values, the first one.

    Args:
        form: What it is called.
        outputs: Its first output [n, ...].
        labels: [n] class numbers.

    Returns:
        None without labels, or of an output with one value or several positions.
    """
    accuracy = top1(outputs, labels)
    if accuracy is None or labels is None or max(outputs.shape[1:]) != outputs[0].size:
        return None
    classes = outputs[0].size
    winners = outputs.reshape(len(outputs), -1).argmax(axis=1)
    codes, counts = np.unique(labels * classes + winners, return_counts=True)
    pairs = zip(
        (codes // classes).tolist(), (codes % classes).tolist(), counts.tolist(), strict=True
    )
    return Answers(form, len(outputs), classes, accuracy, tuple(pairs))


def float_answers(graph: Graph, samples: Samples) -> Answers | None:
    """Return the answers of a float network; None without labels."""
    if samples.y is None:
        return None
    return answers(FLOAT, float_outputs(graph, samples), samples.y)


def integer_answers(reference: Reference) -> Answers | None:
    """Return the answers of the integer network on this computer."""
    return firmware_answers(INTEGER, reference.by_sample(reference.outputs), reference)


def firmware_answers(form: str, outputs: NDArray[np.int8], reference: Reference) -> Answers | None:
    """Return the answers of a form with output bytes [samples, bytes]."""
    values = from_bytes(reference.tensors, outputs).arrays.values()
    return answers(form, next(iter(values)), reference.labels)


def known(*found: Answers | None) -> tuple[Answers, ...]:
    """Return those that there are."""
    return tuple(each for each in found if each is not None)
