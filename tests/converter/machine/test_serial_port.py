"""Serial ports: what cannot be opened, what is gone, what is there; pseudo-terminals stand in."""

from __future__ import annotations

import contextlib
import errno
import os
import tty
from types import SimpleNamespace

import pytest
import serial

from microlut.errors import DeviceFailed
from microlut.machine import serial_port
from microlut.machine.serial_port import PortInfo, SerialPort, ports


@pytest.fixture
def terminal():
    """A pseudo-terminal: its master's descriptor and its slave's name."""
    master, slave = os.openpty()
    tty.setraw(slave)
    name = os.ttyname(slave)
    os.close(slave)
    yield master, name
    with contextlib.suppress(OSError):  # it was unplugged
        os.close(master)


def test_bytes_go_both_ways(terminal):
    master, name = terminal
    with SerialPort(name) as port:
        os.write(master, b"m-ready\r\n\x00\xff")
        assert port.read(5.0) == b"m-ready\r\n\x00\xff"
        port.write(b"name%")
        assert os.read(master, 100) == b"name%"
        assert port.read(0.01) == b""


def test_absent_port_names_those_that_are_there(monkeypatch):
    here = SimpleNamespace(
        device="/dev/ttyACM7", vid=0x483, pid=0x374B, serial_number="1", description="ST-Link"
    )
    monkeypatch.setattr(serial_port.list_ports, "comports", lambda: [here])
    with pytest.raises(DeviceFailed, match=r"no such port; .*\(ports here: /dev/ttyACM7\)"):
        SerialPort("/dev/ttyACM99")


def test_busy_port_says_what_to_close(terminal):
    with SerialPort(terminal[1]), pytest.raises(DeviceFailed, match="is in use; close the term"):
        SerialPort(terminal[1])


def test_port_is_free_again_after_use(terminal):
    for _ in range(2):
        with SerialPort(terminal[1]) as port:
            assert port.name == terminal[1]


@pytest.mark.parametrize("number", [errno.EACCES, errno.EPERM])
def test_forbidden_port_names_the_group(number, monkeypatch):
    def refuse(*_arguments, **_options):
        raise serial.SerialException(number, "could not open port")

    monkeypatch.setattr(serial_port.serial, "Serial", refuse)
    with pytest.raises(DeviceFailed, match=r"permission denied; .*usermod -aG dialout"):
        SerialPort("/dev/ttyACM0")


def test_file_is_no_serial_port(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(DeviceFailed, match="is not a serial port"):
        SerialPort(str(tmp_path / "file"))


@pytest.mark.parametrize("name", ["/dev/null", "/tmp"])
def test_what_is_no_terminal_is_no_serial_port(name):
    with pytest.raises(DeviceFailed, match=f"^{name}: is not a serial port"):
        SerialPort(name)


def test_unplugged_while_reading(terminal):
    with SerialPort(terminal[1]) as port:
        os.close(terminal[0])
        with pytest.raises(DeviceFailed, match=r"the port is gone .*check the cable"):
            port.read(5.0)


def test_unplugged_while_writing(terminal):
    with SerialPort(terminal[1]) as port:
        os.close(terminal[0])
        with pytest.raises(DeviceFailed, match=r"the port is gone .*check the cable"):
            port.write(b"name%")


def test_ports_are_sorted(monkeypatch):
    def port(name: str, vid: int | None) -> SimpleNamespace:
        return SimpleNamespace(
            device=name, vid=vid, pid=vid, serial_number=None, description="serial"
        )

    found = [port("/dev/ttyUSB1", 0x10C4), port("/dev/ttyS0", None)]
    monkeypatch.setattr(serial_port.list_ports, "comports", lambda: found)
    assert ports() == (
        PortInfo("/dev/ttyS0", None, None, None, "serial"),
        PortInfo("/dev/ttyUSB1", 0x10C4, 0x10C4, None, "serial"),
    )
