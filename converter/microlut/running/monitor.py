"""A terminal for a board's console.

The firmware does not echo, so the monitor shows what is typed.
"""

from __future__ import annotations

import os
import selectors
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from microlut.machine.serial_port import SerialPort
from microlut.support.system import not_on_windows

_END_KEY = b"\x1d"  # Ctrl-]
_PIECE_BYTES = 4096
_QUIET_SECONDS = 2.0


def monitor(port: SerialPort, keyboard: int, screen: int) -> None:
    """Connect a port with two file descriptors until Ctrl-] is typed.

    If the keyboard is a file or a pipe, the monitor sends all of it, and ends when the port has
    been silent for two seconds. It also ends when the screen is a pipe that nobody reads.

    Raises:
        DeviceFailed: The port is gone.
        InvalidInput: This is Windows.
    """
    if sys.platform == "win32":
        raise not_on_windows("the monitor")
    with suppress(BrokenPipeError), _by_keys(keyboard), selectors.DefaultSelector() as selector:
        selector.register(port, selectors.EVENT_READ)
        selector.register(keyboard, selectors.EVENT_READ)
        ended = False
        while True:
            ready = selector.select(_QUIET_SECONDS if ended else None)
            if ended and not ready:
                return
            for key, _ in ready:
                if key.fd != keyboard:
                    os.write(screen, port.read(0))
                    continue
                typed = os.read(keyboard, _PIECE_BYTES)
                if _END_KEY in typed:
                    return
                if typed:
                    os.write(screen, typed.replace(b"%", b"%\r\n"))
                    port.write(typed)
                else:
                    selector.unregister(keyboard)
                    ended = True


@contextmanager
def _by_keys(keyboard: int) -> Iterator[None]:
    """Let a terminal deliver every key at once and without echo; Ctrl-C still interrupts."""
    if sys.platform == "win32" or not os.isatty(keyboard):
        yield
        return
    import termios  # which Windows lacks
    import tty

    before = termios.tcgetattr(keyboard)
    try:
        tty.setcbreak(keyboard, termios.TCSADRAIN)  # keeps pending input
        yield
    finally:
        termios.tcsetattr(keyboard, termios.TCSADRAIN, before)
