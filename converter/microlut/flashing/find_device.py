"""Find the board to flash among the USB devices and serial ports of this machine."""

from __future__ import annotations

import os
from collections.abc import Sequence

from microlut.board.board import Board
from microlut.errors import DeviceFailed
from microlut.flashing.flasher import CABLE, PERMISSIONS
from microlut.machine.serial_port import PortInfo, ports
from microlut.machine.usb import usb_devices


def find_probe(board: Board, serial: str | None) -> str | None:
    """Return the serial number of the debug probe to use; None if the only one has none.

    Args:
        board: The board; if its file has no USB ids, any probe is accepted.
        serial: The number that the user gave, or None.

    Raises:
        DeviceFailed: None or several were found, or one that this user must not open.
    """
    ids = board.probe.usb if board.probe else ()
    found = [device for device in usb_devices() if device.id in ids]
    if serial is not None and (not ids or any(device.serial == serial for device in found)):
        found = [device for device in found if device.serial == serial]
    elif serial is not None:
        raise DeviceFailed(
            f"{board.id}: no probe with serial number {serial}; "
            f"{_seen([str(device) for device in found])}; check --probe"
        )
    if not ids:
        return serial  # the tool looks for the probe itself, and reports if there is none
    if not found:
        raise DeviceFailed(f"{board.id}: no probe {_or(ids)} on USB; {CABLE}")
    if len(found) > 1:
        listed = _seen([str(device) for device in found])
        raise DeviceFailed(f"{board.id}: {len(found)} probes; {listed}; choose one with --probe")
    if found[0].forbidden:
        raise DeviceFailed(f"{board.id}: {found[0]}: {PERMISSIONS}")
    return found[0].serial


def find_port(board: Board, name: str | None) -> str:
    """Return the serial port to flash through.

    Args:
        board: The board; if its file has no USB ids, the port must be named.
        name: The port that the user named, or None.

    Raises:
        DeviceFailed: None or several were found, or one that this user must not open.
    """
    ids, here = board.probe.usb if board.probe else (), ports()
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


def _id(port: PortInfo) -> str:
    return "no USB" if port.vid is None or port.pid is None else f"{port.vid:04x}:{port.pid:04x}"


def _or(ids: Sequence[str]) -> str:
    return " or ".join(ids) or "a known USB id"


def _seen(devices: Sequence[str]) -> str:
    return f"here: {', '.join(devices) or 'none'}"
