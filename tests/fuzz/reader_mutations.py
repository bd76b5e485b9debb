"""Change small valid files: bytes of any, entries of archives, values of JSON and HDF5's JSON."""

from __future__ import annotations

import io
import json
import re
import zipfile
import zlib
from collections.abc import Iterator
from random import Random
from typing import Any

import h5py

_NUMBERS = (0, 1, 0x7F, 0x80, 0xFF, 0x7FFF, 0xFFFF, 0x7FFF_FFFF, 0x8000_0000, 0xFFFF_FFFF)
_VALUES = (
    *(None, True, False, 0, -1, 1, 3, 1.5, -0.0, 1e308, 1e400, 1 << 31, 1 << 63, 1 << 200),
    *("", "x", "same", "valid", "channels_first", "\ud800", "a\nb", "../x", "x" * 1000),
    *([], [1], [None, 4], [[1, 2], 3], [0] * 300, {}, {"class_name": "Dense"}, {"a": {"b": []}}),
)
_MOST_CHANGES = 4
_DAMAGE = (
    *(EOFError, LookupError, OSError, RuntimeError, ValueError),
    *(zipfile.BadZipFile, zlib.error),
)


def mutated(content: bytes, random: Random, others: list[bytes]) -> bytes:
    """Return a file with a few changes, of the kind that suits it, and then of its bytes."""
    changes = 1 + random.randrange(_MOST_CHANGES)
    damaging = random.choice((0, 0, changes, random.randrange(changes + 1)))
    for _ in range(changes - damaging):  # while it is sound
        content = _once(content, random, others)
    for _ in range(damaging):
        content = _bytes(content, random, others)
    return content


def _once(content: bytes, random: Random, others: list[bytes]) -> bytes:
    try:
        if content.startswith(b"PK"):
            return _archive(content, random, others)
        if content.startswith(b"\x89HDF"):
            return _hdf5(content, random)
        if content.lstrip()[:1] in (b"{", b"["):
            return _json(content, random)
        if re.match(rb"[\x20-\x7e\s]+\Z", content[:200]):
            return _lines(content, random)
    except _DAMAGE:
        pass  # too damaged for that
    return _bytes(content, random, others)


def _bytes(content: bytes, random: Random, others: list[bytes]) -> bytes:
    data = bytearray(content)
    at = random.randrange(len(data) + 1)
    length = random.choice((1, 2, 4, 8, 64, 1024))
    match random.randrange(7):
        case 0 if data:
            data[at - 1] ^= 1 << random.randrange(8)
        case 1 if data:
            data[at - 1] = random.randrange(256)
        case 2:
            size = random.choice((1, 2, 4, 8))
            number = random.choice(_NUMBERS) & ((1 << 8 * size) - 1)
            data[at : at + size] = number.to_bytes(size, random.choice(("little", "big")))
        case 3:
            del data[at : at + length]
        case 4:
            data[at:at] = random.randbytes(length)
        case 5:
            start = random.randrange(len(data) + 1)
            data[at:at] = data[start : start + length]
        case _:
            other = random.choice(others)
            start = random.randrange(len(other) + 1)
            data[at : at + length] = other[start : start + length]
    return bytes(data[: random.randrange(len(data) + 1)] if random.random() < 0.02 else data)


def _lines(content: bytes, random: Random) -> bytes:
    """Change a line of a text, or a value behind an equals sign."""
    lines = content.split(b"\n")
    at = random.randrange(len(lines))
    key, equals, _ = lines[at].partition(b"=")
    match random.randrange(4):
        case 0 if equals:
            value = json.dumps(random.choice(_VALUES)).encode()
            lines[at] = key + b"= " + value
        case 1:
            del lines[at]
        case 2:
            lines.insert(at, random.choice(lines))
        case _:
            other = random.randrange(len(lines))
            lines[at], lines[other] = lines[other], lines[at]
    return b"\n".join(lines)


def _archive(content: bytes, random: Random, others: list[bytes]) -> bytes:
    """Change an entry of a zip, with the checksum that belongs to it."""
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        entries = {name: archive.read(name) for name in archive.namelist()}
    name = random.choice(sorted(entries))
    change = _bytes if random.random() < 0.2 and name.endswith(".npy") else _once
    entries[name] = change(entries[name], random, others)
    if random.random() < 0.05:
        entries[random.choice((name + "x", "../" + name, "/x", ""))] = entries.pop(name)
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w", random.choice((0, zipfile.ZIP_DEFLATED))) as archive:
        for entry, data in entries.items():
            archive.writestr(entry, data)
    return made.getvalue()


def _json(content: bytes, random: Random) -> bytes:
    """Change a value in JSON, copy one to another place, or rename a key."""
    value = json.loads(content)
    places = list(_places(value))
    container, key = random.choice(places)
    match random.randrange(5):
        case 0:
            del container[key]
        case 1:
            other, there = random.choice(places)
            container[key] = json.loads(json.dumps(other[there]))
        case 2 if isinstance(container, dict):
            container[random.choice(("x", "name", "config", f"{key}_"))] = container.pop(key)
        case 3 if isinstance(container, list):
            container *= random.choice((2, 3, 50)) if len(container) < 1000 else 1
        case _:
            container[key] = random.choice(_VALUES)
    return json.dumps(value).encode()


def _places(value: Any) -> Iterator[tuple[Any, Any]]:
    items = value.items() if isinstance(value, dict) else enumerate(value)
    for key, item in list(items):
        yield value, key
        if isinstance(item, dict | list):
            yield from _places(item)


def _hdf5(content: bytes, random: Random) -> bytes:
    """Change the architecture in an HDF5 file, or an array, or what is called so."""
    buffer = io.BytesIO(content)
    with h5py.File(buffer, "r+") as file:
        names: list[str] = []
        file.visit(names.append)
        if "model_config" in file.attrs and random.random() < 0.5:
            text = file.attrs["model_config"]
            text = text if isinstance(text, bytes) else text.encode()
            file.attrs["model_config"] = _json(text, random)
            return _closed(file, buffer)
        name = random.choice(names)
        match random.randrange(4):
            case 0:
                del file[name]
            case 1:
                shape = random.choice(((), (0,), (4,), (2, 3), (1 << 15, 1 << 15), (1,) * 20))
                kind = random.choice(("f4", "f8", "i8", "S3", "f2", "c8", "u1"))
                del file[name]
                file.create_dataset(name, shape, kind)
            case 2:
                file.move(name, f"{name}_")
            case _:
                file[f"{name}_link"] = random.choice(
                    (h5py.SoftLink("/"), h5py.ExternalLink("/etc/passwd", "/"))
                )
        return _closed(file, buffer)


def _closed(file: h5py.File, buffer: io.BytesIO) -> bytes:
    file.flush()
    file.close()
    return buffer.getvalue()
