"""A folder beside a result, in which the result is made, and what dead processes left of theirs."""

from __future__ import annotations

import glob
import shutil
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from microlut.support.system import is_locked, lock

OLD = "old"  # the result before, while the new one takes its place
_GONE = "gone"  # that one, while it is removed
_NEW = "new"  # the lock before it is held
_MOST_SECONDS_WITHOUT_LOCK = 60
_LOCK = "lock"  # held as long as the process lives, however it ends


@contextmanager
def working_folder(result: Path) -> Iterator[Path]:
    """Yield a new folder beside a result, which is removed in the end.

    Folders that processes left when they were killed are removed first. One that was killed while
    the new result took the place of the old one has the old one: it is put back.

    Raises:
        OSError: It cannot be made.
    """
    _remove_left_over(result)
    work = Path(tempfile.mkdtemp(prefix=f".{result.name}-", dir=result.parent))
    try:
        with (work / _NEW).open("w", encoding="ascii") as file:
            with suppress(OSError):  # a file system without locks: nobody else may remove it
                lock(file)
                (work / _NEW).rename(work / _LOCK)  # whoever sees it sees that it is held
            yield work
    finally:
        _remove(work)


def _remove(work: Path) -> None:
    """Remove a working folder; the next process goes on if this is killed."""
    with suppress(OSError):
        (work / OLD).rename(work / _GONE)  # half of it must never be put back
    with suppress(OSError):
        for path in work.iterdir():
            if path.name != _LOCK:  # by which the next one knows the folder
                if path.is_dir() and not path.is_symlink():
                    shutil.rmtree(path, ignore_errors=True)
                else:
                    path.unlink()
    shutil.rmtree(work, ignore_errors=True)


def _remove_left_over(result: Path) -> None:
    """Remove the working folders of a result that no process holds the lock of."""
    for path in result.parent.glob(f".{glob.escape(result.name)}-????????/{_LOCK}"):
        with suppress(OSError), path.open("r", encoding="ascii") as file:
            if is_locked(file):
                continue
            if (path.parent / OLD).exists() and not result.exists():
                (path.parent / OLD).rename(result)
            _remove(path.parent)
    for folder in result.parent.glob(f".{glob.escape(result.name)}-????????"):
        with suppress(OSError):
            if _is_abandoned(folder):
                shutil.rmtree(folder, ignore_errors=True)


def _is_abandoned(folder: Path) -> bool:
    """Return whether a process was killed before it had a lock here, or when it tried the place."""
    files = [file.name for file in folder.rglob("*") if not file.is_dir()]
    old = time.time() - folder.stat().st_mtime > _MOST_SECONDS_WITHOUT_LOCK
    return old and files in ([], [_NEW])
