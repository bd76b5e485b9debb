"""Read changed files in a process of their own, and say what must not happen with them."""

from __future__ import annotations

import faulthandler
import gc
import json
import os
import resource
import shutil
import signal
import time
import traceback
import warnings
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from random import Random

import numpy as np
from reader_mutations import mutated
from reader_seeds import SHAPE

import microlut
from microlut.board.board import load_board
from microlut.cli.failures import describe
from microlut.conversion.settings import settings_of
from microlut.graph.batch import Batch
from microlut.graph.passes import run_passes
from microlut.importers import apart, files, import_model
from microlut.importers.samples import load_samples
from microlut.integer import evaluate
from microlut.plan.limits import check_sizes

SECONDS, MEMORY = 10.0, 1 << 30
_SLACK = 2 << 30  # until a process is ended
_WAITING = 12  # times as long by the clock, for a batch
_DOCUMENTED = range(2, 10)  # exit codes of what can be wrong with input
_EVERY_CONFINED = 16  # inputs of which one is read by `apart`


@dataclass
class Outcome:
    """What came of some files: how many, by exit code, and what must not have happened."""

    tried: int = 0
    codes: Counter[str] = field(default_factory=Counter)
    found: list[tuple[int, str]] = field(default_factory=list)

    def add(self, other: Outcome) -> None:
        """Add what came of other files."""
        self.tried += other.tried
        self.codes += other.codes
        self.found += other.found


File = tuple[str, Path, bytes]  # what reads it, the seed that it is made of, and its bytes


class Trials:
    """Files that are made of seeds by a number each."""

    def __init__(self, seeds: dict[str, list[Path]], seed: int, work: Path) -> None:
        """Keep the contents of seeds; `work` is a folder of the trials'."""
        self._all = [(kind, path) for kind, paths in seeds.items() for path in paths]
        self._contents = {path: path.read_bytes() for _, path in self._all}
        self._seed, self._work = seed, work
        self._warm()

    def content(self, number: int) -> File:
        """Return what reads a file, the seed that it is made of, and its bytes."""
        random = Random(f"{self._seed}/{number}")
        kind, path = random.choice(self._all)
        others = list(self._contents.values())
        return kind, path, mutated(self._contents[path], random, others)

    def batch(self, first: int, count: int) -> Outcome:
        """Return what came of files, each batch in a process of its own."""
        outcome, end = Outcome(), first + count
        while first < end:
            found, reached, died = self._forked(first, end)
            if died and reached < end:  # a library may do so, but not where it is confined
                once, _, died = self._forked(reached, reached + 1, confined=True)
                found.add(once)
                if died:
                    found.tried += 1
                    found.found.append((reached, f"the process ends by {died}"))
                reached += 1
            outcome.add(found)
            first = reached
        return outcome

    def fault(self, kind: str, seed: Path, content: bytes) -> str | None:
        """Return what must not happen with a file, and does; None if nothing does."""
        outcome, _, died = self._forked(0, 1, (kind, seed, content), confined=True)
        return outcome.found[0][1] if outcome.found else died and f"the process ends by {died}"

    def _forked(
        self, first: int, end: int, given: File | None = None, *, confined: bool = False
    ) -> tuple[Outcome, int, str | None]:
        """Return what came of files, the first that was not read, and what ended the process."""
        report = self._work / "report.jsonl"
        report.unlink(missing_ok=True)
        child = os.fork()
        if child == 0:
            code = 1
            try:
                faulthandler.disable()  # what happens is told below
                self._try(first, end, report, given, confined)
                code = 0
            except BaseException:  # noqa: BLE001 - nothing may go on in two processes
                traceback.print_exc()
            finally:
                os._exit(code)
        died = _waited(child)
        lines = report.read_text().splitlines() if report.exists() else []
        outcome = Outcome()
        for number, code, fault in map(json.loads, lines):
            outcome.tried += 1
            outcome.codes[str(code)] += 1
            if fault:
                outcome.found.append((number, fault))
        return outcome, first + len(lines), died

    def _try(self, first: int, end: int, report: Path, given: File | None, confined: bool) -> None:
        used = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
        resource.setrlimit(resource.RLIMIT_AS, (used + MEMORY + _SLACK,) * 2)
        signal.signal(signal.SIGXCPU, signal.SIG_DFL)
        place = self._work / "place"
        with report.open("a") as file:
            for number in range(first, end):
                kind, seed, content = given or self.content(number)
                spent = sum(os.times()[:4])
                limit = int(spent + SECONDS) + 2
                resource.setrlimit(resource.RLIMIT_CPU, (limit, resource.RLIM_INFINITY))
                code, fault = _read(
                    kind, self._placed(place, seed, content), confined or _is_confined(number)
                )
                own = sum(os.times()[:4]) - spent
                peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
                if fault is None and own > SECONDS:
                    fault = f"takes {own:.1f} s"
                if fault is None and peak > self._peak + MEMORY:
                    fault, self._peak = f"takes {(peak - self._peak) >> 20} MiB", peak
                left = sorted(path.name for path in self._work.iterdir())
                if fault is None and left != ["place", "report.jsonl"]:
                    fault = f"leaves {left}"
                print(json.dumps([number, code, fault]), file=file, flush=True)

    def _placed(self, place: Path, seed: Path, content: bytes) -> Path:
        """Write a file, with what belongs beside it, and return what is read."""
        shutil.rmtree(place, ignore_errors=True)
        place.mkdir()
        top = next((each for each in seed.parents if each.name in ("saved", "project")), None)
        if top is None:
            (place / seed.name).write_bytes(content)
            return place / seed.name
        shutil.copytree(top, place / top.name)
        (place / seed.relative_to(top.parent)).write_bytes(content)
        return place / top.name

    def _warm(self) -> None:
        """Import all that reading needs, once, and read the seeds, which are sound."""
        self._work.mkdir(exist_ok=True)
        for kind, path in self._all:
            given = self._placed(self._work / "place", path, self._contents[path])
            code, fault = _read(kind, given, True)
            assert (code, fault) == (0, None), (path, code, fault)
        gc.freeze()
        self._peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def _is_confined(number: int) -> bool:
    return number % _EVERY_CONFINED == 0


def _read(kind: str, path: Path, confined: bool) -> tuple[int, str | None]:
    """Return the exit code that reading gives, and what must not happen."""
    try:
        with warnings.catch_warnings(), _nearby(not confined):
            warnings.simplefilter("error", RuntimeWarning)  # which users would see
            _of_kind(kind, path)
    except Exception as error:  # noqa: BLE001 - that is what is looked for
        message, code = describe(error)
        if code not in _DOCUMENTED or not message.strip() or isinstance(error, MemoryError):
            last = traceback.extract_tb(error.__traceback__)[-1]
            place = f"{Path(last.filename).name}:{last.lineno}"
            return code, f"{type(error).__name__} at {place}: {str(error)[:300]}"
        return code, None
    return 0, None


def _of_kind(kind: str, path: Path) -> None:
    if kind == "model":
        check_sizes(run_passes(import_model(path)))
    elif kind == "samples":
        load_samples(path, SHAPE)
    elif kind == "board":
        load_board(str(path))
    elif kind == "settings":
        settings_of(path)
    else:
        graph = microlut.read(path).graph
        zeros = {t.name: np.zeros((1, *t.shape), t.dtype) for t in graph.inputs}
        evaluate.outputs(graph, Batch(zeros))


@contextmanager
def _nearby(wanted: bool) -> Iterator[None]:
    """Read models in this process, which is quicker: it is confined as it is."""
    before = apart.read
    if wanted:
        apart.read = files.read
    try:
        yield
    finally:
        apart.read = before


def _waited(child: int) -> str | None:
    """Wait for a process; return the signal or the time that ended it, or None."""
    end = time.monotonic() + SECONDS * _WAITING
    while time.monotonic() < end:
        done, status = os.waitpid(child, os.WNOHANG)
        if done:
            code = os.waitstatus_to_exitcode(status)
            return None if code == 0 else f"{signal.Signals(-code).name}" if code < 0 else str(code)
        time.sleep(0.01)
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    return "the clock"
