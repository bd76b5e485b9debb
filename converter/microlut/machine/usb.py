"""List the USB devices attached to this machine.

pyserial knows those with a serial port, with their serial numbers, on every system. libusb knows
all; of those that this user must not open, not their serial numbers.
"""

from __future__ import annotations

import errno
import re
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Protocol

from microlut.machine.serial_port import ports

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


class Connected(Protocol):
    """A device as pyusb has it; reading its texts opens it."""

    idVendor: int  # noqa: N815 (names of the USB standard)
    idProduct: int  # noqa: N815

    def get_active_configuration(self) -> object:
        """Open the device, and return its configuration."""


def usb_devices() -> tuple[UsbDevice, ...]:
    """Return the USB devices that are plugged in, sorted."""
    with_port = _from_ports()
    found = [_described(device) for device in connected()]
    # What must not be opened may have a port, which tells its serial number in any case.
    named = {device.id for device in with_port}
    forbidden = {device.id for device in found if device.forbidden}
    found = [device for device in found if device.serial is not None or device.id not in named]
    known = {(device.id, device.serial) for device in found}
    found += [
        replace(device, forbidden=device.id in forbidden)
        for device in with_port
        if (device.id, device.serial) not in known
    ]
    return tuple(sorted(found, key=lambda device: (device.id, device.serial or "")))


def connected() -> Iterable[Connected]:
    """Return all devices as pyusb has them; none where libusb cannot list them."""
    import libusb_package  # only flashing waits for both
    import usb.core

    try:
        return tuple(usb.core.find(find_all=True, backend=libusb_package.get_libusb1_backend()))
    except (usb.core.USBError, usb.core.NoBackendError):
        return ()


def _described(device: Connected) -> UsbDevice:
    identity, forbidden = f"{device.idVendor:04x}:{device.idProduct:04x}", False
    try:
        device.get_active_configuration()
    except NotImplementedError:  # Windows has another driver for it
        pass
    except OSError as error:  # USBError is one
        forbidden = error.errno == errno.EACCES
    serial, product = _plain(_text(device, "serial_number")), _text(device, "product")
    return UsbDevice(identity, serial, product, forbidden)


def _text(device: Connected, name: str) -> str:
    try:
        return getattr(device, name) or ""
    except (OSError, ValueError, NotImplementedError):  # not to be opened, or just unplugged
        return ""


def _from_ports() -> list[UsbDevice]:
    found = (
        UsbDevice(f"{port.vid:04x}:{port.pid:04x}", _plain(port.serial_number), port.description)
        for port in ports()
        if port.vid is not None and port.pid is not None
    )
    # A device may have several ports; one without a serial number may be several.
    once: dict[object, UsbDevice] = {}
    for number, device in enumerate(found):
        once.setdefault((device.id, device.serial or number), device)
    return list(once.values())


def _plain(serial: str | None) -> str | None:
    return serial if serial and _PLAIN.fullmatch(serial) else None
