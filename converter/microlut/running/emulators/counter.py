"""Compile the instruction counter for QEMU, and make its options."""

from __future__ import annotations

import hashlib
import os
import re
import stat
import subprocess
import tempfile
from pathlib import Path

from elftools.elf.elffile import ELFFile
from elftools.elf.sections import SymbolTableSection

from microlut.errors import BuildFailed, RunFailed
from microlut.machine.tools import HOST_CC, find_tool

_SOURCE = Path(__file__).with_name("insn_count.c")
_OTHERS_WRITE = stat.S_IWGRP | stat.S_IWOTH
_BEGIN, _END = "mlut_probe_begin", "mlut_probe_end"


def plugin_api(qemu_version: str) -> int | None:
    """Return the plugin API for a QEMU version, or None if it has no usable one.

    QEMU refuses plugins older than its oldest supported API, so this is the API of that release.

    >>> plugin_api("QEMU emulator version 7.2.22 (Debian 1:7.2+dfsg-7)")
    1
    """
    found = re.search(r"version (\d+)\.(\d+)", qemu_version)
    if found is None:
        return None
    version = (int(found[1]), int(found[2]))
    for first, api in (((9, 2), 4), ((9, 1), 3), ((9, 0), 2), ((6, 0), 1)):
        if version >= first:
            return api
    return None


def counter_plugin(qemu: Path, scratch: Path) -> Path | None:
    """Return the plugin for this QEMU, compiled at first use.

    It is kept in the user's cache folder, or made in `scratch` if that cannot be written or is
    another user's. If QEMU is built without plugins or there is no C compiler, return None: nothing
    can be counted.
    """
    compiler = find_tool(HOST_CC)
    api = plugin_api(_output_of(qemu, "--version"))
    if compiler is None or api is None or "\n-plugin " not in _output_of(qemu, "--help"):
        return None
    digest = hashlib.sha256(_SOURCE.read_bytes()).hexdigest()[:12]
    folder, name = _cache_folder() or scratch, f"insn_count-{digest}-api{api}"
    kept = (path for path in sorted(folder.glob(f"{name}-*.so")) if _is_as_compiled(path))
    return next(kept, None) or _compile(compiler, api, folder, name)


def plugin_option(
    plugin: Path, elf: Path, counts: Path, caller: str | None = None, blocks: Path | None = None
) -> tuple[str, ...]:
    """Return QEMU's options for counting between the probes of an ELF file.

    Args:
        plugin: The result of `counter_plugin`.
        elf: The image.
        counts: Text file to write, with one line per region: its instructions, as one number or in
            pieces.
        caller: A function; each of its calls becomes a piece. See insn_count.c.
        blocks: Text file to write, with the blocks executed in each piece.
    """
    begin, end = probes_of(elf)
    options = [f"file={_escaped(plugin)}", f"out={_escaped(counts)}"]
    options += [f"begin={begin:x}", f"end={end:x}"]
    if caller is not None:
        start, size = _function(functions_of(elf), caller, elf)
        options += [f"caller={start:x}", f"caller_end={start + size:x}"]
    if blocks is not None:
        options += [f"blocks={_escaped(blocks)}"]
    return ("-plugin", ",".join(options))


def probes_of(elf: Path) -> tuple[int, int]:
    """Return the addresses of the functions that an image calls before and after an inference."""
    functions = functions_of(elf)
    return _function(functions, _BEGIN, elf)[0], _function(functions, _END, elf)[0]


def functions_of(elf: Path) -> dict[str, tuple[int, int]]:
    """Return address (Thumb bit removed) and size in bytes of an image's functions, by name."""
    with elf.open("rb") as file:
        table = ELFFile(file).get_section_by_name(".symtab")
        symbols = list(table.iter_symbols()) if isinstance(table, SymbolTableSection) else []
        return {
            symbol.name: (symbol["st_value"] & ~1, symbol["st_size"])
            for symbol in symbols
            if symbol["st_info"]["type"] == "STT_FUNC"
        }


def _function(functions: dict[str, tuple[int, int]], name: str, elf: Path) -> tuple[int, int]:
    if name not in functions:
        raise RunFailed(f"{elf}: has no function {name}; build the firmware again")
    return functions[name]


def _escaped(path: Path) -> str:
    return str(path).replace(",", ",,")


def _cache_folder() -> Path | None:
    """Return microlut's folder in the user's cache, which nobody else can write; None if none."""
    base = Path(os.environ.get("XDG_CACHE_HOME", ""))
    try:
        # the XDG specification says to ignore a relative path
        folder = (base if base.is_absolute() else Path.home() / ".cache") / "microlut"
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        mode = folder.stat().st_mode
        if mode & _OTHERS_WRITE and _is_own(folder):
            folder.chmod(mode & ~_OTHERS_WRITE & 0o7777)
    except (OSError, RuntimeError):  # RuntimeError: no home
        return None
    return folder if _is_own(folder) and os.access(folder, os.W_OK) else None


def _is_own(path: Path) -> bool:
    """Return whether this user is the owner, where files have one."""
    return not hasattr(os, "geteuid") or path.lstat().st_uid == os.geteuid()


def _is_as_compiled(plugin: Path) -> bool:
    """Return whether QEMU may load a file: this user made it, and its name has its own hash."""
    try:
        status = plugin.lstat()
        return (
            stat.S_ISREG(status.st_mode)
            and not status.st_mode & _OTHERS_WRITE
            and _is_own(plugin)
            and plugin.stem.endswith(f"-{_hash(plugin)}")
        )
    except OSError:
        return False


def _hash(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def _compile(compiler: Path, api: int, target: Path, name: str) -> Path:
    """Compile the plugin under another name, then rename it, so that nobody loads half a file."""
    with tempfile.TemporaryDirectory(dir=target) as folder:
        made = Path(folder) / f"{name}.so"
        options = ("-O2", "-std=c11", "-shared", "-fPIC", "-fvisibility=hidden")
        command = [str(compiler), *options, f"-DPLUGIN_API={api}", str(_SOURCE), "-o", str(made)]
        result = subprocess.run(command, check=False, capture_output=True, text=True)
        if result.returncode != 0:
            raise BuildFailed(f"{_SOURCE.name}: {(result.stderr.splitlines() or ['?'])[0]}")
        made.chmod(0o700)
        return made.replace(target / f"{name}-{_hash(made)}.so")


def _output_of(program: Path, option: str) -> str:
    result = subprocess.run([str(program), option], check=False, capture_output=True, text=True)
    return result.stdout
