"""Two converted models and every format of them, made once for the tests of a process."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

import microlut
from digits_example import CALIBRATION, MODEL, conversion
from microlut.project import Project


@pytest.fixture(scope="session")
def project(tmp_path_factory: pytest.TempPathFactory) -> Project:
    """The digits example at 4 bits."""
    return microlut.write(conversion(), tmp_path_factory.mktemp("project") / "digits")


@pytest.fixture(scope="session")
def second(tmp_path_factory: pytest.TempPathFactory) -> Project:
    """The same network at 8 bits under another name."""
    made = microlut.convert(MODEL, CALIBRATION, bits=8, name="second")
    return microlut.write(made, tmp_path_factory.mktemp("project") / "second")


@pytest.fixture(scope="session")
def exported(project, second, tmp_path_factory) -> Callable[[str], Path]:
    """A function from a format to its folder, with both models in a library called pair."""
    made: dict[str, Path] = {}

    def folder_of(to: str) -> Path:
        if to not in made:
            made[to] = tmp_path_factory.mktemp(to) / "pair"
            microlut.export([project, second], to, made[to], "pair")
        return made[to]

    return folder_of
