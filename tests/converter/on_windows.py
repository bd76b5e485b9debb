"""Make this Python look like one on Windows, run microlut in it, and print what happened as JSON.

    python on_windows.py FOLDER

Modules that only other systems have cannot be imported, functions of `os`, `signal` and `socket`
that only they have are gone, and microlut is told that this is Windows. Libraries are loaded
before: those of this system would look for DLLs.
"""

from __future__ import annotations

import importlib
import json
import os
import pkgutil
import signal
import socket
import sys
import warnings
from pathlib import Path

MODULES = ("fcntl", "grp", "posix", "pty", "pwd", "resource", "syslog", "termios", "tty")
FUNCTIONS = {
    os: ("fork", "forkpty", "geteuid", "getuid", "getsid", "killpg", "memfd_create", "mkfifo",
         "openpty", "pidfd_open", "sched_getaffinity", "setsid", "ttyname", "uname", "waitid"),
    signal: ("SIGHUP", "SIGKILL", "SIGXCPU", "SIGALRM", "SIGUSR1", "pthread_sigmask"),
    socket: ("AF_UNIX", "send_fds", "recv_fds"),
}  # fmt: skip
CHECKOUT = Path(__file__).resolve().parents[2]
DIGITS = CHECKOUT / "examples" / "digits"


def load_libraries() -> None:
    """Import what microlut uses of others."""
    for name in ("elftools.elf.elffile", "flatbuffers", "h5py", "jinja2", "joblib", "numpy",
                 "pydantic", "rich.console", "rich.progress", "scipy.special", "scipy.stats",
                 "serial.tools.list_ports", "typer", "ai_edge_litert.interpreter", "onnx",
                 "matplotlib.figure", "tflite_micro", "usb.core", "zipfile"):  # fmt: skip
        importlib.import_module(name)


def become_windows() -> None:
    """Take away what Windows lacks."""
    for name in MODULES:
        sys.modules[name] = None  # type: ignore[assignment]
    for owner, names in FUNCTIONS.items():
        for name in names:
            if hasattr(owner, name):
                delattr(owner, name)
    sys.platform = "win32"


def imported() -> dict[str, str]:
    """Import every module of microlut; return those that failed, with their errors."""
    import microlut

    failed = {}
    for module in pkgutil.walk_packages(microlut.__path__, "microlut."):
        if (
            not module.name.startswith("microlut.importers.apart.")
            and "__main__" not in module.name
        ):
            try:
                importlib.import_module(module.name)
            except Exception as error:  # noqa: BLE001
                failed[module.name] = repr(error)
    importlib.import_module("microlut.importers.apart")
    return failed


def ran(folder: Path) -> dict[str, object]:
    """Run verbs; return their exit codes, and the message of one that cannot work."""
    from microlut.cli import run

    def code(*arguments: str | Path) -> int:
        return run([str(argument) for argument in arguments])

    model, calibration = DIGITS / "digits.keras", DIGITS / "digits_calibration.npz"
    out = folder / "out"
    return {
        "analyze": code("analyze", model),
        "convert": code("convert", model, "-o", out, "--calibration", calibration),
        "again": code("convert", model, "-o", out, "--calibration", calibration),
        "damaged": code("analyze", __file__),
        "report": code("report", out),
        "export": code("export", out, "--to", "cmake", "-o", folder / "exported"),
        "boards": code("boards"),
        "build": code("build", out, "--board", "mps2-an386"),
        "run": code("run", out, "--board", "host", "--inputs", DIGITS / "digits_test.npz"),
        "left": sorted(path.name for path in folder.iterdir()),
    }


def main(folder: Path) -> None:
    """Do all, and print it."""
    load_libraries()
    # text would have the code page of Windows
    warnings.filterwarnings("error", category=EncodingWarning, module=r"microlut\.")
    become_windows()
    failed = imported()
    told = sys.stdout
    sys.stdout = sys.stderr
    result = {"failed": failed, **ran(folder)}
    json.dump(result, told)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
