"""List the USB devices attached to this machine.

Linux lists all of them. On other systems only devices with a serial port are found; the debug
probes of boards have one.
"""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from pathlib import Path

from microlut.machine.serial_port import ports

_SYSFS = Path("/sys/bus/usb/devices")
_NODES = Path("/dev/bus/usb")
_PLAIN = re.compile(r"[0-9A-Za-z]+")  # some old ST-Links have raw bytes instead


@dataclass(frozen=True, slots=True)
class UsbDevice:
    """A USB device.

    Attributes:
        id: Vendor and product, VVVV:PPPP in hexadecimal.
        serial: Its serial number, or None without one of letters and digits.
        product: Its product name.
        forbidden: Whether this user is known to lack the permission to open it.
    """

    id: str
    serial: str | None
    product: str
    forbidden: bool = False

    def __str__(self) -> str:
        """Return the device in words."""
        return f"{self.id} {self.product} (serial number {self.serial or 'unknown'})"


def usb_devices() -> tuple[UsbDevice, ...]:
    """Return the USB devices that are plugged in, sorted."""
    found = _from_sysfs() if _SYSFS.is_dir() else _from_ports()
    return tuple(sorted(found, key=lambda device: (device.id, device.serial or "")))


def _from_sysfs() -> list[UsbDevice]:
    return [
        UsbDevice(
            id=f"{_read(folder, 'idVendor')}:{_read(folder, 'idProduct')}",
            serial=_plain(_read(folder, "serial")),
            product=_read(folder, "product"),
            forbidden=_forbidden(_read(folder, "busnum"), _read(folder, "devnum")),
        )
        for folder in _SYSFS.iterdir()
        if (folder / "idVendor").is_file()
    ]


def _from_ports() -> list[UsbDevice]:
    return [
        UsbDevice(f"{port.vid:04x}:{port.pid:04x}", _plain(port.serial_number), port.description)
        for port in ports()
        if port.vid is not None and port.pid is not None
    ]


def _read(folder: Path, name: str) -> str:
    try:
        return (folder / name).read_text(encoding="utf-8", errors="replace").strip()
    except OSError:  # the property is missing, or the device was just unplugged
        return ""


def _plain(serial: str | None) -> str | None:
    return serial if serial and _PLAIN.fullmatch(serial) else None


def _forbidden(bus: str, number: str) -> bool:
    if not (bus.isdigit() and number.isdigit()):
        return False
    node = _NODES / f"{int(bus):03}" / f"{int(number):03}"
    return node.exists() and not os.access(node, os.R_OK | os.W_OK)
