"""Calls of the system that are refused, one after the other, as where a quota is used up.

A library that is loaded before the C library refuses all from some call on, so every moment at
which a disk, a quota or the permission of a folder may end is tried.
"""

from __future__ import annotations

import errno
import os
import subprocess
import sys
from pathlib import Path

import pytest

import microlut
from digits_example import MODEL, conversion
from microlut.machine.tools import HOST_CC, find_tool
from sweeps import in_sweeps

HERE = Path(__file__).parent
PACKAGE_PARENT = Path(microlut.__file__).parents[1]
ERRORS = (errno.EDQUOT, errno.ENOSPC, errno.EROFS, errno.EACCES, errno.EIO, errno.EMFILE)
NEVER = 10**9


@pytest.fixture(scope="module")
def library(tmp_path_factory) -> Path:
    if not sys.platform.startswith("linux") or find_tool(HOST_CC) is None:
        pytest.skip(f"not tested: needs Linux and cc ({HOST_CC.apt_command})")
    made = tmp_path_factory.mktemp("library") / "refused.so"
    command = ["cc", "-shared", "-fPIC", "-Wall", "-Werror", str(HERE / "refused_calls.c")]
    subprocess.run([*command, "-o", str(made), "-ldl"], check=True)
    return made


@pytest.fixture(scope="module")
def project(tmp_path_factory) -> Path:
    return microlut.write(conversion(), tmp_path_factory.mktemp("project") / "digits").path


def contents(folder: Path) -> dict[str, bytes]:
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file()
    }


class Refusing:
    """A verb whose calls are refused from some number on."""

    def __init__(self, library: Path, folder: Path, *words: object) -> None:
        self._words = [str(word) for word in words]
        self._count = folder.parent / f"{folder.name}-count"
        self._environment = {
            **os.environ,
            "PYTHONPATH": str(PACKAGE_PARENT),
            "PYTHONDONTWRITEBYTECODE": "1",
            "LD_PRELOAD": str(library),
            "REFUSE_UNDER": str(folder),
            "REFUSE_COUNT": str(self._count),
        }

    def run(self, first: int, error: int) -> subprocess.CompletedProcess[str]:
        self._count.unlink(missing_ok=True)
        told = {"REFUSE_FROM": str(first), "REFUSE_WITH": str(error)}
        return subprocess.run(
            [sys.executable, "-m", "microlut", *self._words],
            env=self._environment | told,
            capture_output=True,
            text=True,
            check=False,
        )

    def calls(self) -> int:
        """Return how many calls there are if none is refused."""
        done = self.run(NEVER, 0)
        assert (done.returncode, done.stderr) == (0, "")
        return self._count.stat().st_size


VERBS = {
    "export": "export {project} --to cmake -o {out}",
    "archive": "export {project} --to zip -o {out}.zip",
    "convert": "convert {model} --input-range 0 16 --no-distill -o {out}",
    "report": "report {project} --output {out}.md",
    "init": "init {model} --input-range 0 16 --board host --output {out}.toml",
}
QUICK = ("export", "archive", "report", "init")


@pytest.mark.parametrize(
    ("verb", "moments"),
    [("export", 3), ("init", 2), *in_sweeps(*((verb, 60) for verb in QUICK), ("convert", 30))],
)
@pytest.mark.parametrize("earlier", [False, True], ids=["new", "replaced"])
def test_refused_call_is_one_line_and_leaves_what_was_there(
    verb, moments, earlier, library, project, tmp_path
):
    folder = tmp_path / "place"
    folder.mkdir()
    facts = {"project": project, "model": MODEL, "out": folder / "out"}
    refusing = Refusing(library, folder, *VERBS[verb].format(**facts).split())
    calls = refusing.calls()
    whole = contents(folder)
    assert calls > 2
    if verb == "init":  # it never replaces a file
        earlier = False
    steps = max(1, calls // moments)
    for number, first in enumerate(range(1 + steps // 2, calls + 1, steps)):
        if not earlier:
            for path in sorted(folder.rglob("*"), reverse=True):
                path.rmdir() if path.is_dir() else path.unlink()
        error = ERRORS[number % len(ERRORS)]
        done = refusing.run(first, error)
        where = f"call {first} of {calls} is refused with {errno.errorcode[error]}: {done.stderr}"
        assert (done.returncode, done.stderr.count("\n")) == (2, 1), where
        assert os.strerror(error) in done.stderr, where
        assert contents(folder) == (whole if earlier else {}), where
        if earlier:
            assert sorted(path.name for path in folder.iterdir()) == sorted(
                {name.partition("/")[0] for name in whole}
            ), where
        else:
            assert list(folder.iterdir()) == [], where
