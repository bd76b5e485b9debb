"""Sign files that microlut writes, to detect later whether somebody changed them."""

from __future__ import annotations

import hashlib
import struct
import zlib

_PNG = b"\x89PNG\r\n\x1a\n"
_PNG_END_BYTES = 12  # the last chunk


def signed(content: bytes) -> bytes:
    """Return a PNG, SVG, HTML or Markdown file with the SHA-256 of its other bytes."""
    end = len(content) - _tail_bytes(content)
    return content[:end] + _signature(content) + content[end:]


def is_as_signed(content: bytes) -> bool:
    """Return whether a file is signed and has the bytes that were."""
    end = len(content) - _tail_bytes(content)
    start = max(0, end - len(_signature(content)))
    return signed(content[:start] + content[end:]) == content


def _tail_bytes(content: bytes) -> int:
    return _PNG_END_BYTES if content.startswith(_PNG) else 0


def _signature(content: bytes) -> bytes:
    """Return a PNG chunk or a comment, of the same length for all files of the kind."""
    digest = hashlib.sha256(content).hexdigest().encode()
    if not content.startswith(_PNG):
        return b"<!-- microlut " + digest + b" -->\n"
    text = b"tEXtmicrolut\0" + digest
    return struct.pack(">I", len(text) - 4) + text + struct.pack(">I", zlib.crc32(text))
