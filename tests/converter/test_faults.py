"""Faults of the machine: killed processes, full disks, two processes at once, broken compilers."""

from __future__ import annotations

import os
import resource
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from random import Random

import pytest

import microlut
from digits_example import CALIBRATION, MODEL, TEST
from microlut.errors import BuildFailed
from microlut.machine.tools import HOST_CC, find_tool
from microlut.toolchain import programs
from sweeps import in_sweeps

PACKAGE_PARENT = Path(microlut.__file__).parents[1]
_SMALLEST_BTRFS = 114 << 20
CONVERT = ("convert", MODEL, "--calibration", CALIBRATION, "--no-distill", "--bits", "4")


def started(*arguments: object, limit: int | None = None, **environment: str) -> subprocess.Popen:
    """Start the command line; `limit` is the most bytes of a file that it may write."""

    def limited() -> None:
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)  # then writing fails, as on a full disk
        resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))

    return subprocess.Popen(
        [sys.executable, "-m", "microlut", *map(str, arguments)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=None if limit is None else limited,
        env={**os.environ, "PYTHONPATH": str(PACKAGE_PARENT), **environment},
    )


def ended(process: subprocess.Popen) -> tuple[int, str]:
    """Return the exit code and the message of a process that has to end by itself."""
    _, message = process.communicate(timeout=300)
    assert "Traceback" not in message
    return process.returncode, message


def contents(folder: Path) -> dict[str, bytes]:
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file()
    }


@pytest.fixture(scope="module")
def whole(tmp_path_factory) -> Path:
    """Return what an undisturbed conversion writes."""
    out = tmp_path_factory.mktemp("whole") / "out"
    assert ended(started(*CONVERT, "-o", out)) == (0, "")
    return out


# --- killed processes


KILLED = ("convert", "export", "build", "deploy")
DEPLOY = ("deploy", MODEL, "--board", "host", *CONVERT[2:], "--inputs", TEST)


class Verb:
    """A verb that writes a folder, with how long it takes and what it writes undisturbed."""

    def __init__(self, name: str, folder: Path) -> None:
        project = folder / "project"
        if name in ("build", "export"):
            assert ended(started(*CONVERT, "-o", project))[0] == 0
        self.place = folder / "place"
        self.place.mkdir()
        self.out = project / "build" if name == "build" else self.place / "out"
        self._words: tuple[object, ...] = {
            "convert": (*CONVERT, "-o", self.out),
            "export": ("export", project, "--to", "cmake", "-o", self.out),
            "build": ("build", project, "--board", "host"),
            "deploy": (*DEPLOY, "-o", self.out),
        }[name]
        begin = time.monotonic()
        self.run()
        self.seconds = time.monotonic() - begin
        self.whole = contents(self.out)
        pages = [file for file in ("report.html", "report.md") if file in self.whole]
        self.added = pages if name == "deploy" else []

    def run(self) -> None:
        assert ended(self.start())[0] == 0

    def start(self) -> subprocess.Popen:
        return started(*self._words)


@pytest.fixture(scope="module")
def verbs(tmp_path_factory) -> dict[str, Verb]:
    """Return verbs by name, of which each is run once."""
    made: dict[str, Verb] = {}

    class Made(dict[str, Verb]):
        def __missing__(self, name: str) -> Verb:
            return made.setdefault(name, Verb(name, tmp_path_factory.mktemp(name)))

    return Made()


@pytest.mark.slow
@pytest.mark.parametrize(
    ("verb", "seed"),
    [
        *(("export", 0), ("export", 1), ("convert", 0), ("build", 0)),
        *in_sweeps(*((verb, n) for verb in KILLED for n in range(2, 27))),
    ],
)
def test_killed_process_leaves_the_old_or_the_new_result(verb, seed, verbs):
    if verb in ("build", "deploy") and find_tool(HOST_CC) is None:
        pytest.skip(f"not tested: cc is missing ({HOST_CC.apt_command})")
    tried = verbs[verb]
    process = tried.start()
    time.sleep(tried.seconds * Random(f"{verb} {seed}").uniform(0.1, 1.0))
    process.kill()
    process.communicate()
    # A build replaces file by file; else the place is in the folder that the next run finds.
    # The last thing that `deploy` does is to add the page to what it converted.
    if verb != "build" and tried.out.exists():
        found = contents(tried.out)
        assert found | {name: tried.whole[name] for name in tried.added} == tried.whole
    for folder in tried.place.glob(".out-*"):  # it had no time to be locked
        os.utime(folder, (0, 0))
    tried.run()
    assert contents(tried.out) == tried.whole
    assert [path.name for path in tried.place.iterdir()] == ([] if verb == "build" else ["out"])


@pytest.mark.parametrize("files", [(), ("new",), ("out/",)])
def test_folder_without_a_lock_is_removed_when_it_is_old(files, whole, tmp_path):
    left = tmp_path / ".out-abcdefgh"
    left.mkdir()
    for name in files:
        (left / name).mkdir() if name.endswith("/") else (left / name).touch()
    project = microlut.read(whole)
    microlut.export(project, "cmake", tmp_path / "out")
    assert left.exists()  # another process may just have made it
    os.utime(left, (0, 0))
    microlut.export(project, "cmake", tmp_path / "out")
    assert [path.name for path in tmp_path.iterdir()] == ["out"]


def test_folder_with_files_of_somebody_is_kept(whole, tmp_path):
    mine = tmp_path / ".out-abcdefgh"
    mine.mkdir()
    (mine / "mine.txt").touch()
    os.utime(mine, (0, 0))
    microlut.export(microlut.read(whole), "cmake", tmp_path / "out")
    assert (mine / "mine.txt").exists()


# --- full disks


@pytest.mark.parametrize("limit", [100, 4_000])
def test_file_that_cannot_be_written_whole_leaves_nothing(limit, whole, tmp_path):
    export = ("export", whole, "--to", "cmake", "-o", tmp_path / "out")
    code, message = ended(started(*export, limit=limit))
    assert (code, message.count("\n")) == (2, 1)
    assert "File too large" in message
    code, message = ended(started(*CONVERT, "-o", tmp_path / "out", limit=limit))
    assert (code, message.count("\n")) == (2, 1)
    assert "no room" in message or "File too large" in message
    assert list(tmp_path.iterdir()) == []


def test_earlier_result_survives_a_full_disk(whole, tmp_path):
    disk = tmp_path / "disk"
    disk.mkdir()
    mount = ("mount", "-t", "tmpfs", "-o", "size=8m", "none", str(disk))
    if os.geteuid() != 0 or subprocess.run(mount, check=False, capture_output=True).returncode:
        pytest.skip("not tested: only root may mount a small disk, where mounting is allowed")
    try:
        out = disk / "out"
        arguments = ("export", whole, "--to", "cmake", "-o", out)
        assert ended(started(*arguments))[0] == 0
        before = contents(out)
        free = os.statvfs(disk).f_bavail * os.statvfs(disk).f_frsize
        (disk / "filler").write_bytes(bytes(free - 100_000))
        code, message = ended(started(*arguments))
        assert (code, message.count("\n")) == (2, 1)
        assert "No space left on device" in message
        assert contents(out) == before
        assert sorted(path.name for path in disk.iterdir()) == ["filler", "out"]
    finally:
        subprocess.run(("umount", str(disk)), check=True)


# --- quotas


@pytest.fixture
def quota(tmp_path) -> Iterator[Path]:
    """Yield a folder of a file system that lets 2 MiB be written to it."""
    disk, folder = tmp_path / "disk", tmp_path / "disk" / "mine"
    image = tmp_path / "image"
    with image.open("wb") as file:
        file.truncate(_SMALLEST_BTRFS)
    disk.mkdir()
    preparing = (
        ("mkfs.btrfs", "-q", image),
        ("mount", "-o", "loop", image, disk),
        ("btrfs", "quota", "enable", disk),
        ("btrfs", "subvolume", "create", folder),
        ("btrfs", "qgroup", "limit", "2M", folder),
    )
    try:
        for words in preparing:
            try:
                subprocess.run([str(word) for word in words], check=True, capture_output=True)
            except (OSError, subprocess.CalledProcessError) as error:
                pytest.skip(f"not tested: {words[0]} fails (root, btrfs-progs): {error}")
        yield folder
    finally:
        subprocess.run(("umount", str(disk)), check=False, capture_output=True)


@pytest.mark.sweep
def test_earlier_result_survives_a_quota(whole, quota):
    out = quota / "out"
    convert = (*CONVERT, "-o", out)
    assert ended(started(*convert)) == (0, "")
    before = contents(out)
    with (quota / "filler").open("wb", buffering=0) as filler, suppress(OSError):
        while True:
            filler.write(bytes(4096))
            os.fsync(filler.fileno())
    for words in (convert, ("export", whole, "--to", "cmake", "-o", quota / "package")):
        code, message = ended(started(*words))
        assert (code, message.count("\n")) == (2, 1)
        assert "quota" in message
        assert contents(out) == before
        assert sorted(path.name for path in quota.iterdir()) == ["filler", "out"]
    (quota / "filler").unlink()
    assert ended(started(*convert, "--force")) == (0, "")


# --- two processes


@pytest.mark.slow
def test_two_processes_write_one_folder(whole, tmp_path):
    out = tmp_path / "out"
    both = [started(*CONVERT, "-o", out) for _ in range(2)]
    answers = [ended(process) for process in both]
    assert {code for code, _ in answers} <= {0, 2}
    assert 0 in {code for code, _ in answers}
    assert contents(out) == contents(whole)
    assert [path.name for path in tmp_path.iterdir()] == ["out"]


# --- compilers and emulators


def fake(folder: Path, name: str, script: str) -> str:
    """Write a program, and return a PATH on which it comes first."""
    folder.mkdir(exist_ok=True)
    program = folder / name
    program.write_text(f"#!/bin/sh\n{script}\n")
    program.chmod(0o755)
    return f"{folder}{os.pathsep}{os.environ['PATH']}"


@pytest.mark.parametrize("script", ["kill -SEGV $$", "exit 1", "echo no licence >&2; exit 3"])
def test_compiler_that_fails_is_one_line(script, whole, tmp_path):
    if find_tool(HOST_CC) is None:
        pytest.skip(f"not tested: cc is missing ({HOST_CC.apt_command})")
    path = fake(tmp_path / "bin", "cc", script)
    out = tmp_path / "out"
    deploy = ("deploy", MODEL, "--board", "host", *CONVERT[2:], "-o", out)
    code, message = ended(started(*deploy, PATH=path))
    assert (code, message.count("\n")) == (7, 1)
    assert not out.exists()
    assert [path.name for path in tmp_path.iterdir() if path.name.startswith(".")] == []


@pytest.mark.parametrize("script", ["exec sleep 1000", "trap '' TERM; while :; do sleep 1; done"])
def test_compiler_that_hangs_is_stopped(script, whole, tmp_path, monkeypatch):
    if find_tool(HOST_CC) is None:
        pytest.skip(f"not tested: cc is missing ({HOST_CC.apt_command})")
    monkeypatch.setattr(programs, "_MOST_SECONDS", 1.0)
    monkeypatch.setattr(programs, "_ENDING_SECONDS", 1.0)
    monkeypatch.setenv("PATH", fake(tmp_path / "bin", "cc", script))
    begin = time.monotonic()
    with pytest.raises(BuildFailed, match=r"cmake did not end within 1 s and was stopped"):
        microlut.build(whole, "host")
    assert time.monotonic() - begin < 60
    assert running(str(tmp_path / "bin")) == []


def running(word: str) -> list[str]:
    """Return the command lines of processes that name a word."""
    found = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        with suppress(OSError):  # it has ended
            found.append(path.read_bytes().replace(b"\0", b" ").decode(errors="replace"))
    return [command for command in found if word in command]


@pytest.mark.qemu
def test_emulator_that_dies_is_one_line(whole, tmp_path):
    for tool in ("arm-none-eabi-gcc", "qemu-system-arm"):
        if not any((Path(each) / tool).exists() for each in os.environ["PATH"].split(os.pathsep)):
            pytest.skip(f"not tested: {tool} is missing")
    path = fake(tmp_path / "bin", "qemu-system-arm", "kill -KILL $$")
    run = ("run", whole, "--board", "mps2-an386", "--emulator", "qemu", "--inputs", TEST)
    code, message = ended(started(*run, "--limit", "1", PATH=path))
    assert (code, message.count("\n")) == (8, 1)
