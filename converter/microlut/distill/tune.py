"""Train the integer network on labelled data, or on more data without labels.

It is quantization-aware training of the very network that will run: activations rounded, weights
as levels times scales, with straight-through gradients (`distill.student`). Scales and biases per
channel take the part of batch normalization, which is folded into them.

Classes have the cross entropy of their softmax, labels that of their sigmoids, and values the
squared error over the variance of their targets.
"""

from __future__ import annotations

import hashlib
import io
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf

from microlut.distill.data import TrainingData
from microlut.distill.scores import mean_accuracy, scores, variance
from microlut.distill.slices import Powers, float_tensors, step_of
from microlut.distill.student import Student, Tensor
from microlut.distill.targets import Target, targets_of
from microlut.distill.train import loss_of, optimizer_of
from microlut.distill.tuning import Tuned, TunedOutput, Tuning
from microlut.errors import InvalidInput
from microlut.graph.ir import Graph
from microlut.integer import QuantizedGraph
from microlut.quantize.weights import LayerConfigs
from microlut.support.files import write_file
from microlut.support.progress import Progress

_BATCH = 50
_TEACHER = 0.25  # weight of the float network's answers beside labels


def tune(
    graph: Graph,
    quantized: QuantizedGraph,
    configs: LayerConfigs,
    data: TrainingData,
    tuning: Tuning,
    progress: Progress,
) -> tuple[QuantizedGraph, Tuned]:
    """Return the integer network of the best epoch on the judges, and what came of it.

    The network before training is one of the candidates.

    Args:
        graph: The float network after the passes.
        quantized: Its integer form.
        configs: How its layers were quantized, by name.
        data: What to train with.
        tuning: How to.
        progress: Called with ("tune", steps done, steps).

    Raises:
        InvalidInput: The checkpoint is of another training, or cannot be read or written.
    """
    run = _Run(graph, quantized, configs, data, tuning)
    first = run.loss()
    state = run.resumed()
    best_loss, best_epoch, best = first, 0, run.values()
    begin = 0
    if state is not None:
        begin, best_loss, best_epoch, best = state
    total = tuning.epochs * data.steps
    for epoch in range(begin, tuning.epochs):
        for done, part in enumerate(data.batches(epoch)):
            progress("tune", min(total, epoch * data.steps + done), total)
            run.step(dict(part.inputs.arrays), dict(part.targets or {}))
        found = run.loss()
        if found < best_loss:
            best_loss, best_epoch, best = found, epoch + 1, run.values()
        run.save(epoch + 1, best_loss, best_epoch, best)
    progress("tune", total, total)
    run.assign(best)
    targets = targets_of(graph, tuning.task)
    trained = run.student.quantized() if best_epoch else quantized
    reached = [scores(each, data.judges, targets) for each in (quantized, trained)]
    accuracy = [mean_accuracy(each, targets) for each in reached]
    return trained, Tuned(
        epochs=tuning.epochs,
        best_epoch=best_epoch,
        judges=len(data.judges),
        labelled=data.labelled,
        loss_before=first,
        loss=best_loss,
        accuracy_before=accuracy[0],
        accuracy=accuracy[1],
        outputs=tuple(
            TunedOutput(target.name, target.kind, *(each[target.name] for each in reached))
            for target in targets
            if target.name in reached[0]
        ),
    )


class _Run:
    """A student in training, with its optimizer and its checkpoint."""

    def __init__(
        self,
        graph: Graph,
        quantized: QuantizedGraph,
        configs: LayerConfigs,
        data: TrainingData,
        tuning: Tuning,
    ) -> None:
        self.student = Student(graph, quantized, configs)
        given = data.judges.targets or {}
        targets = targets_of(graph, tuning.task)
        self._targets = [target for target in targets if target.name in given]
        self._variances = {t.name: variance(given[t.name]) for t in self._targets}
        self._graph, self._data, self._path = graph, data, tuning.checkpoint
        self._key = _key(graph, quantized, data, tuning)
        self._optimizer = optimizer_of(self.student, tuning.epochs * data.steps, tuning.rate)
        self.step = step_of(graph, self.student, self._optimizer, self._losses)
        self._loss = tf.function(self._losses, autograph=False)

    def _losses(self, powers: Powers, x: dict[str, Tensor], y: dict[str, Tensor]) -> Tensor:
        """Return the loss against the float network and, where there are targets, against these."""
        found = self.student.tensors(x)
        loss = loss_of(self._graph, float_tensors(self._graph, x), found, powers)
        if not self._targets:
            return loss
        learned = [self._loss_of(target, found, y[target.name]) for target in self._targets]
        return tf.add_n(learned) + _TEACHER * loss

    def _loss_of(self, target: Target, found: dict[str, Tensor], y: Tensor) -> Tensor:
        """Return the mean loss of an output against its targets."""
        scores = found[target.scores]
        if target.kind == "classes":
            flat = tf.reshape(scores, (-1, scores.shape[-1]))
            each = tf.nn.sparse_softmax_cross_entropy_with_logits(tf.reshape(y, (-1,)), flat)
        elif target.kind == "labels":
            scores = tf.reshape(scores, tf.shape(y))
            each = tf.nn.sigmoid_cross_entropy_with_logits(labels=y, logits=scores)
        else:
            each = tf.square(scores - y) / self._variances[target.name]
        return tf.reduce_mean(each)

    def loss(self) -> float:
        """Return the loss on the judges."""
        judges, total = self._data.judges, 0.0
        for start in range(0, len(judges), _BATCH):
            part = judges[start : start + _BATCH]
            given = _tensors(part.inputs.arrays), _tensors(part.targets or {})
            total += len(part) * float(self._loss({}, *given))
        return total / len(judges)

    def values(self) -> list[np.ndarray[Any, Any]]:
        """Return copies of the student's variables."""
        return [variable.numpy().copy() for variable in self.student.variables]

    def assign(self, values: list[np.ndarray[Any, Any]]) -> None:
        """Set the student's variables."""
        for variable, value in zip(self.student.variables, values, strict=True):
            variable.assign(value)

    def save(
        self, epoch: int, best_loss: float, best_epoch: int, best: list[np.ndarray[Any, Any]]
    ) -> None:
        """Write the checkpoint, if one is wanted."""
        if self._path is None:
            return
        arrays = {f"s{i}": value for i, value in enumerate(self.values())}
        arrays |= {f"b{i}": value for i, value in enumerate(best)}
        arrays |= {f"o{i}": v.numpy() for i, v in enumerate(self._optimizer.variables)}
        made = io.BytesIO()
        facts = {"epoch": epoch, "best_loss": best_loss, "best_epoch": best_epoch}
        np.savez(made, key=self._key, **facts, **arrays)  # type: ignore[arg-type]
        write_file(self._path, made.getvalue())

    def resumed(self) -> tuple[int, float, int, list[np.ndarray[Any, Any]]] | None:
        """Read the checkpoint, if there is one; return (epochs done, best loss, its epoch, it)."""
        path = self._path
        if path is None or not path.exists():
            return None
        try:
            with np.load(path, allow_pickle=False) as found:
                stored = {name: found[name] for name in found.files}
        except (OSError, ValueError, EOFError, KeyError) as error:
            raise _no_checkpoint(path, "cannot be read as a checkpoint") from error
        if str(stored.get("key")) != self._key:
            raise _no_checkpoint(path, "is the checkpoint of another training")
        self.assign([stored[f"s{i}"] for i in range(len(self.student.variables))])
        for i, variable in enumerate(self._optimizer.variables):
            variable.assign(stored[f"o{i}"])
        best = [stored[f"b{i}"] for i in range(len(self.student.variables))]
        return int(stored["epoch"]), float(stored["best_loss"]), int(stored["best_epoch"]), best


def _no_checkpoint(path: Path, what: str) -> InvalidInput:
    return InvalidInput(f"{path}: {what}; give its path, or delete it to begin anew")


def _key(graph: Graph, quantized: QuantizedGraph, data: TrainingData, tuning: Tuning) -> str:
    """Return what is equal for trainings that a checkpoint can go on with."""
    digest = hashlib.sha256()
    for node, op in graph.weighted():
        digest.update(node.name.encode())
        digest.update(np.ascontiguousarray(op.kernel).tobytes())
    for _, qop in quantized.weighted():
        digest.update(qop.weights.indices.tobytes())
    settings = (tuning.epochs, tuning.rate, tuning.batch, data.steps, data.judges.learned)
    digest.update(repr(settings).encode())
    return digest.hexdigest()


def _tensors(arrays: Mapping[str, Any]) -> dict[str, Tensor]:
    return {name: tf.constant(values) for name, values in arrays.items()}
