"""Find the line that says why another ecosystem's tool failed."""

from __future__ import annotations

import re

# What says most about a failure, before the line that a build system ends with.
_MARKS = (
    r"multiple definition|undefined reference",
    r"(fatal )?error:",
    r"CMake Error|FATAL ERROR|^Error\b|ERROR:",
)
_OFFLINE = r"HTTPClientError|Could not resolve host|Failed to connect|ConnectionError|dial tcp"
_DOWNLOADED = r"Manager: Installing (.+)"
# A text that ends in a colon goes on in the next paragraph.
_CMAKE = re.compile(
    r"^CMake Error at .*:$\n\n?((?:^ +\S.*$\n?)+(?:(?<=:\n)\n(?:^ +\S.*$\n?)+)?)", re.MULTILINE
)
# CMake has called a program, whose last line says more.
_CALLED = re.compile(
    r"^(\S.*)\n(?:\s*\n)?CMake Error at .*:\n\s+command failed with return code", re.MULTILINE
)
_KCONFIG = re.compile(
    r"^(warning: .*)(?=(?:\n.*){1,30}\nerror: Aborting due to Kconfig warnings)", re.MULTILINE
)
_LINKER = re.compile(r"^\S*/(?:\S+-)?ld(?:\.\w+)?(?:\.exe)?: ")


def find_line(patterns: tuple[str, ...], messages: str) -> str | None:
    """Return the line that the first of some patterns finds."""
    for pattern in patterns:
        found = re.search(rf"^.*(?:{pattern}).*$", messages, re.MULTILINE)
        if found is not None:
            return _plain(found[0])
    return None


def reason(messages: str, tool: str) -> str:
    """Return the line that says why a tool failed."""
    for known in (_KCONFIG, _CALLED):
        found = known.search(messages)
        if found is not None:
            return _plain(found[1])
    lines = [line.strip() for line in messages.splitlines() if line.strip()]
    marked = [line for mark in _MARKS for line in lines if re.search(mark, line)]
    line = (marked or lines[-1:] or ["no message"])[0]
    if line.startswith("collect2: error: ld"):
        line = next((each for each in lines if _LINKER.match(each)), line)
    explained = _CMAKE.search(messages)
    if explained is not None and line.startswith("CMake Error at"):
        line = " ".join(explained[1].split())
    line = _plain(line).removeprefix(f"{tool}: ").rstrip(" :;")
    missing = _download(messages)
    return line if missing is None else f"{line}; {missing}"


def _download(messages: str) -> str | None:
    """Return what a tool could not download, if that is why it failed."""
    if re.search(_OFFLINE, messages) is None:
        return None
    wanted = re.findall(_DOWNLOADED, messages)
    what = wanted[-1].strip() if wanted else "what it lacks"
    return f"it could not download {what}: check the network"


def _plain(line: str) -> str:
    """Return a line without the path of the linker."""
    return _LINKER.sub("", line.strip())
