"""Compile the instruction counter for QEMU, and make its options."""

from __future__ import annotations

import hashlib
import os
import re
import stat
import subprocess
import tempfile
from contextlib import suppress
from pathlib import Path

from elftools.elf.elffile import ELFFile
from elftools.elf.sections import SymbolTableSection

from microlut.errors import BuildFailed, RunFailed
from microlut.machine.tools import HOST_CC, find_tool

_SOURCE = Path(__file__).with_name("insn_count.c")
_OTHERS_WRITE = stat.S_IWGRP | stat.S_IWOTH
_BEGIN, _END = "mlut_probe_begin", "mlut_probe_end"
_VERSION = re.compile(r"version (\d+)\.(\d+)")
# What QEMU says of a plugin for an older or a newer API.
_SUPPORTED = re.compile(r"supports only (?:a minimum|up to) version(?: of)? (\d+)")
_NEWEST_API = 7  # that insn_count.c has been compiled for and run with
_MOST_SECONDS = 30


def plugin_api(qemu_version: str) -> int | None:
    """Return the plugin API for a QEMU version as far as known; None if it has no usable one.

    QEMU refuses plugins older than its oldest supported API, so this is the API of that release.
    Newer releases may refuse it, and say which API they want.

    >>> plugin_api("QEMU emulator version 7.2.22 (Debian 1:7.2+dfsg-7)")
    1
    """
    found = _VERSION.search(qemu_version)
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
    another user's. If QEMU is built without plugins or wants some of an unknown API, or there is no
    C compiler, return None: nothing can be counted.
    """
    compiler = find_tool(HOST_CC)
    version = _output_of(qemu, "--version")
    api = plugin_api(version)
    if compiler is None or api is None or "\n-plugin " not in _output_of(qemu, "--help"):
        return None
    digest = hashlib.sha256(_SOURCE.read_bytes()).hexdigest()[:12]
    release = ".".join(_VERSION.findall(version)[0])
    folder, name = _cache_folder() or scratch, f"insn_count-{digest}-qemu{release}"
    kept = (path for path in sorted(folder.glob(f"{name}-*.so")) if _is_as_compiled(path))
    return next(kept, None) or _compile(compiler, qemu, api, folder / name)


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


def _compile(compiler: Path, qemu: Path, api: int, target: Path) -> Path | None:
    """Compile the plugin under another name, then rename it, so that nobody loads half a file.

    Return None if QEMU wants an API that the plugin does not know.

    Args:
        compiler: The compiler of this computer.
        qemu: The QEMU that is to load it.
        api: The API to try first.
        target: Path of the plugin; its hash is added to the name.
    """
    with tempfile.TemporaryDirectory(dir=target.parent) as folder:
        made = Path(folder) / f"{target.name}.so"
        _compile_for(compiler, api, made)
        wanted = _wanted_api(qemu, made)
        if wanted is not None and wanted > _NEWEST_API:
            return None
        if wanted is not None:
            _compile_for(compiler, wanted, made)
        made.chmod(0o700)
        return made.replace(target.with_name(f"{target.name}-{_hash(made)}.so"))


def _compile_for(compiler: Path, api: int, made: Path) -> None:
    options = ("-O2", "-std=c11", "-shared", "-fPIC", "-fvisibility=hidden")
    command = [str(compiler), *options, f"-DPLUGIN_API={api}", str(_SOURCE), "-o", str(made)]
    result = subprocess.run(command, check=False, capture_output=True, text=True)
    if result.returncode != 0:
        raise BuildFailed(f"{_SOURCE.name}: {(result.stderr.splitlines() or ['?'])[0]}")


def _wanted_api(qemu: Path, plugin: Path) -> int | None:
    """Return the API that a QEMU wants instead of a plugin's; None if it takes that one."""
    # without its arguments a plugin that is loaded ends QEMU at once
    command = [str(qemu), "-machine", "none", "-display", "none", "-plugin"]
    with suppress(subprocess.TimeoutExpired):
        told = subprocess.run(
            [*command, f"file={_escaped(plugin)}"],
            check=False,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=_MOST_SECONDS,
        )
        found = _SUPPORTED.search(told.stderr)
        return int(found[1]) if found else None
    return None


def _output_of(program: Path, option: str) -> str:
    result = subprocess.run([str(program), option], check=False, capture_output=True, text=True)
    return result.stdout
