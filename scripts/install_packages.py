"""Run pip and report what it fetches, in a few lines for terminals and logs.

    PYTHON scripts/install_packages.py ABOUT PIP-ARGUMENT...

ABOUT says how much to expect. pip itself is either silent for minutes or prints hundreds of lines;
they are shown only if it fails.
"""

from __future__ import annotations

import os
import queue
import re
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from typing import IO

_NAME = "install-packages"
_LARGE_MB = 5.0  # files of at least that size get their own line
_SILENCE_SECONDS = 15.0
_MB = {"kB": 1e-3, "MB": 1.0, "GB": 1e3}
_FETCHED = re.compile(r"Downloading (\S+) \(([\d.]+) (kB|MB|GB)\)")
_UNPACKED = re.compile(r"Installing collected packages: (.*)")
_TOLD = re.compile(r"ERROR:|WARNING: Retrying")  # shown at once: the network may be down


def main() -> int:
    """Run pip with this Python; return its exit code."""
    about, *arguments = sys.argv[1:]
    start = time.monotonic()

    def say(text: str) -> None:
        sys.stdout.write(f"{_NAME}: {time.monotonic() - start:4.0f} s  {text}\n")
        sys.stdout.flush()

    say(about)
    command = [sys.executable, "-m", "pip", "install", "--disable-pip-version-check"]
    command += ["--progress-bar", "off", *arguments]
    printed: list[str] = []
    fetched, doing = 0.0, "looking up packages"
    with subprocess.Popen(
        command,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
        env={**os.environ, "PYTHONUNBUFFERED": "1"},
    ) as pip:
        assert pip.stdout is not None
        for line in _lines(pip.stdout):
            if line is None:
                say(f"still {doing}")
                continue
            printed.append(line)
            if found := _FETCHED.search(line):
                megabytes = float(found[2]) * _MB[found[3]]
                fetched += megabytes
                name = "-".join(found[1].split("-")[:2])
                doing = f"fetching {name} ({found[2]} {found[3]})"
                if megabytes >= _LARGE_MB:
                    say(doing)
            elif found := _UNPACKED.search(line):
                doing = f"unpacking {found[1].count(',') + 1} packages"
                say(f"{fetched:,.0f} MB fetched; {doing}")
            elif _TOLD.search(line):
                say(line.strip())
    if pip.returncode != 0:
        sys.stdout.writelines(printed)
        say("pip failed; what it printed is above")
    else:
        say("done")
    return pip.returncode


def _lines(stream: IO[str]) -> Iterator[str | None]:
    """Yield the lines of a stream, and None after each silence."""
    lines: queue.Queue[str | None] = queue.Queue()

    def read() -> None:
        for line in stream:
            lines.put(line)
        lines.put(None)  # the end

    threading.Thread(target=read, daemon=True).start()
    while True:
        try:
            line = lines.get(timeout=_SILENCE_SECONDS)
        except queue.Empty:
            yield None
            continue
        if line is None:
            return
        yield line


if __name__ == "__main__":
    sys.exit(main())
