"""Call the command line in the process of the tests."""

from __future__ import annotations

import json
import sys
from dataclasses import dataclass

import pytest

from microlut import cli


@dataclass(frozen=True)
class Answer:
    """What a call of the command line gave."""

    code: int
    out: str
    err: str

    @property
    def json(self):
        return json.loads(self.out)


@pytest.fixture
def call(monkeypatch, capfd):
    """Call the command line in this process."""

    def run(*arguments: object) -> Answer:
        monkeypatch.setattr(sys, "argv", ["microlut", *map(str, arguments)])
        capfd.readouterr()
        with pytest.raises(SystemExit) as stop:
            cli.main()
        out, err = capfd.readouterr()
        return Answer(int(stop.value.code or 0), out, err)

    return run
