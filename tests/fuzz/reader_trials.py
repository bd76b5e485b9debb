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
_WAITING = 60  # times as long by the clock, for a batch; a busy computer gives it little
_DOCUMENTED = range(2, 10)  # exit codes of what can be wrong with input
_EVERY_CONFINED = 16  # inputs of which one is read by `apart`
# How often files are tried, against those that take ten times as long to read.
_SHARES = dict.fromkeys((".tflite", ".onnx", ".npz", ".npy", ".toml"), 3)
_FOLDERS = ("saved", "project")  # read as a whole, with one file changed


@dataclass
class Outcome:
    """What came of some files: how many, by exit code and seed, and what must not have happened."""

    tried: int = 0
    codes: Counter[str] = field(default_factory=Counter)
    seeds: Counter[str] = field(default_factory=Counter)
    found: list[tuple[int, str]] = field(default_factory=list)

    def add(self, other: Outcome) -> None:
        """Add what came of other files."""
        self.tried += other.tried
        self.codes += other.codes
        self.seeds += other.seeds
        self.found += other.found


File = tuple[str, Path, bytes]  # what reads it, the seed that it is made of, and its bytes


class Trials:
    """Files that are made of seeds by a number each."""

    def __init__(self, seeds: dict[str, list[Path]], seed: int, work: Path) -> None:
        """Keep the contents of seeds; `work` is a folder of the trials'."""
        self._all = [(kind, path) for kind, paths in seeds.items() for path in paths]
        self._contents = {path: path.read_bytes() for _, path in self._all}
        self._shares = [_SHARES.get(path.suffix, 1) for _, path in self._all]
        self._seed, self._work = seed, work
        self._warm()

    def content(self, number: int) -> File:
        """Return what reads a file, the seed that it is made of, and its bytes."""
        random = Random(f"{self._seed}/{number}")
        ((kind, path),) = random.choices(self._all, self._shares)
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
        for number, name, code, fault in map(json.loads, lines):
            outcome.tried += 1
            outcome.codes[str(code)] += 1
            outcome.seeds[name] += 1
            if fault:
                outcome.found.append((number, fault))
        return outcome, first + len(lines), died

    def _try(self, first: int, end: int, report: Path, given: File | None, confined: bool) -> None:
        used = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
        resource.setrlimit(resource.RLIMIT_AS, (used + MEMORY + _SLACK,) * 2)
        signal.signal(signal.SIGXCPU, signal.SIG_DFL)
        place = Place(self._work / "place", self._contents)
        with report.open("a") as file:
            for number in range(first, end):
                kind, seed, content = given or self.content(number)
                spent = sum(os.times()[:4])
                limit = int(spent + SECONDS) + 2
                resource.setrlimit(resource.RLIMIT_CPU, (limit, resource.RLIM_INFINITY))
                code, fault = _read(
                    kind, place.put(seed, content), confined or _is_confined(number)
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
                if fault is None and number == end - 1 and not place.is_as_it_was():
                    fault = "it or a file before it changes files"
                print(json.dumps([number, seed.name, code, fault]), file=file, flush=True)

    def _warm(self) -> None:
        """Import all that reading needs, once, and read the seeds, which are sound."""
        self._work.mkdir(exist_ok=True)
        place = Place(self._work / "place", self._contents)
        for kind, path in self._all:
            code, fault = _read(kind, place.put(path, self._contents[path]), True)
            assert (code, fault) == (0, None), (path, code, fault)
        gc.freeze()
        self._peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


class Place:
    """A folder in which a file is read; folders that are read as a whole stay, but for one file."""

    def __init__(self, folder: Path, contents: dict[Path, bytes]) -> None:
        """Empty the folder, and copy the folders of some seeds to it."""
        self._folder, self._contents = folder, contents
        self._tops = {seed: _top(seed) for seed in contents}
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir()
        for top in {top for top in self._tops.values() if top is not None}:
            shutil.copytree(top, folder / top.name)
        self._sound = _files_in(folder)
        self._seed: Path | None = None

    def put(self, seed: Path, content: bytes) -> Path:
        """Write a file instead of the last one, and return what is read."""
        self._restore()
        self._seed = seed
        top = self._tops[seed]
        self._file(seed).write_bytes(content)
        return self._file(seed) if top is None else self._folder / top.name

    def is_as_it_was(self) -> bool:
        """Return whether nothing but the last file is another one."""
        self._restore()
        return _files_in(self._folder) == self._sound

    def _restore(self) -> None:
        if self._seed is not None:
            file = self._file(self._seed)
            if self._tops[self._seed] is None:
                file.unlink(missing_ok=True)
            else:
                file.write_bytes(self._contents[self._seed])
        self._seed = None

    def _file(self, seed: Path) -> Path:
        top = self._tops[seed]
        return self._folder / (seed.name if top is None else seed.relative_to(top.parent))


def _top(seed: Path) -> Path | None:
    """Return the folder that a seed is read with."""
    return next((each for each in seed.parents if each.name in _FOLDERS), None)


def _files_in(folder: Path) -> dict[Path, bytes]:
    return {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def _is_confined(number: int) -> bool:
    return number % _EVERY_CONFINED == 0


def _read(kind: str, path: Path, confined: bool) -> tuple[int, str | None]:
    """Return the exit code that reading gives, and what must not happen."""
    try:
        with warnings.catch_warnings(), _nearby(not confined):
            for category in (RuntimeWarning, UserWarning):  # which users would see
                warnings.simplefilter("error", category)
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
