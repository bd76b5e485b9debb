"""Compare the planner's estimates with what an emulator counts, on tutorials.

    .venv/bin/python benchmarks/estimates.py [--only NAME ...] [--boards mps2-an386 ...]
        [--processes 2] [--write]

The costs were fitted to random networks (`costs.py`), so these were kept aside. Weights are
quantized roughly to 4 bits, and every plan is the default one for its core. Prints the errors of
whole networks and of single calls by core, and the calls that add most to them. `--write`
replaces the table in docs/measurements/engine.md.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
from collections import defaultdict
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from multiprocessing import get_context
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import numpy as np
from costs import BOARDS, Engine, Sample, measured, random_run
from documents import MEASUREMENTS, ROOT, replace_table
from engine_library import EngineLibraries
from shapes import sound

import microlut
from microlut.errors import MicrolutError
from microlut.graph.ir import Graph
from microlut.graph.passes import run_passes
from microlut.importers import import_model
from microlut.plan import Goal
from microlut.plan.cost import instructions
from microlut.plan.layout import Planner
from microlut.quantize.rough import quantize_roughly

sys.path.insert(0, str(ROOT / "tests"))
from keras_tutorials import MODELS  # type: ignore[import-not-found]

PAGE = MEASUREMENTS / "engine.md"
_BITS = 4
_WORST = 12  # calls that are printed

Named = tuple[str, Sample]


def tutorial(name: str) -> Graph:
    """Return a network of the tutorials after the passes.

    Raises:
        MicrolutError: It does not convert.
    """
    import keras

    keras.utils.clear_session()
    keras.utils.set_random_seed(1)
    return run_passes(import_model(MODELS[name](keras), name))


def samples(engine: Engine, name: str) -> list[Sample]:
    """Return the kernel calls of a network on every board, each planned for the board's core."""
    try:
        graph = tutorial(name)
        bits = {node.name: _BITS for node, _ in graph.weighted()}
        planner = Planner(sound(quantize_roughly(graph, bits)))
    except MicrolutError:  # a few of the tutorials do not convert, which coverage.py tells
        return []
    found: list[Sample] = []
    for board in engine.boards:
        plan = planner.plan(Goal(core=board.core.value))
        own = Engine((board,), engine.libraries)
        found += measured(0, plan, *random_run(plan.graph), own)
    return found


def all_samples(names: Sequence[str], engine: Engine, processes: int) -> Iterator[Named]:
    """Yield the samples of networks with their names."""
    with ProcessPoolExecutor(processes, get_context("spawn")) as pool:
        for name, found in zip(names, pool.map(partial(samples, engine), names), strict=True):
            print(f"{name}: {len(found)} calls", flush=True)
            yield from ((name, sample) for sample in found)


def estimate(sample: Sample) -> float:
    """Return the instructions that the planner expects of a call."""
    return instructions(sample.call, sample.tile, sample.core)


def table(found: Sequence[Named]) -> str:
    """Return the errors by core as a Markdown table."""
    lines = [
        "| core | networks | error of one: median | 90 % within | largest | calls: median |",
        "|---|---|---|---|---|---|",
    ]
    for core in dict.fromkeys(sample.core for _, sample in found):
        wanted, expected = defaultdict[str, float](float), defaultdict[str, float](float)
        calls = []
        for name, sample in found:
            if sample.core == core:
                wanted[name] += sample.instructions
                expected[name] += estimate(sample)
                calls.append(abs(estimate(sample) / sample.instructions - 1.0))
        errors = {name: expected[name] / wanted[name] - 1.0 for name in wanted}
        sizes = 100.0 * np.abs(list(errors.values()))
        worst = max(errors, key=lambda name: abs(errors[name]))
        lines.append(
            f"| {core} | {len(sizes)} | {np.median(sizes):.1f} % "
            f"| {np.percentile(sizes, 90):.1f} % | {100 * errors[worst]:+.1f} % ({worst}) "
            f"| {100 * np.median(calls):.1f} % |"
        )
    return "\n".join(lines)


def worst_calls(found: Sequence[Named]) -> str:
    """Return the calls that add most to the errors of their networks, a line each."""
    totals = defaultdict[tuple[str, str], float](float)
    for name, sample in found:
        totals[name, sample.core] += sample.instructions
    shares = sorted(
        (
            ((estimate(sample) - sample.instructions) / totals[name, sample.core], name, sample)
            for name, sample in found
        ),
        key=lambda each: -abs(each[0]),
    )
    return "\n".join(
        f"{100 * share:+.1f} % of {name} on {sample.core}: {sample.call.output.name} "
        f"({sample.call.op.kind}), {estimate(sample):,.0f} instead of {sample.instructions:,}"
        for share, name, sample in shares[:_WORST]
    )


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--only", nargs="+", choices=list(MODELS), default=list(MODELS))
    parser.add_argument("--boards", nargs="+", default=list(BOARDS))
    parser.add_argument("--processes", type=int, default=2)
    parser.add_argument("--write", action="store_true")
    arguments = parser.parse_args()
    boards = [microlut.load_board(name) for name in arguments.boards]
    with tempfile.TemporaryDirectory() as folder:
        engine = Engine(boards, EngineLibraries(Path(folder)))
        found = list(all_samples(arguments.only, engine, arguments.processes))
    print(f"\n{worst_calls(found)}\n\n{table(found)}")
    if arguments.write:
        replace_table(PAGE, "estimates.py", table(found))


if __name__ == "__main__":
    main()
