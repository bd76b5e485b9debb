"""Flash tools, by the names that board files use."""

from __future__ import annotations

from microlut.flashing import (
    bossac,
    dfu_util,
    esptool,
    openocd,
    picotool,
    probe_rs,
    pyocd,
    st_flash,
    uf2_drive,
)
from microlut.flashing.flasher import Flasher, FlashJob

__all__ = ["FLASHERS", "FlashJob", "Flasher"]

FLASHERS: dict[str, Flasher] = {
    "openocd": openocd.FLASHER,
    "pyocd": pyocd.FLASHER,
    "probe-rs": probe_rs.FLASHER,
    "st-flash": st_flash.FLASHER,
    "esptool": esptool.FLASHER,
    "dfu-util": dfu_util.FLASHER,
    "bossac": bossac.FLASHER,
    "picotool": picotool.FLASHER,
    "uf2": uf2_drive.FLASHER,
}
