"""USB devices as the kernel lists them: a folder of small files stands in for it."""

from __future__ import annotations

from pathlib import Path

import pytest

from microlut.machine import usb
from microlut.machine.serial_port import PortInfo
from microlut.machine.usb import UsbDevice, usb_devices


@pytest.fixture
def sysfs(tmp_path, monkeypatch) -> Path:
    monkeypatch.setattr(usb, "_SYSFS", tmp_path / "sys")
    monkeypatch.setattr(usb, "_NODES", tmp_path / "dev")
    (tmp_path / "sys").mkdir()
    return tmp_path


def plug_in(sysfs: Path, name: str, **properties: str) -> None:
    folder = sysfs / "sys" / name
    folder.mkdir()
    for key, value in properties.items():
        (folder / key).write_text(f"{value}\n")


def test_devices_are_read_and_sorted(sysfs):
    plug_in(sysfs, "usb1", idVendor="1d6b", idProduct="0002", product="xHCI", serial="0000:00:14.0")
    plug_in(sysfs, "1-2", idVendor="0483", idProduct="374b", product="STM32 STLink", serial="066B")
    plug_in(sysfs, "1-2:1.0", bInterfaceClass="03")
    assert usb_devices() == (
        UsbDevice("0483:374b", "066B", "STM32 STLink"),
        UsbDevice("1d6b:0002", None, "xHCI"),
    )


def test_serial_number_of_raw_bytes_is_none(sysfs):
    plug_in(sysfs, "1-1", idVendor="0483", idProduct="3748")
    (sysfs / "sys" / "1-1" / "serial").write_bytes(b"S\xff\x6c\x06I\n")
    (device,) = usb_devices()
    assert (device.serial, device.product) == (None, "")
    assert str(device) == "0483:3748  (serial number unknown)"


@pytest.mark.parametrize("allowed", [True, False])
def test_device_node_tells_whether_it_is_forbidden(allowed, sysfs, monkeypatch):
    plug_in(sysfs, "1-1", idVendor="0483", idProduct="374b", busnum="1", devnum="12")
    node = sysfs / "dev" / "001" / "012"
    node.parent.mkdir(parents=True)
    node.write_text("")
    asked = []
    monkeypatch.setattr(usb.os, "access", lambda path, _mode: asked.append(path) or allowed)
    assert usb_devices()[0].forbidden is not allowed
    assert asked == [node]


def test_without_sysfs_the_serial_ports_tell(sysfs, monkeypatch):
    (sysfs / "sys").rmdir()
    here = (
        PortInfo("/dev/cu.usbmodem1", 0x483, 0x374B, "066B", "STM32 STLink"),
        PortInfo("/dev/cu.debug", None, None, None, "n/a"),
    )
    monkeypatch.setattr(usb, "ports", lambda: here)
    assert usb_devices() == (UsbDevice("0483:374b", "066B", "STM32 STLink"),)
