"""The instruction counter: QEMU's version enters, a compiled plugin and its counts leave."""

from __future__ import annotations

import hashlib
import os
import re
import subprocess
import tempfile
from pathlib import Path

from elftools.elf.elffile import ELFFile
from elftools.elf.sections import SymbolTableSection

from microlut.errors import BuildFailed, RunFailed
from microlut.tools import HOST_CC, find_tool

_SOURCE = Path(__file__).with_name("insn_count.c")
_BEGIN, _END = "mlut_probe_begin", "mlut_probe_end"


def plugin_api(qemu_version: str) -> int | None:
    """Return the plugin API that a QEMU version wants, or None if it has no usable one.

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

    It is kept in the user's cache folder, or made in `scratch` if that cannot be written. None if
    QEMU is built without plugins or there is no C compiler: then nothing can be counted.
    """
    compiler = find_tool(HOST_CC)
    api = plugin_api(_output_of(qemu, "--version"))
    if compiler is None or api is None or "\n-plugin " not in _output_of(qemu, "--help"):
        return None
    digest = hashlib.sha256(_SOURCE.read_bytes()).hexdigest()[:12]
    target = (_cache_folder() or scratch) / f"insn_count-{digest}-api{api}.so"
    if not target.is_file():
        _compile(compiler, api, target)
    return target


def plugin_option(plugin: Path, elf: Path, counts: Path) -> tuple[str, ...]:
    """Return QEMU's options that count between the probes of an ELF file into a text file."""
    begin, end = (f"{address:x}" for address in probe_addresses(elf))
    escaped = [str(path).replace(",", ",,") for path in (plugin, counts)]
    return ("-plugin", f"file={escaped[0]},out={escaped[1]},begin={begin},end={end}")


def probe_addresses(elf: Path) -> tuple[int, int]:
    """Return the addresses of the first instruction of both probes (Thumb bit removed)."""
    with elf.open("rb") as file:
        table = ELFFile(file).get_section_by_name(".symtab")
        names = list(table.iter_symbols()) if isinstance(table, SymbolTableSection) else []
        address_of = {symbol.name: symbol["st_value"] & ~1 for symbol in names}
    try:
        return address_of[_BEGIN], address_of[_END]
    except KeyError as error:
        raise RunFailed(f"{elf}: has no symbol {error}; build the firmware again") from error


def _cache_folder() -> Path | None:
    """Return microlut's folder in the user's cache, or None if there is no place to write."""
    base = Path(os.environ.get("XDG_CACHE_HOME", ""))
    try:
        # the XDG specification: a relative path is to be ignored
        folder = (base if base.is_absolute() else Path.home() / ".cache") / "microlut"
        folder.mkdir(parents=True, exist_ok=True)
    except (OSError, RuntimeError):  # RuntimeError: no home
        return None
    return folder if os.access(folder, os.W_OK) else None


def _compile(compiler: Path, api: int, target: Path) -> None:
    """Compile the plugin under another name, then rename it, so that no one loads half a file."""
    with tempfile.TemporaryDirectory(dir=target.parent) as folder:
        made = Path(folder) / target.name
        options = ("-O2", "-std=c11", "-shared", "-fPIC", "-fvisibility=hidden")
        command = [str(compiler), *options, f"-DPLUGIN_API={api}", str(_SOURCE), "-o", str(made)]
        result = subprocess.run(command, check=False, capture_output=True, text=True)
        if result.returncode != 0:
            raise BuildFailed(f"{_SOURCE.name}: {(result.stderr.splitlines() or ['?'])[0]}")
        made.replace(target)


def _output_of(program: Path, option: str) -> str:
    result = subprocess.run([str(program), option], check=False, capture_output=True, text=True)
    return result.stdout
