#!/usr/bin/env python3
"""Read changed model, sample, board, configuration and project files: nothing bad may happen.

.venv/bin/python scripts/fuzz_readers.py --seconds 60
.venv/bin/python scripts/fuzz_readers.py --seed 7 --first 4711 --count 1

Each file is made of a small valid one by the seed and its number. An error has to be one that
errors.md lists, within 10 seconds of processor time and 1 GiB, and nothing may be left outside.
Files that do otherwise are made smaller and kept, with what happened, in the folder of findings.
"""

from __future__ import annotations

import argparse
import os
import re
import sys
import tempfile
import time
from pathlib import Path

_CHECKOUT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(_CHECKOUT / part) for part in ("tests/fuzz", "tests")]
sys.path.insert(0, str(_CHECKOUT / "converter"))
os.environ.setdefault("OMP_NUM_THREADS", "1")

_BATCH = 200
_REDUCING_SECONDS = 20


def main() -> int:
    """Try files until the time or the count is over; return 1 if something bad happened."""
    from reader_seeds import write_seeds
    from reader_trials import Outcome, Trials

    options = _options()
    options.findings.mkdir(parents=True, exist_ok=True)
    begin, all_tried = time.monotonic(), Outcome()
    with tempfile.TemporaryDirectory(prefix="microlut-fuzz-", dir=_memory()) as folder:
        seeds, work = Path(folder) / "seeds", Path(folder) / "work"
        seeds.mkdir()
        trials = Trials(write_seeds(seeds), options.seed, work)
        os.chdir(work)
        _print(f"seed {options.seed}, findings in {options.findings}")
        kept: set[str] = set()
        number, end = options.first, options.first + options.count
        begin = time.monotonic()
        while number < end and time.monotonic() < begin + options.seconds:
            outcome = trials.batch(number, min(_BATCH, end - number))
            for found, fault in outcome.found:
                _print(f"file {found}: {fault}")
                if _kind(fault) not in kept:
                    kept.add(_kind(fault))
                    _keep(trials, found, fault, options)
            all_tried.add(outcome)
            number += _BATCH
        os.chdir(_CHECKOUT)
    spent = time.monotonic() - begin
    codes = ", ".join(f"{count} with {code}" for code, count in sorted(all_tried.codes.items()))
    _print(f"{all_tried.tried} files in {spent:.0f} s; exit codes: {codes}")
    seeds = ", ".join(f"{count} of {name}" for name, count in sorted(all_tried.seeds.items()))
    _print(f"made of: {seeds}")
    _print(f"{len(all_tried.found)} did what must not happen, in {len(kept)} ways")
    return 1 if all_tried.found else 0


def _memory() -> Path | None:
    """Return a folder that is in memory, which files of a disk are slower than."""
    memory = Path("/dev/shm")
    return memory if os.access(memory, os.W_OK) else None


def _print(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


def _kind(fault: str) -> str:
    """Return what faults of one cause have in common."""
    return re.sub(r"[\d.]+ s$|: .*", "", fault)


def _keep(trials: object, number: int, fault: str, options: argparse.Namespace) -> None:
    """Write a file that does what must not happen, made smaller where that is quick."""
    kind, seed, content = trials.content(number)  # type: ignore[attr-defined]
    content = _reduced(trials, kind, seed, content, fault)
    path = options.findings / f"{options.seed}-{number}-{seed.name}"
    path.write_bytes(content)
    text = f"seed {options.seed}, file {number}, made of {seed.name}\n{fault}\n"
    path.with_name(f"{path.name}.txt").write_text(text)


def _reduced(trials: object, kind: str, seed: Path, content: bytes, fault: str) -> bytes:
    """Leave out parts of a file as long as the same happens with the rest."""
    end, size = time.monotonic() + _REDUCING_SECONDS, len(content) // 2
    while size and time.monotonic() < end:
        at = 0
        while at < len(content) and time.monotonic() < end:
            less = content[:at] + content[at + size :]
            found = trials.fault(kind, seed, less)  # type: ignore[attr-defined]
            if found is not None and _kind(found) == _kind(fault):
                content = less
            else:
                at += size
        size //= 2
    return content


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--first", type=int, default=0, help="number of the first file")
    parser.add_argument("--count", type=int, default=10**9)
    parser.add_argument("--seconds", type=float, default=float("inf"))
    parser.add_argument("--findings", type=Path, default=_CHECKOUT / "build" / "fuzz-readers")
    found = parser.parse_args()
    found.findings = found.findings.absolute()
    return found


if __name__ == "__main__":
    sys.exit(main())
