"""USB devices as pyserial and pyusb list them: stand-ins for what both know."""

from __future__ import annotations

import errno

import pytest

from microlut.machine import usb
from microlut.machine.serial_port import PortInfo
from microlut.machine.usb import UsbDevice, connected, usb_devices


class Plugged:
    """A device as pyusb has it; with `error`, nothing but its ids can be read."""

    def __init__(self, vendor, product_id, serial=None, product=None, error=None):
        self.idVendor, self.idProduct, self.error = vendor, product_id, error
        self.texts = {"serial_number": serial, "product": product}

    def get_active_configuration(self):
        if self.error is not None:
            raise self.error

    def __getattr__(self, name):
        if self.error is not None:
            raise ValueError("The device has no langid (permission issue, ...)")
        return self.texts[name]


@pytest.fixture
def machine(monkeypatch):
    """Let a machine have the given devices, and ports."""

    def has(*devices: Plugged, ports: tuple[PortInfo, ...] = ()) -> None:
        monkeypatch.setattr(usb, "connected", lambda: devices)
        monkeypatch.setattr(usb, "ports", lambda: ports)

    return has


def test_devices_are_read_and_sorted(machine):
    machine(
        Plugged(0x1D6B, 2, "0000:00:14.0", "xHCI"),
        Plugged(0x483, 0x374B, "066B", "STM32 STLink"),
    )
    assert usb_devices() == (
        UsbDevice("0483:374b", "066B", "STM32 STLink"),
        UsbDevice("1d6b:0002", None, "xHCI"),
    )


def test_serial_number_of_raw_bytes_is_none(machine):
    machine(Plugged(0x483, 0x3748, "S\xffl\x06I", None))
    (device,) = usb_devices()
    assert (device.serial, device.product) == (None, "")
    assert str(device) == "0483:3748  (serial number unknown)"


@pytest.mark.parametrize(
    ("error", "forbidden"),
    [
        (OSError(errno.EACCES, "Access denied (insufficient permissions)"), True),
        (OSError(errno.EIO, "Input/Output Error"), False),
        (NotImplementedError("Operation not supported or unimplemented"), False),
    ],
    ids=["forbidden", "broken", "windows"],
)
def test_device_that_cannot_be_opened_is_there_all_the_same(error, forbidden, machine):
    machine(Plugged(0x483, 0x3748, error=error))
    assert usb_devices() == (UsbDevice("0483:3748", None, "", forbidden),)


def test_device_with_a_port_has_its_serial_number_even_if_it_is_forbidden(machine):
    denied = OSError(errno.EACCES, "Access denied")
    machine(
        Plugged(0x483, 0x374B, error=denied),
        ports=(PortInfo("/dev/ttyACM0", 0x483, 0x374B, "066B", "STM32 STLink"),),
    )
    assert usb_devices() == (UsbDevice("0483:374b", "066B", "STM32 STLink", forbidden=True),)


def test_device_that_both_know_is_there_once(machine):
    ports = (
        PortInfo("/dev/ttyACM0", 0x1366, 0x1051, "000683", "J-Link"),
        PortInfo("/dev/ttyACM1", 0x1366, 0x1051, "000683", "J-Link"),
        PortInfo("/dev/ttyS0", None, None, None, "n/a"),
    )
    machine(Plugged(0x1366, 0x1051, "000683", "J-Link"), ports=ports)
    assert usb_devices() == (UsbDevice("1366:1051", "000683", "J-Link"),)


def test_where_libusb_knows_nothing_the_serial_ports_tell(machine):
    here = (
        PortInfo("COM3", 0x483, 0x374B, "066B", "STM32 STLink"),
        PortInfo("COM4", 0x483, 0x374B, "066B", "STM32 STLink"),
        PortInfo("COM5", 0x10C4, 0xEA60, None, "CP2102N"),
        PortInfo("COM6", 0x10C4, 0xEA60, None, "CP2102N"),
    )
    machine(ports=here)
    assert [device.id for device in usb_devices()] == ["0483:374b", "10c4:ea60", "10c4:ea60"]


def test_libusb_answers_on_this_machine():
    assert all(device.idVendor >= 0 for device in connected())
