"""Models converted once for the whole run: several tests, in several processes, share each one."""

from __future__ import annotations

import fcntl
import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

import microlut
from microlut.importers import import_model
from microlut.importers.samples import load_samples
from microlut.project import Project

Convert = Callable[..., Project]


@contextmanager
def _locked(file: Path) -> Iterator[None]:
    with file.open("w") as handle:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield


@pytest.fixture(scope="session")
def converted_once(tmp_path_factory) -> Convert:
    """Return a function that converts a model, or finds that another process has done so."""
    root = tmp_path_factory.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:
        root = root.parent

    def convert(
        model: Path, calibration: Path, bits: int, granularity: str, count: int | None
    ) -> Path:
        folder = root / f"converted-{model.stem}-{bits}-{granularity}-{count}"
        with _locked(folder.with_suffix(".lock")):
            if not folder.exists():
                samples = load_samples(calibration, import_model(model).inputs, count)
                made = microlut.convert(model, samples.inputs, bits=bits, granularity=granularity)
                microlut.write(made, folder)
        return folder

    return convert


@pytest.fixture
def converted(converted_once, tmp_path) -> Convert:
    """Return a function that gives a converted model in a folder of the test's own."""

    def convert(
        model: Path,
        calibration: Path,
        bits: int,
        granularity: str = "channel",
        count: int | None = None,
    ) -> Project:
        made = converted_once(model, calibration, bits, granularity, count)
        return microlut.read(shutil.copytree(made, tmp_path / made.name))

    return convert
