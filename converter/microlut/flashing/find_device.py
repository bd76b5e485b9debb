"""Find the board to flash among the USB devices and serial ports of this machine."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

from microlut.board.board import Board
from microlut.errors import DeviceFailed
from microlut.flashing.flasher import CABLE, PERMISSIONS
from microlut.machine.drives import board_of_drive, drives
from microlut.machine.serial_port import PortInfo, ports
from microlut.machine.usb import UsbDevice, usb_devices


def find_probe(board: Board, serial: str | None, ids: Sequence[str]) -> UsbDevice | None:
    """Return the debug probe to use; None if the tool has to look for it.

    Args:
        board: The board.
        serial: The number that the user gave, or None.
        ids: USB ids that it can have; without any, all are accepted.

    Raises:
        DeviceFailed: None or several were found, or one that this user must not open.
    """
    found = [device for device in usb_devices() if device.id in ids]
    if serial is not None and (not ids or any(device.serial == serial for device in found)):
        found = [device for device in found if device.serial == serial]
    elif serial is not None:
        raise DeviceFailed(
            f"{board.id}: no probe with serial number {serial}; "
            f"{_seen([str(device) for device in found])}; check --probe"
        )
    if not ids:
        return None  # the tool looks for the probe itself, and reports if there is none
    if not found:
        raise DeviceFailed(f"{board.id}: no probe {_or(ids)} on USB; {CABLE}")
    if len(found) > 1:
        listed = _seen([str(device) for device in found])
        raise DeviceFailed(f"{board.id}: {len(found)} probes; {listed}; choose one with --probe")
    if found[0].forbidden:
        raise DeviceFailed(f"{board.id}: {found[0]}: {PERMISSIONS}")
    return found[0]


def find_port(board: Board, name: str | None, ids: Sequence[str]) -> str:
    """Return the serial port to flash through.

    Args:
        board: The board.
        name: The port that the user named, or None.
        ids: USB ids that it can have; without any, the port must be named.

    Raises:
        DeviceFailed: None or several were found, or one that this user must not open.
    """
    here = ports()
    found = [port for port in here if (port.name == name if name else _id(port) in ids)]
    listed = _seen([f"{port.name} {_id(port)}" for port in here])
    if not found:
        wanted = f"serial port {name}" if name else f"serial port of {_or(ids)}"
        raise DeviceFailed(f"{board.id}: no {wanted}; {listed}; {CABLE}, or name it with --port")
    if len(found) > 1:
        raise DeviceFailed(f"{board.id}: {len(found)} boards; {listed}; choose one with --port")
    if name and ids and _id(found[0]) not in ids:
        raise DeviceFailed(f"{board.id}: {name} is {_id(found[0])}, the board's is {_or(ids)}")
    if not os.access(found[0].name, os.R_OK | os.W_OK):
        raise DeviceFailed(f"{found[0].name}: {PERMISSIONS}")
    return found[0].name


def find_drive(board: str, folder: str | None, name: str) -> str:
    """Return the folder of the drive that a board's boot loader shows.

    Args:
        board: What messages call the board.
        folder: The drive that the user named, or None.
        name: What the Board-ID in INFO_UF2.TXT begins with.

    Raises:
        DeviceFailed: None or several were found, or the named one is no such drive.
    """
    places = drives() if folder is None else (Path(folder),)
    here = {str(place): board_of_drive(place) for place in places}
    found = [place for place, called in here.items() if called.startswith(name)]
    listed = _seen([f"{place} {called or '(no board)'}" for place, called in here.items()])
    if not found:
        raise DeviceFailed(
            f"{board}: no drive of a board {name}; {listed}; start the boot loader (RESET "
            "twice, or BOOTSEL while you connect it), mount the drive, or name it with --port"
        )
    if len(found) > 1:
        raise DeviceFailed(f"{board}: {len(found)} drives; {listed}; choose one with --port")
    return found[0]


def _id(port: PortInfo) -> str:
    return "no USB" if port.vid is None or port.pid is None else f"{port.vid:04x}:{port.pid:04x}"


def _or(ids: Sequence[str]) -> str:
    return " or ".join(ids) or "a known USB id"


def _seen(devices: Sequence[str]) -> str:
    return f"here: {', '.join(devices) or 'none'}"
