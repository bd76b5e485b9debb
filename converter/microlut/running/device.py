"""Run inputs on the firmware at the other end of a serial line.

The protocol is that of emulated boards (protocol.py), but inputs go over the line.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from microlut.errors import DeviceFailed, RunFailed
from microlut.running.protocol import (
    DUMP,
    OUTPUT,
    READY,
    Int8Array,
    Lines,
    failure_of,
    load_commands,
    microseconds_of,
    output_of,
)

# The console accepts commands of 256 characters: "db ", two per byte, and "%".
_BYTES_PER_COMMAND = 126
_LAP_MODULUS = 2**32  # microseconds, as the firmware prints them
# The board may just be starting, or have received half a command of another program.
_ATTEMPTS = 5
_QUIET_SECONDS = 0.2
_ANSWER_SECONDS = 1.0

OnOutput = Callable[[], None]


class Port(Protocol):
    """A byte stream in both directions; `read` waits at most that long, and may return nothing."""

    name: str

    def read(self, seconds: float) -> bytes:
        """Return what has arrived."""

    def write(self, data: bytes) -> None:
        """Send bytes."""


@dataclass(frozen=True, slots=True)
class DeviceRun:
    """The results of a run on a board.

    Attributes:
        outputs: int8 [n, output_bytes].
        microseconds: Time of each inference.
        layers: Microseconds of the last inference's kernel calls, if they were asked for.
    """

    outputs: Int8Array
    microseconds: tuple[int, ...]
    layers: tuple[int, ...] = ()


class Device:
    """The firmware at the other end of a port, ready for commands.

    Args:
        port: Open port.
        silence_seconds: Longest time without output while a command runs.

    Raises:
        DeviceFailed: Nothing there answers by the protocol.
    """

    def __init__(self, port: Port, silence_seconds: float = 60.0) -> None:
        self._port = port
        self._silence_seconds = silence_seconds
        self._find()

    def command(self, command: bytes) -> tuple[str, ...]:
        """Send a command and return the lines of its answer, without the last, `m-ready`.

        Raises:
            RunFailed: An error or fault line, or silence for too long.
        """
        self._port.write(command)
        lines = self._answer(self._silence_seconds)
        if lines is None:
            raise RunFailed(
                f"{self._port.name}: the board was silent for {self._silence_seconds:g} s; "
                "reset it and run again"
            )
        for line in lines:
            failure = failure_of(line)
            if failure is not None:
                raise RunFailed(f"{self._port.name}: the firmware reports: {failure}")
        return lines

    def model(self) -> str:
        """Return the name of the model that the firmware runs."""
        for line in self.command(b"profile%"):
            found = re.fullmatch(r"m-model-\[(.*)\]", line)
            if found:
                return found[1]
        raise RunFailed(f"{self._port.name}: the firmware does not name its model")

    def load(self, values: bytes) -> None:
        """Send an input to the firmware's buffer."""
        for command in load_commands(values, _BYTES_PER_COMMAND):
            answer = self.command(command)
        if "m-load-done" not in answer:
            raise RunFailed(f"{self._port.name}: the line lost input bytes; check cable and ground")

    def dump(self, calls: int, offset: int, count: int) -> Int8Array:
        """Infer the loaded input; return bytes [count] of the arena after some kernel calls."""
        lines = self.command(f"dump {calls} {offset} {count}%".encode())
        rows = [line for line in lines if line.startswith(DUMP)]
        if len(rows) != 1:
            raise RunFailed(f"{self._port.name}: the line lost text; check cable and ground")
        return output_of(rows[0], count, DUMP)

    def infer(self, values: bytes, output_bytes: int) -> tuple[Int8Array, int]:
        """Infer one input; return the output int8 [output_bytes] and the microseconds it took."""
        self.load(values)
        laps = microseconds_of(self.command(b"infer 1 0%"))
        rows = [line for line in self.command(b"output%") if line.startswith(OUTPUT)]
        if len(laps) != 2 or len(rows) != 1:
            raise RunFailed(f"{self._port.name}: the line lost text; check cable and ground")
        return output_of(rows[0], output_bytes), (laps[1] - laps[0]) % _LAP_MODULUS

    def times_layers(self) -> bool:
        """Return whether the firmware times kernel calls (`build --profile`)."""
        return any(line.startswith("layers ") for line in self.command(b"help%"))

    def dumps(self) -> bool:
        """Return whether the firmware prints parts of its arena (`build --profile`)."""
        return any(line.startswith("dump ") for line in self.command(b"help%"))

    def layer_times(self) -> tuple[int, ...]:
        """Return the microseconds of the last inference's kernel calls."""
        return microseconds_of(self.command(b"layers%"), "layer")

    def _find(self) -> None:
        """Wait until the firmware answers the command `name`."""
        for _ in range(_ATTEMPTS):
            self._port.write(b"%")  # ends half a command
            self._discard()
            self._port.write(b"name%")
            answer = self._answer(_ANSWER_SECONDS) or ()
            if any(line.startswith("m-name-dut-[") for line in answer):
                return
        raise DeviceFailed(
            f"{self._port.name}: no answer in the device protocol; flash the board (microlut "
            "flash), press its reset button, and check that the port and the baud rate are the "
            "console's"
        )

    def _discard(self) -> None:
        """Discard what arrives, until nothing does or it is clearly no answer."""
        end = time.monotonic() + _ANSWER_SECONDS
        while self._port.read(_QUIET_SECONDS) and time.monotonic() < end:
            pass

    def _answer(self, silence_seconds: float) -> tuple[str, ...] | None:
        """Return the lines up to `m-ready`, or None after silence."""
        found: list[str] = []
        cutter = Lines()
        while READY not in found:
            piece = self._port.read(silence_seconds)
            if not piece:
                return None
            found += cutter.feed(piece)
            if any(line.startswith("m-fault-[") for line in found):  # the firmware has stopped
                return tuple(found)
        return tuple(found[: found.index(READY)])


def run_inputs(
    device: Device,
    inputs: Int8Array,
    output_bytes: int,
    on_output: OnOutput = lambda: None,
    *,
    layers: bool = False,
    runs: int | None = None,
) -> DeviceRun:
    """Infer inputs int8 [n, input_bytes] one after the other; call `on_output` after each.

    With `layers`, also read the times of the last inference's kernel calls. The firmware forgets
    earlier inferences before every `runs` inputs.
    """
    outputs, times = [], []
    for i, row in enumerate(np.ascontiguousarray(inputs)):
        if runs is not None and i % runs == 0:
            device.command(b"reset%")
        output, microseconds = device.infer(row.tobytes(), output_bytes)
        outputs.append(output)
        times.append(microseconds)
        on_output()
    return DeviceRun(np.stack(outputs), tuple(times), device.layer_times() if layers else ())
