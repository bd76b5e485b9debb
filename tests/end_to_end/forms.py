"""Helpers for the end-to-end tests: run each form, and compare accuracies."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

import microlut
from microlut.graph import evaluate as float_ops
from microlut.graph.passes import run_passes
from microlut.importers import import_model
from microlut.importers.samples import Samples
from microlut.integer import evaluate as int_ops
from microlut.integer import quantized_inputs, to_bytes
from microlut.machine.tools import HOST_CC, Tool, find_tool
from microlut.project import Project
from microlut.verification.runtimes import run_tflite_micro

QEMU_BOARDS = ("mps2-an385", "mps2-an386", "mps2-an500", "mps3-an547", "riscv-virt")
_BATCH = 50

# Calibration inputs where only the equality of bytes is looked at: it takes less time, and the
# network need not be good.
FEW = 40


def need_host() -> None:
    """Skip the test where there is no C compiler."""
    need(HOST_CC)


def need_qemu() -> None:
    """Skip the test where firmware cannot be built for the emulated boards, or not be run."""
    for name in QEMU_BOARDS:
        toolchain = microlut.load_board(name).toolchain
        need(*toolchain.needs, toolchain.qemu)


def need(*tools: Tool) -> None:
    """Skip the test where one of the tools is missing."""
    for tool in tools:
        if find_tool(tool) is None:
            pytest.skip(f"firmware not tested: {tool.name} is missing ({tool.apt_command})")


def interpreter_outputs(project: Project, samples: Samples) -> NDArray[np.int8]:
    """Return the integer interpreter's outputs [n, bytes]."""
    inputs = quantized_inputs(project.graph, samples.inputs)
    return to_bytes(int_ops.outputs(project.graph, inputs))


def assert_forms_equal(project: Project, samples: Samples, *boards: str) -> None:
    """Check that tflite-micro and the firmware on the boards equal the interpreter in all bytes."""
    expected = interpreter_outputs(project, samples)
    assert len(np.unique(expected, axis=0)) > 1, "these inputs show no difference"
    judge = run_tflite_micro(project.tflite, quantized_inputs(project.graph, samples.inputs))
    np.testing.assert_array_equal(judge, expected, "tflite-micro")
    for name in boards:
        outcome = microlut.run(project, microlut.load_board(name), samples)
        np.testing.assert_array_equal(outcome.outputs, expected, name)
        assert outcome.bit_exact


@dataclass(frozen=True, slots=True)
class Accuracy:
    """Accuracies in percent, and the standard error of their difference on these samples."""

    real: float
    integer: float
    standard_error: float

    @property
    def lost(self) -> float:
        """Return how many points the integer model is worse."""
        return self.real - self.integer


def accuracy(project: Project, model: Path, samples: Samples) -> Accuracy:
    """Compare the integer model's accuracy with the float one's.

    Both see the same samples, so only those count that one of them alone gets right: the
    difference of the accuracies has the standard error sqrt(number of those) / samples (McNemar).
    """
    graph = run_passes(import_model(model))
    batches = [samples.x[i : i + _BATCH] for i in range(0, len(samples), _BATCH)]
    outputs = np.concatenate([float_ops.evaluate(graph, batch) for batch in batches])
    real = outputs.reshape(len(samples), -1).argmax(axis=1) == samples.y
    integer = interpreter_outputs(project, samples).argmax(axis=1) == samples.y
    error = 100 * np.sqrt(np.sum(real != integer)) / len(samples)
    return Accuracy(100 * real.mean(), 100 * integer.mean(), float(error))
