"""Measure the cases of a benchmark one by one, several at a time, or on a cluster.

A cluster is one of Dask, as `microlut search --cluster` takes it. Its workers have microlut with
the packages that the benchmark needs, and find files and data where this machine has them. The code
of benchmarks/ and of tests/ travels with the cases. Results come in the order of the cases, and are
those of one machine.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import TypeVar

import joblib
import numpy as np
from documents import ROOT

from microlut.errors import InvalidInput
from microlut.support.cluster import check_cluster, on_cluster

try:  # what joblib sends functions by: up to 1.5 it had its own
    from joblib.externals import cloudpickle
except ImportError:
    import cloudpickle

Case = TypeVar("Case")
Result = TypeVar("Result")

HERE = argparse.Namespace(jobs=1, cluster=None)  # one by one
_TRAVELLING = (ROOT / "benchmarks", ROOT / "tests")


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add --jobs and --cluster."""
    parser.add_argument("--jobs", type=int, default=1, help="cases at a time; -1: one per core")
    parser.add_argument(
        "--cluster",
        type=_address,
        metavar="tcp://HOST:PORT",
        help="a scheduler of Dask, whose workers measure the cases",
    )


def each(
    measure: Callable[[Case], Result], cases: Iterable[Case], options: argparse.Namespace
) -> Iterator[Result]:
    """Yield what is measured of each case, in their order, as soon as it is known.

    Args:
        measure: A function of a module, or a partial one.
        cases: What it takes.
        options: Those of `add_options`.
    """
    if options.cluster is None and options.jobs == 1:
        yield from map(measure, cases)
        return
    errors = np.geterr()

    def measured(case: bytes) -> bytes:
        with np.errstate(**errors):
            return bytes(cloudpickle.dumps(measure(cloudpickle.loads(case))))

    jobs = options.jobs if options.cluster is None else -1
    with _travelling(), on_cluster(options.cluster):
        run = joblib.Parallel(n_jobs=jobs, batch_size=1, return_as="generator")
        function = joblib.wrap_non_picklable_objects(measured, keep_wrapper=True)
        calls = (joblib.delayed(function)(cloudpickle.dumps(case)) for case in cases)
        with closing(run(calls)) as results:
            yield from map(cloudpickle.loads, results)


def named(paths: Iterable[Path], options: argparse.Namespace) -> dict[str, Path]:
    """Return files in `options.folder` by their names there, those that --only asks for."""
    found = {path.relative_to(options.folder).as_posix(): path for path in sorted(paths)}
    return {
        name: path.resolve()  # as workers find it
        for name, path in found.items()
        if not options.only or any(part in name for part in options.only)
    }


@contextmanager
def _travelling() -> Iterator[None]:
    """Let functions and classes of the checkout, which is no package, be sent as they are."""
    own = [
        module
        for module in list(sys.modules.values())
        if (file := getattr(module, "__file__", None)) and _is_own(Path(file))
    ]
    for module in own:
        cloudpickle.register_pickle_by_value(module)
    try:
        yield
    finally:
        for module in own:
            cloudpickle.unregister_pickle_by_value(module)


def _is_own(file: Path) -> bool:
    return any(file.is_relative_to(folder) for folder in _TRAVELLING)


def _address(text: str) -> str:
    try:
        check_cluster(text)
    except InvalidInput as error:
        raise argparse.ArgumentTypeError(str(error)) from error
    return text
