"""How a network is tuned, and what came of it; without TensorFlow."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

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
    """

    epochs: int = EPOCHS
    rate: float = RATE
    batch: int = BATCH
    checkpoint: Path | None = None


@dataclass(frozen=True, slots=True, repr=False)
class Tuned(Shown):
    """What tuning gave, on samples that were not trained with.

    Attributes:
        epochs: Passes over the data.
        best_epoch: The one whose network was taken; 0 is the network before.
        judges: Number of samples that judge.
        labelled: Whether samples had class numbers.
        loss_before: Loss on the judges before training.
        loss: That of the network that was taken.
        accuracy_before: Accuracy of the integer network before, in percent; None without labels.
        accuracy: That of the network that was taken.
    """

    epochs: int
    best_epoch: int
    judges: int
    labelled: bool
    loss_before: float
    loss: float
    accuracy_before: float | None
    accuracy: float | None
