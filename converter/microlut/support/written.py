"""Record the files that microlut wrote into a folder, and find what was changed since.

A folder or archive is replaced only if it still is as microlut wrote it. Changed and added files
belong to the user.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping
from pathlib import Path

MANIFEST = "microlut.json"  # the record, with the SHA-256 of every other file


def manifest(files: Mapping[str, bytes], **facts: object) -> bytes:
    """Return the record of files, by their paths in the folder, preceded by other facts."""
    hashes = {path: _digest(data) for path, data in sorted(files.items())}
    return (json.dumps({**facts, "files": hashes}, indent=2) + "\n").encode()


def recorded(content: bytes | None) -> dict[str, str]:
    """Return the SHA-256 of each file in a record; nothing if it is missing or damaged."""
    try:
        return dict(json.loads(content or b"")["files"])
    except (ValueError, KeyError, TypeError):
        return {}


def foreign_file(
    folder: Path, force: bool = False, is_made: Callable[[str], bool] = lambda _name: False
) -> str | None:
    """Return a file or empty folder that is not as microlut wrote it, and why; else None.

    Args:
        folder: The folder; it has a record if microlut wrote it.
        force: Whether a file that microlut wrote may have been changed since.
        is_made: Returns whether a later step makes a path and may make it again. A slash follows
            the path of a folder.
    """
    record = folder / MANIFEST
    written = recorded(record.read_bytes() if record.is_file() else None)
    for path in sorted(folder.rglob("*")):
        name = path.relative_to(folder).as_posix()
        if path.is_dir() and not path.is_symlink():
            known = is_made(f"{name}/") or any(path.iterdir())
        else:
            known = is_made(name) or (name == MANIFEST and bool(written))
        if known:
            continue
        if name not in written or path.is_symlink() or not path.is_file():
            return f"{name}, which microlut did not write"
        if not force and written[name] != _digest(path.read_bytes()):
            return f"{name}, which was changed since microlut wrote it"
    return None


def as_recorded(files: Mapping[str, bytes], force: bool = False) -> bool:
    """Return whether an archive's files, by their paths, are those of its own record.

    With `force`, they need not be as they were written.
    """
    written = recorded(files.get(MANIFEST))
    if force:
        return files.keys() - {MANIFEST} <= written.keys() and bool(written)
    others = {name: _digest(data) for name, data in files.items() if name != MANIFEST}
    return bool(written) and others == written


def _digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()
