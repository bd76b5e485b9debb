"""Running inputs on a board; a small table of answers stands in for the port."""

from __future__ import annotations

import numpy as np
import pytest

from microlut.errors import DeviceFailed, RunFailed
from microlut.running import device as devices
from microlut.running.device import Device, run_inputs

NAME = b"m-name-dut-[microlut]\r\nm-ready\r\n"
ANSWERS = {
    b"%": b"e-[Unknown command: ]\r\nm-ready\r\n",
    b"name%": NAME,
    b"profile%": b"m-profile-[x]\r\nm-model-[kws01]\r\nm-ready\r\n",
    b"db load 2%": b"m-[Expecting 2 bytes]\r\nm-ready\r\n",
    b"db 01ff%": b"m-load-done\r\nm-ready\r\n",
    b"infer 1 0%": b"m-lap-us-100\r\nm-lap-us-350\r\nm-infer-done\r\nm-ready\r\n",
    b"output%": b"m-output-7f80\r\nm-ready\r\n",
}
TIMED = {
    "help%": b"help            : list\r\nlayers          : times\r\nm-ready\r\n",
    "layers%": b"m-layer-us-90\r\nm-layer-us-120\r\nm-ready\r\n",
}
INPUTS = np.array([[1, -1]], dtype=np.int8)


class FakePort:
    """Answers each command from a table, in pieces of a few bytes."""

    name = "/dev/ttyFAKE"

    def __init__(self, **changed: bytes) -> None:
        self.answers = {**ANSWERS, **{key.encode(): text for key, text in changed.items()}}
        self.waiting = b""
        self.asked: list[bytes] = []

    def read(self, seconds: float) -> bytes:
        assert seconds > 0
        piece, self.waiting = self.waiting[:7], self.waiting[7:]
        return piece

    def write(self, data: bytes) -> None:
        self.asked.append(data)
        self.waiting += self.answers.get(data, b"")


def changed(command: str, answer: bytes) -> FakePort:
    return FakePort(**{command: answer})


def test_device_is_found_after_what_was_begun():
    port = FakePort()
    port.waiting = b"m-timestamp-mode-performance\r\nm-ready\r\n"
    assert Device(port).model() == "kws01"
    assert port.asked == [b"%", b"name%", b"profile%"]


def test_device_that_is_still_starting_is_asked_again():
    port = changed("name%", b"")
    write = port.write

    def slow(data: bytes) -> None:
        write(data)
        if port.asked.count(b"name%") == 2:
            port.answers[b"name%"] = NAME

    port.write = slow
    Device(port)
    assert port.asked.count(b"name%") == 3


@pytest.mark.parametrize("answer", [b"", b"rst:0x1\r\n", b"e-[Unknown command: name]\r\nm-ready\n"])
def test_device_that_does_not_answer_its_name(answer):
    with pytest.raises(DeviceFailed, match=r"no answer in the device protocol; flash the board"):
        Device(changed("name%", answer))


def test_device_that_never_stops_printing(monkeypatch):
    class Chatter(FakePort):
        def read(self, seconds: float) -> bytes:
            return b"boot loop\r\nm-ready\r\n"

    monkeypatch.setattr(devices, "_ANSWER_SECONDS", 0.01)
    with pytest.raises(DeviceFailed, match="no answer in the device protocol"):
        Device(Chatter())


def test_run_inputs_gives_outputs_and_times():
    port, seen = FakePort(), []
    found = run_inputs(Device(port), INPUTS, 2, lambda: seen.append(1))
    assert found.outputs.tolist() == [[127, -128]]
    assert found.microseconds == (250,)
    assert seen == [1]
    assert port.asked[2:] == [b"db load 2%", b"db 01ff%", b"infer 1 0%", b"output%"]


def test_run_inputs_begins_whole_windows_anew():
    port = changed("reset%", b"m-ready\r\n")
    found = run_inputs(Device(port), np.repeat(INPUTS, 4, axis=0), 2, runs=2)
    assert len(found.outputs) == 4
    assert [c for c in port.asked[2:] if c in (b"reset%", b"infer 1 0%")] == [
        *(b"reset%", b"infer 1 0%", b"infer 1 0%"),
        *(b"reset%", b"infer 1 0%", b"infer 1 0%"),
    ]


def test_run_inputs_survives_the_clock_wrapping():
    laps = b"m-lap-us-4294967290\r\nm-lap-us-4\r\nm-ready\r\n"
    assert run_inputs(Device(changed("infer 1 0%", laps)), INPUTS, 2).microseconds == (10,)


@pytest.mark.parametrize(
    ("command", "answer", "message"),
    [
        ("db 01ff%", b"e-[Invalid hex digit 'zz']\r\nm-ready\r\n", "reports: Invalid hex digit"),
        ("db 01ff%", b"m-ready\r\n", "the line lost input bytes; check cable"),
        ("infer 1 0%", b"\r\nm-fault-[stack overflow pc=0x0]\r\n", "reports: stack overflow"),
        ("infer 1 0%", b"m-lap-us-1\r\nm-ready\r\n", "the line lost text; check cable"),
        ("infer 1 0%", b"", "the board was silent for 60 s; reset it"),
        ("output%", b"e-[Unknown command: output]\r\nm-ready\r\n", "Unknown command: output"),
        ("output%", b"m-output-7f\r\nm-ready\r\n", "has 1 bytes and the model 2 outputs"),
        ("output%", b"m-ready\r\n", "the line lost text"),
    ],
)
def test_run_inputs_refuses(command, answer, message):
    with pytest.raises(RunFailed, match=message):
        run_inputs(Device(changed(command, answer)), INPUTS, 2)


def test_model_must_be_named():
    with pytest.raises(RunFailed, match="does not name its model"):
        Device(changed("profile%", b"m-ready\r\n")).model()


def test_layers_are_timed_by_firmware_that_offers_it():
    device = Device(FakePort(**TIMED))
    assert device.times_layers()
    assert run_inputs(device, INPUTS, 2, layers=True).layers == (90, 120)
    assert run_inputs(device, INPUTS, 2).layers == ()
    assert not Device(changed("help%", b"help            : list\r\nm-ready\r\n")).times_layers()
