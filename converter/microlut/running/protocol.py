"""Write the commands of the firmware's line protocol, and parse its answers.

The protocol is MLPerf Tiny's device protocol with commands of its own
(docs/reference/console.md). `bulk N` infers the first N inputs of a preloaded block. It answers
with one line `m-output-HEX` for each of them and, on a microcontroller, with `m-stack-bytes-N`, the
most that the stack has held. `output` prints the line of the last inference.
"""

from __future__ import annotations

import re
import struct
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from microlut.errors import RunFailed

Int8Array = NDArray[np.int8]

READY = "m-ready"
OUTPUT = "m-output-"
DUMP = "m-dump-"

_BLOCK_VERSION = 1
_BLOCK_HEADER = struct.Struct("<4sIII")  # magic, version, bytes per input, number of inputs
BLOCK_HEADER_BYTES = _BLOCK_HEADER.size


@dataclass(frozen=True, slots=True)
class RunResult:
    """The results of a run of an image.

    Attributes:
        outputs: int8 array [n, output_bytes].
        instructions: Exact executed instructions of each inference, or None if not counted.
        log: The console text, without the output lines.
        pieces: If the task has a caller, the instructions of each inference in pieces: before the
            caller, each of its calls, and after the last return.
        stack_bytes: The most that the stack held, or None if not reported.
        note: What ran instead of the image, or "".
    """

    outputs: Int8Array
    instructions: tuple[int, ...] | None
    log: str
    pieces: tuple[tuple[int, ...], ...] = ()
    stack_bytes: int | None = None
    note: str = ""


def input_block(inputs: Int8Array) -> bytes:
    """Return the block that `bulk` reads: a 16-byte header, then the inputs [n, input_bytes]."""
    count, input_bytes = inputs.shape
    header = _BLOCK_HEADER.pack(b"MLUT", _BLOCK_VERSION, input_bytes, count)
    return header + np.ascontiguousarray(inputs).tobytes()


def bulk_command(count: int) -> bytes:
    """Return the command that infers the first `count` inputs of the block.

    >>> bulk_command(3)
    b'bulk 3%'
    """
    return f"bulk {count}%".encode("ascii")


def load_commands(values: bytes, bytes_per_command: int = 31) -> tuple[bytes, ...]:
    """Return the `db` commands that load one input; MLPerf's runner sends 31 bytes.

    >>> load_commands(b"abc", bytes_per_command=2)
    (b'db load 3%', b'db 6162%', b'db 63%')
    """
    starts = range(0, len(values), bytes_per_command)
    chunks = (values[start : start + bytes_per_command].hex() for start in starts)
    return (f"db load {len(values)}%".encode(), *(f"db {chunk}%".encode() for chunk in chunks))


class Lines:
    """Split a stream of console bytes into lines."""

    def __init__(self) -> None:
        self._rest = b""

    def feed(self, piece: bytes) -> tuple[str, ...]:
        """Return the lines that a piece completes, without line ends."""
        *complete, self._rest = (self._rest + piece).split(b"\n")
        return tuple(line.decode("ascii", errors="replace").rstrip("\r") for line in complete)


def failure_of(line: str) -> str | None:
    """Return the message of an error or fault line; None for other lines.

    >>> failure_of("e-[Unknown command: x]")
    'Unknown command: x'
    """
    found = re.fullmatch(r"(?:e|m-fault)-\[(.*)\]", line)
    return found[1] if found else None


def output_of(line: str, output_bytes: int, start: str = OUTPUT) -> Int8Array:
    """Return the int8 outputs [output_bytes] of a line `m-output-HEX`, or with another start."""
    try:
        values = bytes.fromhex(line.removeprefix(start))
    except ValueError as error:
        raise RunFailed(f"console: {line!r} is not hexadecimal; the console lost text") from error
    if len(values) != output_bytes:
        raise RunFailed(
            f"console: {line!r} has {len(values)} bytes and the model {output_bytes} outputs; "
            "build the firmware again"
        )
    return np.frombuffer(values, dtype=np.int8)


def outputs_of(lines: Iterable[str], count: int, output_bytes: int) -> Int8Array:
    """Return the outputs int8 [count, output_bytes] that a `bulk` command printed.

    Raises:
        RunFailed: The text has an error or fault line, or the number of output lines is wrong.
    """
    rows = []
    for line in lines:
        failure = failure_of(line)
        if failure is not None:
            raise RunFailed(f"firmware: {failure}")
        if line.startswith(OUTPUT):
            rows.append(output_of(line, output_bytes))
    if len(rows) != count:
        raise RunFailed(f"firmware: printed {len(rows)} outputs for {count} inputs")
    return np.stack(rows) if rows else np.empty((0, output_bytes), dtype=np.int8)


def results_of(lines: Iterable[str]) -> tuple[float, ...]:
    """Return the numbers of the last line `m-results-[...]`.

    >>> results_of(["m-ready", "m-results-[0.250000,-1.500000]"])
    (0.25, -1.5)
    """
    found = [re.fullmatch(r"m-results-\[(.*)\]", line) for line in lines]
    texts = [match[1] for match in found if match]
    if not texts:
        raise RunFailed("console: no line m-results-[...]; send `infer` first")
    try:
        return tuple(float(number) for number in texts[-1].split(","))
    except ValueError as error:
        raise RunFailed(f"console: {texts[-1]!r} are not numbers; the console lost text") from error


def stack_bytes_of(lines: Iterable[str]) -> int | None:
    """Return the largest number of the lines `m-stack-bytes-N`, or None without any.

    >>> stack_bytes_of(["m-output-00", "m-stack-bytes-412"])
    412
    """
    found = [re.fullmatch(r"m-stack-bytes-(\d+)", line) for line in lines]
    return max((int(match[1]) for match in found if match), default=None)


def microseconds_of(lines: Sequence[str], what: Literal["lap", "layer"] = "lap") -> tuple[int, ...]:
    """Return the times of all lines `m-lap-us-N` or `m-layer-us-N`, in order.

    >>> microseconds_of(["m-lap-us-12", "m-infer-done"])
    (12,)
    >>> microseconds_of(["m-layer-us-3", "m-layer-us-4"], "layer")
    (3, 4)
    """
    found = [re.fullmatch(rf"m-{what}-us-(\d+)", line) for line in lines]
    return tuple(int(match[1]) for match in found if match)
