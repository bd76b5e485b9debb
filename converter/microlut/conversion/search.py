"""Search for the best bits: measure accuracy against bytes.

Each point is a separate task, run by the backend that joblib is configured with.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import BrokenExecutor
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import joblib
from pydantic import TypeAdapter, ValidationError

from microlut.conversion.allocation import flash_bytes
from microlut.conversion.bits import AVERAGES, front_of, measure
from microlut.conversion.front import Point, PointKind, SearchResult
from microlut.conversion.prepared import Prepared
from microlut.conversion.uniform import average_bits, uniform_configs
from microlut.errors import InvalidInput
from microlut.quantize.figures import Quality
from microlut.quantize.weights import BIT_WIDTHS, LayerConfigs, WeightConfig
from microlut.support.arguments import brief
from microlut.support.files import check_place, make_folder, write_file
from microlut.support.progress import Progress
from microlut.version import VERSION

_ROUNDING = 1e-6  # bits per weight

_Value = TypeVar("_Value")


@dataclass(frozen=True, slots=True)
class _Task:
    kind: PointKind
    asked: float
    configs: LayerConfigs


@dataclass(frozen=True, slots=True)
class _Measured:
    flash_bytes: int
    quality: Quality


_MEASURED = TypeAdapter(_Measured)
_FRONT = TypeAdapter(list[dict[str, WeightConfig]])


@dataclass(frozen=True, slots=True)
class _Store:
    """Results in a folder, one file each, named after a hash of everything they depend on."""

    folder: Path | None
    origin: str

    def path(self, *parts: object) -> Path | None:
        return self.folder and self.folder / f"{joblib.hash((self.origin, *parts), 'sha1')}.json"


def search_prepared(
    prepared: Prepared, folder: Path | None, progress: Progress, jobs: int = -1
) -> SearchResult:
    """Measure plain int8, every width from 2 to 7 bits, and the best allocations of bits to layers.

    `joblib.parallel_config(backend=...)` around the call distributes the work.

    Args:
        prepared: The model, and the choices allowed for its layers.
        folder: Stores every finished point for the next search; made if missing. None stores
            nothing.
        progress: Called with (what, done, total).
        jobs: Points measured at the same time; -1 for the number of cores.

    Raises:
        InvalidInput: `jobs` is 0, the folder cannot be written, or memory ran out.
    """
    check_search(folder, jobs)
    store = _store(prepared, folder)
    tasks = _tasks(prepared, store, progress)
    paths = [store.path("point", sorted(task.configs.items())) for task in tasks]
    measured = {
        number: known
        for number, path in enumerate(paths)
        if (known := _load(path, _MEASURED)) is not None
    }
    missing = {number: tasks[number] for number in range(len(tasks)) if number not in measured}
    progress("search", len(measured), len(tasks))
    for number, found in _measure_all(prepared, missing, jobs):
        measured[number] = found
        _save(paths[number], _MEASURED, found)
        progress("search", len(measured), len(tasks))
    return SearchResult(
        model=prepared.graph.name,
        synthetic=prepared.samples is None,
        pinned=any(layer.pinned for layer in prepared.layers.values()),
        points=_points(prepared, tasks, [measured[number] for number in range(len(tasks))]),
        findings=prepared.findings,
    )


def check_search(folder: Path | None, jobs: int) -> None:
    """Raise InvalidInput early for a folder or a number of jobs that cannot be used."""
    if not isinstance(jobs, int) or isinstance(jobs, bool) or jobs == 0:
        raise InvalidInput(
            f"jobs is {brief(jobs)}; give how many points to measure at a time, or -1"
        )
    if folder is None:
        return
    try:
        check_place(folder / "point.json")
    except OSError as error:
        raise InvalidInput(
            f"{folder}: cannot be made ({error.strerror}); choose another folder"
        ) from error


def _tasks(prepared: Prepared, store: _Store, progress: Progress) -> list[_Task]:
    """Return the points to measure, each quantization once."""
    path = store.path("front", sorted(prepared.layers.items()))
    front: Sequence[LayerConfigs] | None = _load(path, _FRONT)
    if front is None:
        front = front_of(measure(prepared, progress))
        _save(path, _FRONT, [dict(configs) for configs in front])
    uniform = [_Task("uniform", bits, uniform_configs(prepared, bits)) for bits in BIT_WIDTHS]
    allocated = [_Task("allocated", _asked(prepared, configs), configs) for configs in front]
    tasks: list[_Task] = []
    for task in uniform + allocated:
        if all(task.configs != other.configs for other in tasks):
            tasks.append(task)
    return tasks


def _asked(prepared: Prepared, configs: LayerConfigs) -> float:
    """Return the smallest of the averages that an allocation keeps to."""
    found = average_bits(prepared, configs)
    return next(average for average in AVERAGES if found <= average + _ROUNDING)


def _measure_all(
    prepared: Prepared, tasks: Mapping[int, _Task], jobs: int
) -> Iterator[tuple[int, _Measured]]:
    """Yield each result, with the number of its task, as soon as it is measured."""
    # Batches of one: a result is stored without waiting for others.
    run = joblib.Parallel(n_jobs=jobs, batch_size=1, return_as="generator_unordered")
    calls = (
        joblib.delayed(_measure_point)(number, prepared, task.configs)
        for number, task in tasks.items()
    )
    try:
        with closing(run(calls)) as results:
            yield from results
    except BrokenExecutor as error:
        raise InvalidInput(
            "search: a worker process was ended, most likely because memory ran out; finished "
            "points are kept; search again with fewer jobs"
        ) from error


def _measure_point(number: int, prepared: Prepared, configs: LayerConfigs) -> tuple[int, _Measured]:
    size = flash_bytes(prepared.quantize(configs))
    return number, _Measured(size, prepared.held_out_quality(configs))


def _points(
    prepared: Prepared, tasks: Sequence[_Task], measured: Sequence[_Measured]
) -> tuple[Point, ...]:
    """Return the points from small to large, with those on the front marked."""
    pairs = sorted(
        zip(tasks, measured, strict=True),
        key=lambda pair: (pair[1].flash_bytes, pair[1].quality.divergence),
    )
    points: list[Point] = []
    least = float("inf")
    for task, found in pairs:
        points.append(
            Point(
                kind=task.kind,
                asked=task.asked,
                average_bits=average_bits(prepared, task.configs),
                flash_bytes=found.flash_bytes,
                bits={name: config.bits for name, config in task.configs.items()},
                quality=found.quality,
                on_front=found.quality.divergence < least,
            )
        )
        least = min(least, found.quality.divergence)
    return tuple(points)


def _store(prepared: Prepared, folder: Path | None) -> _Store:
    if folder is None:
        return _Store(None, "")
    make_folder(folder)
    limits = sorted(prepared.ranges.limits.items())
    origin = (VERSION, prepared.graph, limits, prepared.inputs, prepared.samples)
    return _Store(folder, joblib.hash(origin, "sha1"))


def _load(path: Path | None, kind: TypeAdapter[_Value]) -> _Value | None:
    """Return a stored result; None if there is none or it is damaged: then measure again."""
    try:
        return None if path is None else kind.validate_json(path.read_bytes())
    except (OSError, ValidationError, InvalidInput):
        return None


def _save(path: Path | None, kind: TypeAdapter[_Value], value: _Value) -> None:
    if path is not None:
        write_file(path, kind.dump_json(value, indent=2) + b"\n")
