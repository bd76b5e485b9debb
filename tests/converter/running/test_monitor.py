"""The terminal: pipes and pseudo-terminals stand in for keyboard, screen and port."""

from __future__ import annotations

import os
import select
import termios
import threading
import tty

import pytest

from microlut.errors import DeviceFailed
from microlut.machine.serial_port import SerialPort
from microlut.running import monitor as monitors
from microlut.running.monitor import monitor


@pytest.fixture
def board():
    """The board's side of a serial line, and the port's name."""
    master, slave = os.openpty()
    tty.setraw(slave)
    yield master, os.ttyname(slave)
    os.close(master)
    os.close(slave)


def read(descriptor: int) -> bytes:
    assert select.select([descriptor], [], [], 10.0)[0], "nothing came"
    return os.read(descriptor, 1000)


def test_monitor_connects_until_its_end_key(board):
    master, name = board
    keyboard, typed = os.pipe()
    shown, screen = os.pipe()
    with SerialPort(name) as port:
        thread = threading.Thread(target=monitor, args=(port, keyboard, screen))
        thread.start()
        os.write(typed, b"name%")
        assert read(master) == b"name%"
        assert read(shown) == b"name%\r\n"
        os.write(master, b"m-ready\r\n")
        assert read(shown) == b"m-ready\r\n"
        os.write(typed, b"\x1d")
        thread.join(10.0)
    assert not thread.is_alive()


def test_monitor_of_a_pipe_waits_for_the_answer(board, monkeypatch):
    monkeypatch.setattr(monitors, "_QUIET_SECONDS", 0.2)
    master, name = board
    keyboard, typed = os.pipe()
    shown, screen = os.pipe()
    os.write(typed, b"name%")
    os.close(typed)
    with SerialPort(name) as port:
        thread = threading.Thread(target=monitor, args=(port, keyboard, screen))
        thread.start()
        assert read(master) == b"name%"
        os.write(master, b"m-ready\r\n")
        thread.join(10.0)
    assert not thread.is_alive()
    assert read(shown) == b"name%\r\nm-ready\r\n"


def test_monitor_leaves_the_keyboard_as_it_was(board):
    typed, keyboard = os.openpty()
    before = termios.tcgetattr(keyboard)
    shown, screen = os.pipe()
    with SerialPort(board[1]) as port:
        thread = threading.Thread(target=monitor, args=(port, keyboard, screen))
        thread.start()
        os.write(board[0], b"here")
        assert read(shown) == b"here"
        assert not termios.tcgetattr(keyboard)[3] & (termios.ECHO | termios.ICANON)
        os.write(typed, b"\x1d")
        thread.join(10.0)
    assert termios.tcgetattr(keyboard) == before


def test_monitor_keeps_what_was_typed_before_it_started(board):
    typed, keyboard = os.openpty()
    _shown, screen = os.pipe()
    os.write(typed, b"name%")
    with SerialPort(board[1]) as port:
        thread = threading.Thread(target=monitor, args=(port, keyboard, screen))
        thread.start()
        assert read(board[0]) == b"name%"
        os.write(typed, b"\x1d")
        thread.join(10.0)
    assert not thread.is_alive()


def test_monitor_says_that_the_port_is_gone():
    master, slave = os.openpty()
    tty.setraw(slave)
    name = os.ttyname(slave)
    keyboard, _typed = os.pipe()
    with SerialPort(name) as port:
        os.close(slave)
        os.close(master)
        with pytest.raises(DeviceFailed, match="the port is gone"):
            monitor(port, keyboard, 1)
