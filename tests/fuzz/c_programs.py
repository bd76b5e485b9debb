"""Run the C of many networks at once, on this computer and on emulated cores."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from checking import Tried
from engine_batch import HOST, M0PLUS, M4, M55, run_batch, run_batch_on
from numpy.typing import NDArray
from recipe import Failure

from microlut.board.board import load_board
from microlut.graph.batch import Batch
from microlut.integer import evaluate as integers
from microlut.integer import from_bytes, to_bytes

_PROGRAMS = {"host": HOST, "M4": M4, "M55": M55, "M0+": M0PLUS}
_BOARDS = {"RV32": "riscv-virt"}
TARGETS = (*_PROGRAMS, *_BOARDS)
EMULATORS = tuple(target for target in TARGETS if target != "host")


def wrong_in_c(tried: Sequence[Tried], target: str) -> list[tuple[Tried, Failure]]:
    """Return the networks whose C gives other bytes than the interpreter, or does not run.

    If there is no program of all of them, there is one of each half.
    """
    try:
        with tempfile.TemporaryDirectory(prefix="microlut-fuzz-") as folder:
            found = _run(tried, target, Path(folder))
    except Exception as error:  # noqa: BLE001 - compilers, sanitizers and emulators say it
        if len(tried) == 1:
            return [(tried[0], Failure(f"C on {target}", _last_lines(error)))]
        middle = len(tried) // 2
        return wrong_in_c(tried[:middle], target) + wrong_in_c(tried[middle:], target)
    wrong = []
    for one, got in zip(tried, found, strict=True):
        wanted = _fresh(one) if target in _BOARDS else one.wanted
        if not np.array_equal(got, wanted):
            share = float(np.mean(got != wanted)) if got.shape == wanted.shape else 1.0
            wrong.append((one, Failure(f"C on {target}", f"{share:.0%} of the bytes differ")))
    return wrong


def _run(tried: Sequence[Tried], target: str, folder: Path) -> list[NDArray[np.int8]]:
    plans, inputs = [one.plan for one in tried], [one.inputs for one in tried]
    if target in _BOARDS:
        return run_batch_on(load_board(_BOARDS[target]), plans, inputs, folder)
    return run_batch(plans, inputs, folder, _PROGRAMS[target])


def _fresh(one: Tried) -> NDArray[np.int8]:
    """Return the outputs of runs that all begin with fresh states."""
    graph = one.plan.graph
    if not graph.states:
        return one.wanted
    x: Batch = from_bytes({tensor.name: tensor for tensor in graph.inputs}, one.inputs)
    return np.concatenate([to_bytes(integers.outputs(graph, run)) for run in x])


def _last_lines(error: Exception) -> str:
    lines = [line for line in str(error).splitlines() if "ERROR: " in line or "rror: " in line] or [
        str(error)
    ]
    return f"{type(error).__name__}: {' '.join(lines)[:300]}"
