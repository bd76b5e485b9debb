"""Write the files of a package as a folder or an archive, completely or not at all.

An earlier export is replaced only if it still is as microlut wrote it. Changed and added files
belong to the user.
"""

from __future__ import annotations

import io
import zipfile
import zlib
from functools import partial
from pathlib import Path

from microlut.exporters.sources import Files
from microlut.project import staged
from microlut.support.files import check_file, write_file
from microlut.support.written import as_recorded, foreign_file

_EPOCH = (1980, 1, 1, 0, 0, 0)  # the earliest time of an archive's entry
_MODE = 0o100644 << 16
_DAMAGE = (NotImplementedError, OSError, RuntimeError, zipfile.BadZipFile, zlib.error)


def write_folder(files: Files, output: Path, force: bool) -> None:
    """Write a package as a folder; raises InvalidInput if files of the user are in the way."""
    with staged(output, foreign_file, force=force) as folder:
        for name, data in files.items():
            file = folder / name
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes(data)


def write_archive(files: Files, name: str, output: Path, force: bool) -> int:
    """Write a package as a .zip with one folder, and return its bytes.

    Equal files give equal bytes everywhere: entries are sorted, dated 1980 and not compressed,
    since compressors differ.
    """
    check_file(output, partial(_is_as_written, force), "an archive")
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_STORED) as archive:
        for path, data in sorted(files.items()):
            entry = zipfile.ZipInfo(f"{name}/{path}", _EPOCH)
            entry.create_system = 3  # Unix; its permissions follow
            entry.external_attr = _MODE
            archive.writestr(entry, data)
    write_file(output, buffer.getvalue())
    return len(buffer.getvalue())


def _is_as_written(force: bool, content: bytes) -> bool:
    """Return whether a file is an archive exactly as an export wrote it."""
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            names = archive.namelist()
            found = {name.partition("/")[2]: archive.read(name) for name in names}
            return as_recorded(found, force)
    except _DAMAGE:
        return False
