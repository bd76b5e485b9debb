"""Files of a package in; a folder or an archive on disk, whole or not at all, out.

An earlier export is replaced only while it is as microlut wrote it: what somebody changed or added
is theirs.
"""

from __future__ import annotations

import hashlib
import io
import json
import zipfile
from pathlib import Path

from microlut.errors import InvalidInput
from microlut.exporters.package import MANIFEST
from microlut.exporters.sources import Files
from microlut.files import write_file
from microlut.project import staged

_EPOCH = (1980, 1, 1, 0, 0, 0)  # the earliest time of an archive's entry
_MODE = 0o100644 << 16


def write_folder(files: Files, output: Path) -> None:
    """Write a package as a folder; raises InvalidInput if something of others' is in the way."""
    with staged(output, _foreign_file) as folder:
        for name, data in files.items():
            file = folder / name
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes(data)


def write_archive(files: Files, name: str, output: Path) -> int:
    """Write a package as a .zip with one folder, and return its bytes.

    Equal files give equal bytes everywhere: entries are sorted, dated 1980 and not compressed,
    since compressors differ.
    """
    if output.exists() and not _is_ours(output):
        raise InvalidInput(
            f"{output}: is there and not an archive that microlut wrote; choose another file"
        )
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_STORED) as archive:
        for path, data in sorted(files.items()):
            entry = zipfile.ZipInfo(f"{name}/{path}", _EPOCH)
            entry.create_system = 3  # Unix, whose permissions follow
            entry.external_attr = _MODE
            archive.writestr(entry, data)
    write_file(output, buffer.getvalue())
    return len(buffer.getvalue())


def _is_ours(archive: Path) -> bool:
    try:
        with zipfile.ZipFile(archive) as file:
            return any(name.split("/")[1:] == [MANIFEST] for name in file.namelist())
    except (OSError, zipfile.BadZipFile):
        return False


def _foreign_file(folder: Path) -> str | None:
    """Return a file in the folder that is not as an export wrote it, if there is one."""
    try:
        written = dict(json.loads((folder / MANIFEST).read_bytes())["files"])
    except (OSError, ValueError, KeyError, TypeError):
        written = {}
    for file in sorted(folder.rglob("*")):
        name = file.relative_to(folder).as_posix()
        if name == MANIFEST and written:
            continue
        if file.is_dir():
            if not any(file.iterdir()):
                return name
        elif written.get(name) != hashlib.sha256(file.read_bytes()).hexdigest():
            return f"{name} (changed since)" if name in written else name
    return None
