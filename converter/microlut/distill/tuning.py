"""How a network is tuned, and what came of it; without TensorFlow."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from microlut.quantize.figures import Kind, Task
from microlut.support.shown import Shown

EPOCHS, BATCH = 10, 50
RATE = 0.002  # the highest learning rate, of distillation too


@dataclass(frozen=True, slots=True)
class Tuning:
    """How to tune a network.

    Attributes:
        epochs: Passes over the data.
        rate: The highest learning rate, in units of the student's variables.
        batch: Samples per step, if the data are arrays.
        checkpoint: File that each epoch is written to, and training goes on from.
        task: What the outputs are, which decides the losses.
    """

    epochs: int = EPOCHS
    rate: float = RATE
    batch: int = BATCH
    checkpoint: Path | None = None
    task: Task = "auto"


@dataclass(frozen=True, slots=True, repr=False)
class TunedOutput(Shown):
    """What tuning gave in one output with targets, in the integer network.

    Attributes:
        output: Its name.
        kind: "classes", "labels" or "values".
        before: Of classes and labels the share of right answers in percent, of values the root of
            the mean squared error, in the output's units; before training.
        now: That of the network that was taken.
    """

    output: str
    kind: Kind
    before: float
    now: float


@dataclass(frozen=True, slots=True, repr=False)
class Tuned(Shown):
    """What tuning gave, on samples that were not trained with.

    Attributes:
        epochs: Passes over the data.
        best_epoch: The one whose network was taken; 0 is the network before.
        judges: Number of samples that judge.
        labelled: Whether samples had targets.
        loss_before: Loss on the judges before training.
        loss: That of the network that was taken.
        accuracy_before: Accuracy of the integer network before, in percent, as the mean of the
            outputs that have one; None without such targets.
        accuracy: That of the network that was taken.
        outputs: Outputs with targets.
    """

    epochs: int
    best_epoch: int
    judges: int
    labelled: bool
    loss_before: float
    loss: float
    accuracy_before: float | None
    accuracy: float | None
    outputs: tuple[TunedOutput, ...] = ()
