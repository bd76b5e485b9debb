"""What the bytes of flash are for: the parts are the whole, and weights are counted right."""

import pytest

import microlut
from digits_example import conversion
from microlut.machine.tools import ARM_GCC, NEWLIB, find_tool
from microlut.toolchain.parts import ENGINE, WEIGHTS, flash_parts


@pytest.mark.qemu
@pytest.mark.parametrize("board", ["mps2-an386", "raspberry-pi-pico"])
def test_parts_are_the_whole_flash(tmp_path, board):
    for tool in (ARM_GCC, NEWLIB):
        if find_tool(tool) is None:
            pytest.skip(f"Cortex-M not tested: {tool.name} is missing ({tool.apt_command})")
    project = microlut.write(conversion(), tmp_path / "out")
    image = microlut.build(project, board)
    parts = dict(flash_parts(image))
    assert sum(parts.values()) == image.flash_bytes
    stored = project.report["weight_bytes"] + project.report["parameter_bytes"]
    assert parts[WEIGHTS] == stored
    assert parts[ENGINE] == image.engine_code_bytes
