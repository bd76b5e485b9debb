"""List and open serial ports; the only module that uses pyserial.

Every failure becomes one line that says what to check.
"""

from __future__ import annotations

import errno
import select
import sys
from dataclasses import dataclass
from types import TracebackType
from typing import Self

import serial
from serial.tools import list_ports

from microlut.errors import DeviceFailed

DEFAULT_BAUD = 115200

# What to check, by what the operating system says.
_NOT_THERE = frozenset({errno.ENOENT, errno.ENODEV, errno.ENXIO})
_BUSY = frozenset({errno.EBUSY, errno.EAGAIN})
_FORBIDDEN = frozenset({errno.EACCES, errno.EPERM})


@dataclass(frozen=True, slots=True)
class PortInfo:
    """A serial port of this machine; the USB ids are None for a port that is not on USB."""

    name: str
    vid: int | None
    pid: int | None
    serial_number: str | None
    description: str


def ports() -> tuple[PortInfo, ...]:
    """Return the serial ports that this machine has now, sorted by name."""
    found = (
        PortInfo(p.device, p.vid, p.pid, p.serial_number, p.description)
        for p in list_ports.comports()
    )
    return tuple(sorted(found, key=lambda port: port.name))


class SerialPort:
    """An open port: 8 data bits, no parity, one stop bit, locked against other programs.

    Raises:
        DeviceFailed: When opened, read or written: the port is absent, in use, forbidden or gone.
    """

    def __init__(self, name: str, baud: int = DEFAULT_BAUD) -> None:
        self.name = name
        try:
            self._serial = serial.Serial(name, baud, timeout=0, write_timeout=10, exclusive=True)
        except (OSError, ValueError) as error:  # SerialException is an OSError
            raise DeviceFailed(_why_not_opened(name, baud, error)) from error

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        value: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._serial.close()

    def fileno(self) -> int:
        """Return the file descriptor, for `select`."""
        number: int = self._serial.fileno()
        return number

    def read(self, seconds: float) -> bytes:
        """Return what has arrived within that time; nothing if nothing has."""
        try:
            if sys.platform == "win32":  # where `select` knows only sockets
                self._serial.timeout = seconds
                first: bytes = self._serial.read(1)
                rest: bytes = self._serial.read(self._serial.in_waiting)
                return first + rest
            if not select.select([self._serial], [], [], seconds)[0]:
                return b""
            data: bytes = self._serial.read(max(1, self._serial.in_waiting))
            return data
        except OSError as error:
            raise self._gone(error) from error

    def write(self, data: bytes) -> None:
        """Send bytes."""
        try:
            self._serial.write(data)
        except OSError as error:
            raise self._gone(error) from error

    def _gone(self, error: Exception) -> DeviceFailed:
        return DeviceFailed(
            f"{self.name}: the port is gone ({error}); check the cable and the board's power, and "
            "close other programs that use the port"
        )


def _why_not_opened(name: str, baud: int, error: Exception) -> str:
    """Return one line that says why a port cannot be opened."""
    number = getattr(error, "errno", None)
    if number in _NOT_THERE:
        present = ", ".join(port.name for port in ports())
        return (
            f"{name}: there is no such port; check the cable and the board's power "
            f"(ports here: {present or 'none'})"
        )
    if number in _BUSY or "exclusively lock" in str(error):
        return f"{name}: is in use; close the terminal, runner or modem manager that has it open"
    if number in _FORBIDDEN:
        return (
            f"{name}: permission denied; join the port's group (sudo usermod -aG dialout $USER; "
            "on Arch: uucp) and log in again"
        )
    return f"{name}: is not a serial port that can do {baud} baud ({error}); check --port"
