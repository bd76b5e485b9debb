#!/usr/bin/env python3
"""Write docs/reference/licences.md: the licence of every package that a lock file names.

    .venv/bin/python scripts/list_licences.py

Reads the metadata of the installed packages, so the environment has to be that of `make setup-dev`.
Exit code 1: a licence is unknown, or its package is used where it is not compatible.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from importlib.metadata import Distribution, PackageNotFoundError, distribution
from pathlib import Path

CHECKOUT = Path(__file__).resolve().parents[1]
PAGE = CHECKOUT / "docs" / "reference" / "licences.md"
LOCKS = {"microlut": "base.txt", "development": "dev.txt"}
_NAME = re.compile(r"^(?P<name>[A-Za-z0-9][\w.-]*)==(?P<rest>.*)$", re.MULTILINE)
_REQUIRED = re.compile(r"^[A-Za-z0-9][\w.-]*")

# What a program under Apache-2.0 may import.
PERMISSIVE = frozenset(
    [
        "0BSD",
        "Apache-2.0",
        "BSD-2-Clause",
        "BSD-3-Clause",
        "CC0-1.0",
        "ISC",
        "MIT",
        "MIT-0",
        "MIT-CMU",
        "MPL-2.0",
        "PSF-2.0",
        "Public-Domain",
        "Unlicense",
        "Zlib",
    ]
)
# Called as programs or used by tests alone: nothing of them is imported or shipped.
PROGRAMS = frozenset({"GPL-2.0-or-later", "GPL-2.0-only", "LGPL-2.1-or-later"})

# Where the metadata has no licence or another one than the package's LICENSE file.
_READ = {
    "namex": "Apache-2.0",
    "tflite-micro": "Apache-2.0",
    "unicorn": "GPL-2.0-only",  # its metadata names the licence of the bindings alone
}
_SPELLED = {
    "Apache Software License": "Apache-2.0",
    "Apache License 2.0": "Apache-2.0",
    "Apache 2.0": "Apache-2.0",
    "BSD License": "BSD-3-Clause",
    "BSD": "BSD-3-Clause",
    "3-Clause BSD License": "BSD-3-Clause",
    "GNU Lesser General Public License v2 or later (LGPLv2+)": "LGPL-2.1-or-later",
    "ISC License (ISCL)": "ISC",
    "MIT License": "MIT",
    "MIT No Attribution License (MIT-0)": "MIT-0",
    "Mozilla Public License 2.0 (MPL 2.0)": "MPL-2.0",
    "Public Domain": "Public-Domain",
    "Python Software Foundation License": "PSF-2.0",
    "The Unlicense (Unlicense)": "Unlicense",
}
_HEAD = """# Licences of dependencies

microlut is under the Apache License 2.0. `scripts/list_licences.py` makes this page from the
metadata of the packages that the lock files in `requirements/` name, and fails if a licence is
unknown or not compatible: what microlut needs, or imports with an extra, is permissive (or
MPL-2.0, which is about its own files). Firmware and exports hold no code of any of them.

Programs under the GPL are optional and are called as programs, never imported: esptool, which
flashes ESP32 boards (extra `flash`). unicorn and chardet are used in development alone. BSD in
metadata without a number of clauses is listed as BSD-3-Clause.

"""


def locked(lock: str) -> dict[str, bool]:
    """Return the names in a lock file, and whether this Python and system need each."""
    text = (CHECKOUT / "requirements" / lock).read_text(encoding="utf-8")
    names: dict[str, bool] = {}
    for found in _NAME.finditer(text):
        name = _normal(found["name"])
        names[name] = names.get(name, False) or ";" not in found["rest"]
    return names


def licence_of(package: Distribution) -> str:
    """Return the licence of a package as an expression of SPDX, or what its metadata says."""
    metadata = package.metadata
    if (name := _normal(package.name)) in _READ:
        return _READ[name]
    if expression := metadata.get("License-Expression"):
        return str(expression)
    classified = [
        text.rsplit(" :: ", 1)[-1]
        for text in metadata.get_all("Classifier") or ()
        if text.startswith("License :: ")
    ]
    text = " OR ".join(dict.fromkeys(_SPELLED.get(each, each) for each in classified))
    said = str(metadata.get("License") or "unknown").strip().splitlines()[0]
    return text or _SPELLED.get(said, said)


def rows() -> Iterator[tuple[str, str, str]]:
    """Yield each package that is installed of the locks: name, licence, and what needs it."""
    base, extras = set(locked(LOCKS["microlut"])), _extras()
    for name in sorted(locked(LOCKS["development"])):
        package = _installed(name)
        if package is not None:
            use = "microlut" if name in base else extras.get(name, "development")
            yield name, licence_of(package), use


def faults(found: list[tuple[str, str, str]]) -> list[str]:
    """Return the rows whose licence is unknown or does not fit their use."""
    wrong = []
    for name, licence, use in found:
        terms = {term for term in re.split(r" (?:AND|OR) |[()]", licence) if term}
        # a program of its own that an extra brings
        allowed = (
            PERMISSIVE if use != "development" and name != "esptool" else PERMISSIVE | PROGRAMS
        )
        fits = terms & allowed if " OR " in licence else terms <= allowed
        if not fits:
            wrong.append(f"{name}: {licence}, used by {use}")
    return wrong


def page(found: list[tuple[str, str, str]]) -> str:
    """Return the page of all packages."""
    table = "".join(f"| {name} | {licence} | {use} |\n" for name, licence, use in found)
    return f"{_HEAD}| package | licence | needed by |\n|---|---|---|\n{table}"


def _extras() -> dict[str, str]:
    """Return the packages that the extras bring, each with the first extra that does."""
    named: dict[str, str] = {}
    for extra in ("train", "onnx", "plots", "flash", "examples"):
        todo = [
            _normal(match[0])
            for text in distribution("microlut").requires or ()
            if f"extra == '{extra}'" in text.replace('"', "'") and (match := _REQUIRED.match(text))
        ]
        while todo:
            name = todo.pop()
            package = _installed(name)
            if name in named or package is None:
                continue
            named[name] = f"extra `{extra}`"
            todo += [
                _normal(match[0])
                for text in package.requires or ()
                if "extra ==" not in text and (match := _REQUIRED.match(text))
            ]
    return named


def _installed(name: str) -> Distribution | None:
    try:
        return distribution(name)
    except PackageNotFoundError:
        return None


def _normal(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def main() -> int:
    """Write the page; return 1 if a licence does not fit."""
    found = list(rows())
    PAGE.write_text(page(found), encoding="utf-8")
    wrong = faults(found)
    sys.stderr.writelines(f"{line}\n" for line in wrong)
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
