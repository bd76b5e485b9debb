"""Run a function of this package in a process of its own, which is confined.

A fork takes milliseconds, but is sound only while this process has one thread. Otherwise a helper
process is started once, which takes most of a second, and forks for each file.
"""

from __future__ import annotations

import faulthandler
import json
import os
import select
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import threading
import traceback
import warnings
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

assert sys.platform != "win32"  # has none of this, and never imports it

_COMMAND = "from microlut.importers.apart import serve; serve()"
# Libraries that start threads which Python does not count.
_THREADED = ("jax", "tensorflow", "torch")
_LENGTH, _STATUS = struct.Struct("<I"), struct.Struct("<i")
_FAILED = 1

Request = Mapping[str, Any]
Work = Callable[[Request, int], None]


class TakesTooLong(Exception):
    """The process did not end in time."""


def answer_file() -> int:
    """Return a new file without a name, in memory where the system can."""
    if sys.platform == "linux":
        with suppress(AttributeError, OSError):
            return os.memfd_create("microlut")
    number, path = tempfile.mkstemp()
    Path(path).unlink()
    return number


def run(work: Work, request: Request, answer: int, seconds: float) -> int:
    """Return the exit code of a process that did some work; one that a signal ended is negative.

    Args:
        work: What is done in it: `serve` is told the same.
        request: What to do, as JSON.
        answer: The file that the answer is written to.
        seconds: How long to wait, by the clock.

    Raises:
        TakesTooLong: It has been ended since it took longer.
    """
    if _may_fork():
        return _wait(_forked(work, request, answer), seconds)
    with _LOCK:
        return _helper().ask(request, answer, seconds)


def _may_fork() -> bool:
    if sys.platform != "linux":
        return False
    alone = threading.active_count() == 1 and not any(name in sys.modules for name in _THREADED)
    return alone and hasattr(os, "pidfd_open")


def _forked(work: Work, request: Request, answer: int) -> int:
    assert sys.platform != "win32"
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # threads of BLAS, which ends them at a fork
        child = os.fork()
    if child == 0:
        code = _FAILED
        try:
            faulthandler.disable()
            for number in (signal.SIGTERM, signal.SIGHUP):
                signal.signal(number, signal.SIG_DFL)
            work(request, answer)
            code = 0
        except BaseException:  # noqa: BLE001 - nothing may go on in two processes
            traceback.print_exc()
        finally:
            os._exit(code)
    return child


def _wait(child: int, seconds: float) -> int:
    if sys.platform != "linux":
        raise NotImplementedError
    assert sys.platform == "linux"
    handle = os.pidfd_open(child)
    ended = False
    try:
        ended = bool(select.select([handle], [], [], seconds)[0])
    finally:
        if not ended:
            os.kill(child, signal.SIGKILL)
        os.close(handle)
        _, status = os.waitpid(child, 0)
    if not ended:
        raise TakesTooLong
    return os.waitstatus_to_exitcode(status)


@dataclass(slots=True)
class _Helper:
    """A process that forks for each request."""

    process: subprocess.Popen[bytes]
    connection: socket.socket
    owner: int

    def ask(self, request: Request, answer: int, seconds: float) -> int:
        assert sys.platform != "win32"
        content = json.dumps({**request, "folder": str(Path.cwd())}).encode()
        try:
            self.connection.settimeout(seconds)
            socket.send_fds(self.connection, [_LENGTH.pack(len(content))], [answer])
            self.connection.sendall(content)
            return int(_STATUS.unpack(_received(self.connection, _STATUS.size))[0])
        except TimeoutError as error:
            self.end()
            raise TakesTooLong from error
        except BaseException:
            self.end()
            raise

    def end(self) -> None:
        assert sys.platform != "win32"
        self.connection.close()
        with suppress(OSError):  # a session of its own: what it has forked ends, too
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()


_LOCK = threading.Lock()
_HELPERS: list[_Helper] = []  # at most one


def _helper() -> _Helper:
    """Return the helper process of this process, started if need be."""
    if _HELPERS and (_HELPERS[0].owner != os.getpid() or _HELPERS[0].process.poll() is not None):
        _HELPERS.pop().connection.close()
    if not _HELPERS:
        own, other = socket.socketpair()
        with other:
            process = subprocess.Popen(
                [sys.executable, "-P", "-c", _COMMAND, str(other.fileno())],
                pass_fds=(other.fileno(),),
                stdin=subprocess.DEVNULL,
                start_new_session=True,
                env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
            )
        _HELPERS.append(_Helper(process, own, os.getpid()))
    return _HELPERS[0]


def serve(work: Work, prepare: Callable[[Request], None]) -> None:
    """Do work for another process until it ends, each in a fork.

    Args:
        work: What is done for each request.
        prepare: What is done before the fork, once for many: imports.
    """
    assert sys.platform != "win32"
    with socket.socket(fileno=int(sys.argv[1])) as connection:
        while True:
            head, files, *_ = socket.recv_fds(connection, _LENGTH.size, 1)
            if len(head) < _LENGTH.size or not files:
                return
            request = json.loads(_received(connection, *_LENGTH.unpack(head)))
            os.chdir(request["folder"])
            prepare(request)
            _, status = os.waitpid(_forked(work, request, files[0]), 0)
            os.close(files[0])
            connection.sendall(_STATUS.pack(os.waitstatus_to_exitcode(status)))


def _received(connection: socket.socket, count: int) -> bytes:
    found = b""
    while len(found) < count:
        part = connection.recv(count - len(found))
        if not part:
            raise EOFError("the other process has ended")
        found += part
    return found
