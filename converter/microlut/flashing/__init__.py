"""Flash tools, by the names that board files use."""

from __future__ import annotations

from microlut.flashing import esptool, openocd, pyocd, st_flash
from microlut.flashing.flasher import Flasher, FlashJob

__all__ = ["FLASHERS", "FlashJob", "Flasher"]

FLASHERS: dict[str, Flasher] = {
    "openocd": openocd.FLASHER,
    "pyocd": pyocd.FLASHER,
    "st-flash": st_flash.FLASHER,
    "esptool": esptool.FLASHER,
}
