"""The formats of `export`, and where each has its C files."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from microlut.errors import InvalidInput
from microlut.support.arguments import brief
from microlut.support.suggestions import did_you_mean


class ExportFormat(StrEnum):
    """The formats that `export` can write."""

    CMAKE = "cmake"
    ARDUINO = "arduino"
    PLATFORMIO = "platformio"
    ESP_IDF = "esp-idf"
    ZEPHYR = "zephyr"
    STM32CUBE = "stm32cube"
    PICO_SDK = "pico-sdk"
    ZIP = "zip"
    TFLITE = "tflite"


# Other names of the formats.
_CALLED = {
    ExportFormat.ARDUINO: ("Arduino IDE", "sketch", "ino"),
    ExportFormat.PLATFORMIO: ("pio",),
    ExportFormat.ESP_IDF: ("ESP32", "ESP32-S3", "Espressif"),
    ExportFormat.ZEPHYR: ("nRF Connect SDK", "west"),
    ExportFormat.STM32CUBE: ("STM32CubeIDE", "STM32CubeMX", "Keil"),
    ExportFormat.PICO_SDK: ("Raspberry Pi Pico", "RP2040", "RP2350", "pico"),
    ExportFormat.ZIP: ("Makefile", "C sources"),
    ExportFormat.TFLITE: ("TensorFlow Lite", "LiteRT"),
}


def format_of(name: ExportFormat | str) -> ExportFormat:
    """Return the format of that name; raises InvalidInput if there is none."""
    known = ", ".join(known.value for known in ExportFormat)
    if not isinstance(name, str):
        raise InvalidInput(f"format is {brief(name)}; allowed are {known}")
    try:
        return ExportFormat(name)
    except ValueError:
        hint = did_you_mean(name, {known.value: _CALLED.get(known, ()) for known in ExportFormat})
        raise InvalidInput(f"format {name!r} is not known; {hint}allowed are {known}") from None


@dataclass(frozen=True, slots=True)
class Layout:
    """Folders of the C files, relative to the exported folder.

    Attributes:
        headers: The headers that programs include; the only include path needed.
        sources: Everything else.
    """

    headers: str
    sources: str


_SPLIT = Layout("include", "src")
_TOGETHER = Layout("src", "src")

LAYOUTS = {
    ExportFormat.CMAKE: _SPLIT,
    ExportFormat.ARDUINO: _TOGETHER,
    ExportFormat.PLATFORMIO: _TOGETHER,
    ExportFormat.ESP_IDF: _SPLIT,
    ExportFormat.ZEPHYR: _SPLIT,
    ExportFormat.STM32CUBE: Layout("Inc", "Src"),
    ExportFormat.ZIP: _SPLIT,
}

# Where the applications of an ecosystem have their code; NAME is the application's.
APPLICATIONS = {
    ExportFormat.ARDUINO: "NAME/src",
    ExportFormat.PLATFORMIO: "src",
    ExportFormat.ESP_IDF: "main",
    ExportFormat.ZEPHYR: "src",
    ExportFormat.PICO_SDK: "src",
    ExportFormat.STM32CUBE: "NAME",
}
