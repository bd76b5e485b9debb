"""Images for every board: the fake model builds, has the right sizes, and runs bit-exactly."""

from __future__ import annotations

import re
import struct
import subprocess

import numpy as np
import pytest
from elftools.elf.elffile import ELFFile
from fake_images import FAKE_MODEL, fake_outputs, require_tools

from microlut.board.board import Board, Core, list_boards, load_board
from microlut.errors import RunFailed
from microlut.machine.tools import find_tool
from microlut.running.emulators import Task, run_image
from microlut.running.emulators.counter import counter_plugin
from microlut.running.emulators.preload import preload_of
from microlut.running.protocol import bulk_command
from microlut.toolchain.build import build
from microlut.toolchain.esp_image import esptool_of
from microlut.toolchain.image import Image
from sweeps import in_sweeps

BOARDS = [name for name in list_boards() if load_board(name).core is not Core.HOST]
QEMU_BOARDS = [name for name in BOARDS if load_board(name).emulators.qemu]
USUAL = ("mps2-an385-m0plus", "mps2-an386", "riscv-virt")  # one per architecture
# One per family, whose boards have the same start-up code and differ in addresses.
FAMILIES = [*{load_board(name).port: name for name in BOARDS}.values()]
INPUTS = np.random.default_rng(3).integers(-128, 128, (40, 6), dtype=np.int8)


@pytest.mark.parametrize(
    "board_id", ["host", *USUAL, *in_sweeps(*(name for name in QEMU_BOARDS if name not in USUAL))]
)
def test_image_gives_the_models_outputs(fake_image, board_id):
    board, image = fake_image(board_id)
    result = run_image(Task(image.elf, board, INPUTS, 3, count_instructions=False))
    assert result.outputs.tolist() == fake_outputs(INPUTS).tolist()


# One test: a build takes longer than all that is asked of it.
@pytest.mark.qemu
@pytest.mark.parametrize(
    "board_id", [*FAMILIES, *in_sweeps(*(name for name in BOARDS if name not in FAMILIES))]
)
def test_image_is_what_it_says(fake_image, board_id):
    board, image = fake_image(board_id)
    printed = subprocess.run(
        [f"{board.toolchain.prefix}size", image.elf], capture_output=True, text=True, check=True
    ).stdout
    text, data, bss = (int(field) for field in printed.splitlines()[1].split()[:3])
    in_ram = text if board.memory.code_origin is not None else 0
    assert (image.flash_bytes, image.ram_bytes) == (text + data, in_ram + data + bss)
    if esptool_of(board) is None:
        assert image.bin.stat().st_size == image.flash_bytes
    assert dict(image.sections)[".stack"] == board.stack_bytes
    assert str(FAKE_MODEL.parent.parent.parent).encode() not in image.elf.read_bytes()
    preload = preload_of(image.elf)
    if board.memory.preload is not None:
        assert preload == board.memory.preload
    elif board.memory.code_origin is None:
        assert 0 <= preload.origin - board.memory.flash.origin - image.flash_bytes < 16
        assert preload.end == board.memory.flash.end


@pytest.mark.qemu
@pytest.mark.parametrize("board_id", [name for name in BOARDS if load_board(name).interrupt_lines])
def test_every_exception_and_interrupt_has_a_vector(fake_image, board_id):
    board, image = fake_image(board_id)
    count = 16 + board.interrupts  # which every board's file has
    with image.elf.open("rb") as file:
        elf = ELFFile(file)
        table, code = (elf.get_section_by_name(name) for name in (".isr_vector", ".text"))
        symbols = elf.get_section_by_name(".symtab")
        places = {symbol.name: symbol["st_value"] for symbol in symbols.iter_symbols()}
        vectors = struct.unpack(f"<{count}I", table.data())
        start, text = table["sh_addr"], range(code["sh_addr"], code["sh_addr"] + code["sh_size"])
    alignment = 128
    while alignment < 4 * count:
        alignment *= 2
    assert start % alignment == 0
    assert start + 4 * count <= text.start
    assert vectors[0] == places["mlut_stack_end"]
    assert vectors[1] == places["mlut_reset"]
    tick = places.get("mlut_tick", places["mlut_fault"])
    assert vectors[15] == tick
    assert {*vectors[2:15], *vectors[16:]} == {places["mlut_fault"]}
    assert {places["mlut_fault"], tick} <= {address + 1 for address in text}


@pytest.mark.qemu
@pytest.mark.parametrize("board_id", ["riscv-virt", "esp32-c3-devkitm-1"])
def test_every_trap_has_a_vector(fake_image, board_id):
    board, image = fake_image(board_id)
    with image.elf.open("rb") as file:
        elf = ELFFile(file)
        code, symbols = elf.get_section_by_name(".text"), elf.get_section_by_name(".symtab")
        places = {symbol.name: symbol["st_value"] for symbol in symbols.iter_symbols()}
        start, content = code["sh_addr"], code.data()
    base = places["mlut_traps"]
    assert base % 256 == 0
    for vector in range(base, base + 4 * 32, 4):
        (word,) = struct.unpack_from("<I", content, vector - start)
        assert word & 0xFFF == 0x06F  # jal zero, forward
        offset = (word >> 21 & 0x3FF) << 1 | (word >> 20 & 1) << 11 | (word >> 12 & 0xFF) << 12
        assert vector + offset == places["mlut_trap"]
    assert board.interrupt_lines == 0


@pytest.mark.parametrize("board_id", ["host", "mps2-an386", "riscv-virt"])
def test_image_is_the_same_in_every_folder(tmp_path, fake_image, board_id):
    board, first = fake_image(board_id)
    copy = tmp_path / "elsewhere" / "model"
    copy.mkdir(parents=True)
    for source in FAKE_MODEL.iterdir():
        (copy / source.name).write_bytes(source.read_bytes())
    second = build(copy, "fake", board, tmp_path / "other" / "place")
    assert second.elf.read_bytes() == first.elf.read_bytes()


@pytest.mark.qemu
@pytest.mark.parametrize("board_id", QEMU_BOARDS)
def test_preload_region_is_memory_from_end_to_end(fake_image, board_id):
    board, image = fake_image(board_id)
    preload = preload_of(image.elf)
    fitting = (preload.size - 16) // 6
    block = b"MLUT" + b"".join(n.to_bytes(4, "little") for n in (1, 6, fitting))
    last = image.elf.parent / "last.bin"
    last.write_bytes(INPUTS[0].tobytes())
    head = image.elf.parent / "head.bin"
    head.write_bytes(block)
    start, machine = preload.origin, board.emulators.qemu.machine
    process = subprocess.run(
        [
            *(qemu_of(board), "-machine", machine, "-kernel", str(image.elf)),
            *("-display", "none", "-monitor", "none", "-serial", "null", "-S"),
            *("-device", f"loader,file={head},addr={start:#x},force-raw=on"),
            *("-device", f"loader,file={last},addr={start + 16 + 6 * (fitting - 1):#x}"),
            *("-qmp", "stdio"),
        ],
        input=b'{"execute":"qmp_capabilities"}{"execute":"human-monitor-command","arguments":'
        b'{"command-line":"xp /6xb %d"}}{"execute":"quit"}' % (start + 16 + 6 * (fitting - 1)),
        capture_output=True,
        timeout=30,
        check=True,
    )
    shown = re.findall(rb"0x([0-9a-f]{2})\b", process.stdout)
    assert bytes(int(byte, 16) for byte in shown) == INPUTS[0].tobytes()


@pytest.mark.qemu
@pytest.mark.parametrize("board_id", QEMU_BOARDS)
def test_instruction_counts_are_the_same_in_every_run(fake_image, board_id):
    board, image = fake_image(board_id)
    runs = [run_image(Task(image.elf, board, INPUTS, 3)).instructions for _ in range(2)]
    if runs[0] is None:
        pytest.skip("instructions not counted: cc is missing, or QEMU has no plugins")
    assert runs[0] == runs[1]


LOOPS = {  # two instructions a turn
    "mps2-an386": '"movw r3, #{n}\\n1:\\tsubs r3, #1\\n\\tbne 1b" ::: "r3", "cc"',
    "riscv-virt": '"li t0, {n}\\n1:\\taddi t0, t0, -1\\n\\tbnez t0, 1b" ::: "t0"',
}


@pytest.mark.qemu
@pytest.mark.parametrize("board_id", LOOPS)
def test_instruction_count_is_that_of_a_loop_of_known_length(tmp_path, altered_model, board_id):
    board = load_board(board_id)
    require_tools(board)
    if counter_plugin(find_tool(board.toolchain.qemu), tmp_path) is None:
        pytest.skip("instructions not counted: cc is missing, or QEMU has no plugins")
    loop = f"    __asm__ volatile({LOOPS[board_id]});\n"
    counts = []
    for index, turns in enumerate((100, 1100)):
        model = altered_model("    int8_t *data = arena;\n", loop.format(n=turns))
        text = (model / "model.c").read_text().replace("data[", "((int8_t *)arena)[")
        (model / "model.c").write_text(text.replace("return data;", "return arena;"))
        image = build(model, "fake", board, tmp_path / f"loop{index}")
        counts += run_image(Task(image.elf, board, INPUTS[:1], 3)).instructions
        model.rename(tmp_path / f"model{index}")
    # `li` takes an instruction more for a large number
    assert counts[1] - counts[0] - 1000 * 2 in (0, 1)


# Make a line of the NVIC pending.
_PEND = (
    "*(volatile uint32_t *)(0xE000E100u + {line}u / 32u * 4u) = 1u << {line}u % 32u;\n"
    "    *(volatile uint32_t *)(0xE000E200u + {line}u / 32u * 4u) = 1u << {line}u % 32u;\n"
    '    __asm__ volatile("dsb\\n\\tisb");'
)
# Machine software interrupt: with mtvec as it is, and in vectored mode.
_SOFTWARE = (
    "*(volatile uint32_t *)0x02000000u = 1u;\n"
    '    __asm__ volatile(".option arch, +zicsr\\n\\tcsrsi mtvec, {mode}\\n\\t"\n'
    '                     "csrsi mie, 8\\n\\tcsrsi mstatus, 8\\n\\tnop");'
)

# What a core is made to do wrong, and what it then tells.
FAULTS = {
    "arm-none-eabi-": {
        "undefined_instruction": (
            '__asm__ volatile("udf #0");',
            r"exception 3 pc=0x[0-9a-f]{8} lr=0x.{8} cfsr=0x00010000",
        ),
        "jump_to_arm_state": (
            "((void (*)(void))0x40)();",
            r"exception 3 pc=0x00000040 lr=0x.{8} cfsr=0x00020000",
        ),
        "stray_interrupt": (_PEND, r"interrupt {line} pc=0x[0-9a-f]{{8}} lr=0x"),
        "service_call": (
            '__asm__ volatile("svc #0");',
            r"exception 11 pc=0x[0-9a-f]{8} lr=0x.{8} cfsr=0x00000000",
        ),
    },
    "riscv64-unknown-elf-": {
        "undefined_instruction": (
            '__asm__ volatile("unimp");',
            r"exception 2 pc=0x800[0-9a-f]{5} ra=0x800[0-9a-f]{5} mcause=0x00000002 mtval=0x",
        ),
        "jump_to_nothing": (
            "((void (*)(void))0x40)();",
            "exception 1 pc=0x00000040 ra=0x800[0-9a-f]{5} mcause=0x00000001 mtval=0x00000040",
        ),
        "write_to_constants": (
            "*(volatile int *)0x80000010 = 1;",
            r"exception 7 pc=0x800[0-9a-f]{5} ra=0x.* mcause=0x00000007 mtval=0x80000010",
        ),
        "stray_interrupt": (
            _SOFTWARE.format(mode=0),
            "interrupt 3 pc=0x800[0-9a-f]{5} ra=0x.* mcause=0x80000003",
        ),
        "stray_interrupt_with_vectors": (
            _SOFTWARE.format(mode=1),
            "interrupt 3 pc=0x800[0-9a-f]{5} ra=0x.* mcause=0x80000003",
        ),
    },
}


FAULT_CASES = [
    (name, fault)
    for name in QEMU_BOARDS
    for fault in FAULTS[load_board(name).toolchain.prefix]
    if fault != "service_call" or name == "mps2-an386"
]


@pytest.mark.qemu
@pytest.mark.parametrize(
    ("board_id", "fault"),
    [
        *(case for case in FAULT_CASES if case[0] in USUAL),
        *in_sweeps(*(case for case in FAULT_CASES if case[0] not in USUAL)),
    ],
)
def test_fault_is_reported_with_its_place(tmp_path, altered_model, board_id, fault):
    board = load_board(board_id)
    require_tools(board)
    statement, told = FAULTS[board.toolchain.prefix][fault]
    if "{line}" in statement:  # the last one
        statement, told = (
            text.format(line=board.interrupt_lines - 1) for text in (statement, told)
        )
    if board.core.value.startswith("cortex-m0"):  # Armv6-M does not say what the fault was
        told = re.sub(r" cfsr=\w+", "$", told)
    model = altered_model(
        "    int8_t *data = arena;\n", f"    {statement}\n    int8_t *data = arena;\n"
    )
    image = build(model, "fake", board, tmp_path / "out")
    with pytest.raises(RunFailed, match=told):
        run_image(Task(image.elf, board, INPUTS, 3))


# Overflows by a frame, which is left untouched or written to, and by calls without an end.
OVERFLOWS = {
    "frame": 'int8_t big[5000];\n    __asm__ volatile("udf #0" ::"r"(big) : "memory");',
    "write": "int8_t big[5000];\n    *(volatile int8_t *)big = 1;",
    "calls": "deeper(arena, 1);",
}
DEEPER = """__attribute__((unused)) static int deeper(void *arena, int level)
{
    volatile int8_t here[64] = {(int8_t)level};
    return level == 0 ? here[0] : deeper(arena, level + 1) + here[1];
}

const int8_t *fake_run(void *arena)
{
"""
OVERFLOW_CASES = [
    (name, overflow)
    for name in QEMU_BOARDS
    for overflow in OVERFLOWS
    # on RISC-V the stack pointer has left the stack before the access that fails
    if overflow != "frame" or load_board(name).interrupt_lines
]


@pytest.mark.qemu
@pytest.mark.parametrize(
    ("board_id", "overflow"),
    [
        *(("mps2-an386", "write"), ("mps2-an505", "calls"), ("riscv-virt", "write")),
        *in_sweeps(*OVERFLOW_CASES),
    ],
)
def test_stack_overflow_is_reported(tmp_path, altered_model, board_id, overflow):
    board = load_board(board_id)
    require_tools(board)
    start = "const int8_t *fake_run(void *arena)\n{\n"
    model = altered_model(start, f"{DEEPER}    {OVERFLOWS[overflow]}\n")
    image = build(model, "fake", board, tmp_path / "out")
    with pytest.raises(RunFailed, match="stack overflow"):
        run_image(Task(image.elf, board, INPUTS, 3))


@pytest.mark.parametrize(
    ("board_id", "statement", "told"),
    [
        ("host", "data[FAKE_ARENA_BYTES] = 1;", "arena: written behind its end"),
        *in_sweeps(
            *(
                (name, "data[FAKE_ARENA_BYTES + 15] = 1;", "arena: written behind its end")
                for name in QEMU_BOARDS
            ),
            # a chip whose RAM goes on below the stack, and without an MPU
            ("mps2-an386", "*(volatile int *)0x20000000 = 1;", r"\[?stack overflow$"),
        ),
    ],
)
def test_write_past_the_arena_or_the_stack_is_reported(
    tmp_path, altered_model, board_id, statement, told
):
    board = load_board(board_id)
    require_tools(board)
    start = "    int8_t *data = arena;\n"
    model = altered_model(start, f"{start}    {statement}\n")
    image = build(model, "fake", board, tmp_path / "out")
    with pytest.raises(RunFailed, match=told):
        run_image(Task(image.elf, board, INPUTS, 3, count_instructions=False))


@pytest.mark.qemu
def test_endless_loop_is_a_timeout(tmp_path, altered_model):
    board = load_board("mps2-an386")
    require_tools(board)
    model = altered_model(
        "    int8_t *data = arena;\n", "    int8_t *data = arena;\n    for (;;) {\n    }\n"
    )
    image = build(model, "fake", board, tmp_path / "out")
    with pytest.raises(RunFailed, match="silent for 1 s"):
        run_image(Task(image.elf, board, INPUTS, 3, timeout_seconds=1.0))


@pytest.mark.qemu
@pytest.mark.parametrize("board_id", LOOPS)
def test_device_clock_counts_microseconds(fake_image, board_id):
    board, image = fake_image(board_id)
    text = _talk(
        [*_command(board, image), "-icount", "shift=0"], b"infer 100000 0%", until=b"m-infer-done"
    )
    begin, end = (int(lap) for lap in re.findall(rb"m-lap-us-(\d+)", text)[-2:])
    # with -icount one instruction takes 1 ns, and an inference with its input copy is about 60
    assert 3_500 <= end - begin <= 20_000


@pytest.mark.qemu
@pytest.mark.parametrize("board_id", LOOPS)
def test_bulk_without_preloaded_inputs_is_an_error(fake_image, board_id):
    board, image = fake_image(board_id)
    said = _talk(_command(board, image), bulk_command(1), until=b"]")
    assert b"e-[No preloaded inputs]" in said


def _command(board: Board, image: Image) -> list[str]:
    """Start an image in QEMU with its console on standard input and output."""
    command = [qemu_of(board), "-machine", board.emulators.qemu.machine, "-kernel", str(image.elf)]
    return [*command, "-display", "none", "-monitor", "none", "-serial", "stdio"]


def qemu_of(board: Board) -> str:
    return str(find_tool(board.toolchain.qemu))


def _talk(command: list[str], request: bytes, until: bytes) -> bytes:
    """Send a request to a program that never ends, and read until a text appears."""
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        process.stdin.write(request)
        process.stdin.flush()
        text = b""
        while until not in text:
            piece = process.stdout.read1()
            assert piece, text
            text += piece
        process.kill()
    return text
