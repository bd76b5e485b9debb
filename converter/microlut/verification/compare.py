"""Compare every executable form of one quantized model, byte by byte.

All forms are compared with the integer interpreter's outputs. tflite-micro, the engine on the host
and the firmware in emulators must equal them in every byte. The desktop runtime may differ where
one of its operators rounds once instead of twice. Then each of its operators, given the inputs that
the runtime had, must be within one step of microlut's.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from microlut.graph.batch import Batch
from microlut.integer import QuantizedGraph
from microlut.integer import evaluate as int_ops
from microlut.ops.recurrent_integer import QRecurrent
from microlut.ops.recurrent_step import QRecurrentStep
from microlut.ops.softmax import LONG_SOFTMAX, QSoftmax
from microlut.ops.svdf import QSvdf
from microlut.support.progress import Progress
from microlut.support.shown import Record, Shown
from microlut.verification.runtimes import (
    TFLITE_MICRO,
    desktop_name,
    desktop_tensors,
    run_desktop,
    run_tflite_micro,
    tflite_micro_lacks,
)

Int8 = NDArray[np.int8]
INTERPRETER = "interpreter"
_EXPLAINED_SAMPLES = 20


@dataclass(frozen=True, slots=True, repr=False)
class Difference(Shown):
    """The first difference of a form: input number, position in the flat output, both values."""

    sample: int
    position: int
    expected: int
    found: int


@dataclass(frozen=True, slots=True, repr=False)
class FormResult(Shown):
    """The result of one form: inputs, differing output bytes, and the first difference.

    `agrees` is False if the form must be equal and is not; `note` explains allowed differences.
    """

    form: str
    samples: int
    different_bytes: int
    first: Difference | None
    agrees: bool
    note: str = ""

    def records(self) -> list[Record]:
        """Return the form as one record, without where it first differs."""
        facts: Record = {"form": self.form, "samples": self.samples, "agrees": self.agrees}
        return [facts | {"different_bytes": self.different_bytes, "note": self.note}]


def compare(form: str, outputs: Int8, expected: Int8) -> FormResult:
    """Compare a form's outputs [n, bytes] with the first n of the expected ones."""
    reference = expected[: len(outputs)]
    places = np.argwhere(outputs != reference)
    first = None
    if len(places):
        sample, position = (int(i) for i in places[0])
        found = int(outputs[sample, position])
        first = Difference(sample, position, int(reference[sample, position]), found)
    return FormResult(form, len(outputs), len(places), first, first is None)


def compare_runtimes(
    graph: QuantizedGraph, tflite: bytes, inputs: Batch, expected: Int8, progress: Progress
) -> tuple[FormResult, ...]:
    """Run the exported .tflite with tflite-micro and the desktop runtime, and compare both.

    Where there is no tflite-micro, the desktop runtime is alone. Its recurrent layers have other
    gates than those of devices, and its SVDF other types, so it is left out for networks that have
    any. Inputs for which TensorFlow Lite is not defined are left out.
    """
    known = within_tflite(graph, inputs)
    results = _runtimes(graph, tflite, inputs[known], expected[known], progress)
    left_out = int(np.sum(~known))
    note = f"{left_out} inputs left out: softmax of {LONG_SOFTMAX} equal values or more"
    return tuple(replace(r, note=r.note or note) for r in results) if left_out else results


def within_tflite(graph: QuantizedGraph, inputs: Batch) -> NDArray[np.bool_]:
    """Return for which inputs all kernels of TensorFlow Lite are defined.

    With states, no later run is known once one is not.
    """
    long = [
        (node.inputs[0], node.op)
        for node in graph.nodes
        if isinstance(node.op, QSoftmax) and node.shape[-1] >= LONG_SOFTMAX
    ]
    known = np.ones(len(inputs), np.bool_)
    if not long:
        return known
    read = tuple(dict.fromkeys(name for name, _ in long))
    found = int_ops.outputs(replace(graph, outputs=read, output_names=()), inputs)
    for name, op in long:
        known &= op.within_tflite(found.arrays[name]).reshape(len(inputs), -1).all(axis=1)
    return np.logical_and.accumulate(known) if graph.states else known


def consecutive(graph: QuantizedGraph, count: int) -> int | None:
    """Return after how many of `count` inputs states begin anew; None for a graph without any."""
    if graph.stream is not None:
        return graph.stream.runs
    return count if graph.states else None


def _runtimes(
    graph: QuantizedGraph, tflite: bytes, inputs: Batch, expected: Int8, progress: Progress
) -> tuple[FormResult, ...]:
    judged: tuple[FormResult, ...] = ()
    runs = consecutive(graph, len(inputs))
    if tflite_micro_lacks() is None:
        judge = run_tflite_micro(tflite, inputs, progress, runs) if len(inputs) else expected
        judged = (compare(TFLITE_MICRO, judge, expected),)
    on_devices = QRecurrent | QRecurrentStep | QSvdf
    if not len(inputs) or any(isinstance(node.op, on_devices) for node in graph.nodes):
        return judged
    outputs = run_desktop(tflite, inputs, progress, runs)
    desktop = compare(desktop_name(), outputs, expected)
    if not desktop.agrees:
        different = np.flatnonzero(np.any(outputs != expected, axis=1))
        # of a streamed network, the whole window with the first of them
        stream = graph.stream
        places = different[:_EXPLAINED_SAMPLES]
        if stream is not None:
            places = different[0] // stream.runs * stream.runs + np.arange(stream.runs)
        desktop = _explain(desktop, graph, tflite, inputs[places])
    return *judged, desktop


def _explain(
    result: FormResult, graph: QuantizedGraph, tflite: bytes, different: Batch
) -> FormResult:
    """Accept a difference if every operator of the runtime is within one step of microlut's.

    `different` are the inputs whose outputs differ.
    """
    rounding: set[str] = set()
    known = graph.tensors()
    runs = None if graph.stream is None else graph.stream.runs
    for tensors in desktop_tensors(tflite, different, runs):
        for node in graph.nodes:
            given = [tensors[name][None] for name in node.inputs]
            made = int_ops.evaluate_node(node, given, known)
            largest = max(
                int(np.max(np.abs(ours[0].astype(int) - tensors[name])))
                for name, ours in made.items()
            )
            if largest > 1:
                return result
            if largest:
                rounding.add(node.op.kind)
    if not rounding:
        return result
    note = f"rounds once instead of twice in {', '.join(sorted(rounding))}: one step at most"
    return FormResult(result.form, result.samples, result.different_bytes, result.first, True, note)


def bit_exact(results: Sequence[FormResult]) -> bool:
    """Return whether all forms agree."""
    return all(result.agrees for result in results)
