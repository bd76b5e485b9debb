"""The engine's code in a linker's map."""

from pathlib import Path

from microlut.toolchain.image import engine_code_bytes

MAP = """
Discarded input sections

 .text.mlut_unpack_2
                0x00000000      0x16c libmicrolut.a(unpack.c.obj)

Linker script and memory map

 .text.mlut_unpack_4
                0x000021a0       0x10 libmicrolut.a(unpack.c.obj)
 .text.put      0x000024fc      0x132 libmicrolut.a(columns.c.obj)
 .rodata.exp_factors
                0x0000d52c       0x1c libmicrolut.a(softmax.c.obj)
 .text.main     0x00000630       0x20 CMakeFiles/firmware.dir/app/main.c.obj
 .text          0x00002b88      0x134 /usr/lib/libc_nano.a(lib_a-memcpy.o)
 .debug_info    0x00000000     0x9999 libmicrolut.a(columns.c.obj)
"""


def test_engine_code_is_what_the_linker_took_of_the_engine(tmp_path: Path):
    path = tmp_path / "x.map"
    path.write_text(MAP)
    assert engine_code_bytes(path) == 0x10 + 0x132 + 0x1C
