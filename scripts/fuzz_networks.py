#!/usr/bin/env python3
"""Try random Keras networks in all forms: Keras, integers, TensorFlow Lite, C, emulators.

.venv/bin/python scripts/fuzz_networks.py --seconds 60
.venv/bin/python scripts/fuzz_networks.py --seed 1234 --count 1 --shrink

A network is named by its seed. Failures are printed with what makes the network; with --shrink,
with the smallest network that fails alike. SIGTERM ends the run, with its counts, after the batch.
"""

from __future__ import annotations

import argparse
import multiprocessing
import signal
import sys
import tempfile
import threading
import time
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from pathlib import Path

_CHECKOUT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(_CHECKOUT / part) for part in ("tests/fuzz", "tests/firmware", "tests")]
sys.path.append(str(_CHECKOUT / "converter"))

_BATCH = 128  # networks of a program: an image takes as long to build as many of them
_BATCHES = 20  # until a process makes room for a new one: TensorFlow keeps memory


def main() -> int:
    """Try networks until time or count is over; return 1 if one fails."""
    from c_programs import EMULATORS
    from campaign import Counts, Found, prepare
    from recipe import Failure

    options = _options()
    stopped = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: stopped.set())
    begin, tried, batch = time.monotonic(), Counts(), 0
    end = begin + options.seconds if options.seconds else float("inf")
    with tempfile.TemporaryDirectory(prefix="microlut-fuzz-") as folder:
        prepare()  # here, lest each process compiles the engine
        current = Path(folder) / "seed"
        pool = _pool()
        while tried.tried < options.count and time.monotonic() < end and not stopped.is_set():
            first = options.seed + batch * _BATCH
            seeds = range(first, first + min(_BATCH, options.count - tried.tried))
            targets = ["host"] if _is_due(batch, options.c) else []
            targets += EMULATORS if _is_due(batch, options.emulate) else []
            try:
                found = pool.submit(_try, seeds, targets, current).result()
            except BrokenProcessPool:
                seed = int(current.read_text())
                found = Counts(tried=1, failures=[Found(seed, Failure("crash", "process died"))])
                pool = _pool()
            tried.add(found)
            for each in found.failures:
                _print(f"seed {each.seed}: {each.failure.stage}: {each.failure.text}")
                _print(f"  {each.recipe}")
                if options.shrink:
                    _print(
                        f"  shrunk: {pool.submit(_shrink, each.seed, each.failure.stage).result()}"
                    )
            batch += 1
            if options.verbose:
                rate = tried.tried / (time.monotonic() - begin)
                _print(f"[{rate:.1f}/s] {tried.summary().splitlines()[0]}")
        pool.shutdown()
    if options.verbose:
        _print(str(sorted(tried.kinds.items(), key=lambda item: -item[1])))
    _print(tried.summary())
    return 1 if tried.failures else 0


def _is_due(batch: int, every: int) -> bool:
    return every > 0 and batch % every == 0


def _pool() -> ProcessPoolExecutor:
    context = multiprocessing.get_context("spawn")
    return ProcessPoolExecutor(1, context, max_tasks_per_child=_BATCHES)


def _try(seeds: range, targets: list[str], current: Path) -> object:
    from campaign import try_seeds

    return try_seeds(seeds, targets, current)


def _shrink(seed: int, stage: str) -> str:
    from campaign import prepare, quietly_drawn, smallest

    prepare()
    recipe, _ = quietly_drawn(seed)
    return repr(smallest(recipe, stage)) if recipe is not None else ""


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seconds", type=float, help="stop after this time; 60 without --count")
    parser.add_argument("--count", type=int, help="stop after so many networks")
    parser.add_argument("--seed", type=int, default=0, help="of the first network")
    parser.add_argument(
        "--c", type=int, default=1, help="plan and compile every Nth batch of 128; 0: none"
    )
    parser.add_argument(
        "--emulate", type=int, default=8, help="run every Nth batch on emulators; 0: none"
    )
    parser.add_argument("--shrink", action="store_true", help="shrink what fails")
    parser.add_argument("--verbose", action="store_true", help="print each batch and all kinds")
    found = parser.parse_args()
    if found.seconds is None and found.count is None:
        found.seconds = 60.0
    found.count = found.count or 10**9
    return found


def _print(text: str) -> None:
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
