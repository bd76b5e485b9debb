"""The formats that `export` knows, and where each has its C files."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class ExportFormat(StrEnum):
    """What `export` can write."""

    CMAKE = "cmake"
    ARDUINO = "arduino"
    PLATFORMIO = "platformio"
    ESP_IDF = "esp-idf"
    ZEPHYR = "zephyr"
    STM32CUBE = "stm32cube"
    ZIP = "zip"
    TFLITE = "tflite"


@dataclass(frozen=True, slots=True)
class Layout:
    """Folders of the C files, relative to the exported folder.

    Attributes:
        headers: What programs include; it is the one include path that is needed.
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
