"""Fit the costs of the planner's primitive operations on every core, with random networks.

    .venv/bin/python benchmarks/costs.py [--networks 40] [--boards mps2-an385 ...] [--processes 2]
        [--write]
    .venv/bin/python benchmarks/costs.py --operators mul sigmoid --write

Networks of random layers, bits and tiles, and those of operators that they have too few of, run
once in QEMU, which counts the instructions of every kernel call. Non-negative least squares of the
relative errors then give the cost of each operation. Every fifth network is held out: the printed
table has the errors of the estimates on these. `--write` writes the costs to
converter/microlut/plan/costs.json. The engine is compiled once per board; processes share the
networks.

With `--operators`, only these are measured, as networks of one layer each, and the costs of all
others stay: that is what a new operator needs. `NAME_16` is an operator between int16 tensors.
"""

from __future__ import annotations

import argparse
import json
import tempfile
from collections import defaultdict
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import partial
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import numpy as np
from cost_networks import random_plan
from cost_operators import operator_network
from documents import ROOT
from engine_library import EngineLibraries
from planned_calls import planned_calls
from scipy.optimize import nnls
from shapes import random_input

import microlut
from microlut.codegen.names import identifier
from microlut.codegen.render import render
from microlut.integer import QuantizedGraph, from_bytes, to_bytes
from microlut.integer import evaluate as int_ops
from microlut.plan import Goal, Plan, make_plan
from microlut.plan.cost import assume_quick
from microlut.plan.kernels import Call, Tile, calls_of, kernel_for
from microlut.plan.kernels.base import Work
from microlut.running.emulators import Task, run_image
from microlut.running.protocol import Int8Array

# One for each core with its own files, and RISC-V for portable C.
BOARDS = ("mps2-an385-m0plus", "mps2-an385", "mps2-an386", "mps3-an547", "riscv-virt")
_ASIDE = 5  # every fifth network is held out
_FLOOR = 300  # instructions; errors of smaller calls count less
_FILE = ROOT / "converter" / "microlut" / "plan" / "costs.json"

# Of which random networks have few, or few forms.
_OPERATORS = ("add", "dense", "pad", "pool2d", "winograd")
_ALONE = 0  # the number of the network of an operator

Costs = dict[str, float]  # instructions per operation, by its name


@dataclass(frozen=True, slots=True)
class Engine:
    """The engine, compiled for the boards that are measured."""

    boards: Sequence[microlut.Board]
    libraries: EngineLibraries


@dataclass(frozen=True, slots=True)
class Sample:
    """One kernel call: the network's number, the call, and its instructions."""

    network: int
    call: Call[Any]
    tile: Tile
    core: str
    instructions: int

    @property
    def work(self) -> Work:
        """Return how often each part of the kernel ran."""
        return kernel_for(self.call).work(self.call, self.tile, self.core)

    def predicted(self, costs: Costs) -> float:
        """Return the instructions that the costs predict."""
        return sum(costs[part] * count for part, count in self.work.items())


def network_samples(number: int, engine: Engine) -> Iterator[Sample]:
    """Yield the kernel calls of a random network on every board."""
    plan = random_plan(number)
    x = random_input(plan.graph)
    wanted = int_ops.evaluate(plan.graph, x).reshape(1, -1)
    return measured(number, plan, x.reshape(1, -1), wanted, engine)


def operator_samples(name: str, engine: Engine) -> Iterator[Sample]:
    """Yield the kernel calls of an operator on random tensors, all in one network."""
    graph = operator_network(name)
    for call in calls_of(graph).values():
        kernel, core = kernel_for(call), engine.boards[0].core.value
        for tile in (next(kernel.tiles(call)), *kernel.winograd_tiles(call)):
            assume_quick(kernel.work(call, tile, core))
    winograd = name == "winograd"
    plan = make_plan(graph, Goal("speed" if winograd else "balanced"), bands=not winograd)
    for sample in measured(_ALONE, plan, *random_run(graph), engine):
        if sample.tile.winograd == winograd:
            yield sample


def random_run(graph: QuantizedGraph) -> tuple[Int8Array, Int8Array]:
    """Return the bytes of random inputs and of their outputs, [1, bytes]."""
    given = {tensor.name: tensor for tensor in graph.inputs}
    values = sum(tensor.bytes for tensor in graph.inputs)
    x = np.random.default_rng(0).integers(-128, 128, (1, values)).astype(np.int8)
    return x, to_bytes(int_ops.outputs(graph, from_bytes(given, x)))


def measured(
    number: int, plan: Plan, x: Int8Array, wanted: Int8Array, engine: Engine
) -> Iterator[Sample]:
    """Yield the kernel calls of a plan on every board, with what one inference takes.

    Raises:
        SystemExit: The outputs differ from the integer interpreter's.
    """
    calls, prefix = list(planned_calls(plan)), identifier(plan.graph.name)
    with tempfile.TemporaryDirectory() as folder:
        for board in engine.boards:
            elf = engine.libraries.image(board, render(plan), prefix, Path(folder) / board.id)
            task = Task(elf, board, x, wanted.shape[1], caller=f"{prefix}_run")
            result = run_image(task)
            if not np.array_equal(result.outputs, wanted):
                raise SystemExit(f"{plan.graph.name} on {board.id}: wrong outputs")
            counts = result.pieces[0][1:-1]
            for (_, call, tile), count in zip(calls, counts, strict=True):
                yield Sample(number, call, tile, board.core.value, count)


def fit(samples: Sequence[Sample]) -> Costs:
    """Return the costs by non-negative least squares of relative errors."""
    works = [sample.work for sample in samples]
    parts = sorted({part for found in works for part in found})
    wanted = np.array([sample.instructions for sample in samples], dtype=np.float64)
    importance = 1.0 / np.maximum(wanted, _FLOOR)
    counts = np.array([[found.get(part, 0.0) for part in parts] for found in works])
    rows = counts * importance[:, None]
    size = np.maximum(np.linalg.norm(rows, axis=0), 1e-12)  # for a well-conditioned problem
    solution, _ = nnls(rows / size, wanted * importance, maxiter=100 * len(parts))
    found = zip(parts, solution / size, strict=True)
    return {part: round(float(cost), 2) for part, cost in found}


def table(kept: dict[str, list[Sample]], costs: dict[str, Costs]) -> str:
    """Return the errors on the held-out networks as a Markdown table."""
    lines = [
        "| core | networks | largest error of one | calls | their errors: median | 90 % within |",
        "|---|---|---|---|---|---|",
    ]
    for core, samples in kept.items():
        wanted = np.array([sample.instructions for sample in samples])
        found = np.array([sample.predicted(costs[core]) for sample in samples])
        number = np.array([sample.network for sample in samples])
        networks = np.unique(number)
        whole = [found[number == n].sum() / wanted[number == n].sum() - 1.0 for n in networks]
        errors = 100.0 * np.abs(found / wanted - 1.0)
        lines.append(
            f"| {core} | {len(networks)} | {100 * np.abs(whole).max():.1f} % | {len(samples)} "
            f"| {np.median(errors):.1f} % | {np.percentile(errors, 90):.1f} % |"
        )
    return "\n".join(lines)


def all_samples(jobs: Sequence[int | str], engine: Engine, processes: int) -> Iterator[Sample]:
    """Yield the samples of random networks, by their numbers, and of operators, by their names."""
    with ProcessPoolExecutor(processes, get_context("spawn")) as pool:
        for job, samples in zip(jobs, pool.map(partial(_samples, engine), jobs), strict=True):
            print(f"{job}: {len(samples)} calls", flush=True)
            yield from samples


def _samples(engine: Engine, job: int | str) -> list[Sample]:
    make = network_samples if isinstance(job, int) else operator_samples
    return list(make(job, engine))  # type: ignore[operator]


def main() -> None:
    """Measure, fit, print and write."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--networks", type=int, default=40)
    parser.add_argument("--boards", nargs="+", default=list(BOARDS))
    parser.add_argument("--processes", type=int, default=2)
    parser.add_argument("--write", action="store_true")
    parser.add_argument("--operators", nargs="+")
    arguments = parser.parse_args()
    boards = [microlut.load_board(name) for name in arguments.boards]
    jobs = arguments.operators or [*_OPERATORS, *range(arguments.networks)]
    fitted, kept = defaultdict[str, list[Sample]](list), defaultdict[str, list[Sample]](list)
    with tempfile.TemporaryDirectory() as folder:
        engine = Engine(boards, EngineLibraries(Path(folder)))
        for sample in all_samples(jobs, engine, arguments.processes):
            aside = sample.network % _ASIDE == _ASIDE - 1
            (kept if aside else fitted)[sample.core].append(sample)
    costs = json.loads(_FILE.read_text(encoding="utf-8"))
    for core, samples in fitted.items():
        costs[core] = {**costs[core], **fit(samples)}
    if arguments.write:
        _FILE.write_text(json.dumps(costs, indent=1, sort_keys=True) + "\n", encoding="utf-8")
    print("\n" + table(fitted if arguments.operators else kept, costs))


if __name__ == "__main__":
    main()
