"""Estimate the instructions that a kernel call executes.

A call is a sum of a few primitive operations, each executed a known number of times: decode a
weight, gather a row of a receptive field, multiply two rows by four fields, write an output. The
kernels know these numbers from shapes, bits and tile; what each operation takes was measured on
every core in an emulator (`benchmarks/costs.py`, which writes `costs.json` and tells how far this
model is off).
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from microlut.plan.kernels import Call, Tile, kernel_for
from microlut.plan.kernels.base import Work

_FILE = Path(__file__).with_name("costs.json")
# Cores that run the files of another one, and take as many instructions within one percent. What
# is none of these is expected to compile portable C as RISC-V does.
_LIKE = {
    "cortex-m0": "cortex-m0plus",
    "cortex-m7": "cortex-m4f",
    "cortex-m33": "cortex-m4f",
    "host": "riscv32imc",
}


def instructions(call: Call[Any], tile: Tile, core: str) -> float:
    """Estimate the instructions that a call executes on a core.

    Raises:
        NotImplementedError: Nobody has measured what a part of the kernel takes on the core.
    """
    return instructions_of(kernel_for(call).work(call, tile, core), call, core)


def instructions_of(work: Work, call: Call[Any], core: str) -> float:
    """Estimate the instructions of some work of a call; see `instructions`."""
    each = _costs()[like(core)]
    total = 0.0
    for part, count in work.items():
        if part not in each:
            raise _unknown(part, call, core)
        total += each[part] * count
    return total


class Works:
    """Work of many calls, which is priced at once."""

    def __init__(self) -> None:
        self._users: dict[str, Call[Any]] = {}  # by part, the first call that needs it
        self._columns: dict[str, int] = {}  # in the order of these
        self._entries: tuple[list[int], list[int], list[float]] = ([], [], [])
        self._count = 0

    def add(self, work: Work, call: Call[Any]) -> None:
        """Append some work of a call."""
        rows, columns, counts = self._entries
        for part, count in work.items():
            if part not in self._users:
                self._users[part], self._columns[part] = call, len(self._columns)
            rows.append(self._count)
            columns.append(self._columns[part])
            counts.append(count)
        self._count += 1

    def costs(self, core: str) -> NDArray[np.float64]:
        """Estimate the instructions of each on a core; see `instructions`."""
        each = _costs()[like(core)]
        for part, call in self._users.items():
            if part not in each:
                raise _unknown(part, call, core)
        prices = np.array([each[part] for part in self._users])
        rows, columns, counts = self._entries
        if not rows:
            return np.zeros(self._count)
        return sums_by(rows, prices[columns] * counts, self._count)


def sums_by(groups: ArrayLike, values: NDArray[np.float64], count: int) -> NDArray[np.float64]:
    """Return the sums of values by the number of their group."""
    found: NDArray[np.float64] = np.bincount(np.asarray(groups), values, count).astype(np.float64)
    return found


def _unknown(part: str, call: Call[Any], core: str) -> NotImplementedError:
    return NotImplementedError(
        f'the cost of "{part}" on {core} is not known, which {call.output.name} '
        f"({type(call.op).__name__}) needs; run benchmarks/costs.py --write"
    )


def known_cores() -> tuple[str, ...]:
    """Return the cores whose costs are known."""
    return tuple(sorted({*_costs(), *_LIKE}))


def like(core: str) -> str:
    """Return the core whose costs stand for those of a core; plans for both are equal."""
    return _LIKE.get(core, core)


def assume_quick(parts: Iterable[str]) -> None:
    """Let parts that have not been measured yet count little, so that they can be measured."""
    for each in _costs().values():
        for part in parts:
            each.setdefault(part, 1.0)


@cache
def _costs() -> dict[str, dict[str, float]]:
    """Return by core what each part takes, in instructions."""
    found: dict[str, dict[str, float]] = json.loads(_FILE.read_text(encoding="utf-8"))
    return found
