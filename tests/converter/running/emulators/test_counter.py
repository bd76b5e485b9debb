"""The instruction counter's plugin: its API, its cache, and machines without it."""

from __future__ import annotations

import stat

import pytest

from microlut.machine import tools
from microlut.machine.tools import HOST_CC, QEMU, find_tool
from microlut.running.emulators import counter
from microlut.running.emulators.counter import counter_plugin, plugin_api


@pytest.fixture
def qemu(tmp_path):
    """A stand-in for QEMU that knows plugins."""
    if find_tool(HOST_CC) is None:
        pytest.skip(f"plugin not compiled: cc is missing ({HOST_CC.apt_command})")
    path = tmp_path / "qemu-system-arm"
    path.write_text("#!/bin/sh\necho 'QEMU emulator version 7.2.0'\necho '-plugin [file=]<file>'\n")
    path.chmod(0o755)
    return path


@pytest.mark.parametrize(
    ("version", "api"),
    [
        ("QEMU emulator version 5.2.0", None),
        ("QEMU emulator version 7.2.22 (Debian 1:7.2+dfsg-7+deb12u18+b3)", 1),
        ("QEMU emulator version 8.2.2 (Debian 1:8.2.2+ds-0ubuntu1)", 1),
        ("QEMU emulator version 9.0.0", 2),
        ("QEMU emulator version 9.1.1", 3),
        ("QEMU emulator version 10.0.3 (Debian 1:10.0.3+ds-0+deb13u1)", 4),
        ("something else", None),
    ],
)
def test_plugin_api_follows_the_version(version, api):
    assert plugin_api(version) == api


def test_counter_plugin_is_kept_in_the_cache(qemu, tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    plugin = counter_plugin(qemu, tmp_path / "unused")
    assert plugin.parent == tmp_path / "cache" / "microlut"
    assert list(plugin.parent.iterdir()) == [plugin]


def test_counter_plugin_is_compiled_once(qemu, tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    first = counter_plugin(qemu, tmp_path).stat().st_mtime_ns
    assert counter_plugin(qemu, tmp_path).stat().st_mtime_ns == first


@pytest.mark.parametrize("fault", ["content", "a link", "writable", "owner"])
def test_plugin_that_is_not_as_it_was_compiled_is_compiled_again(
    fault, qemu, tmp_path, monkeypatch
):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    plugin = counter_plugin(qemu, tmp_path)
    sound = plugin.read_bytes()
    if fault == "content":
        plugin.write_bytes(sound[:-1])
    elif fault == "a link":
        plugin.rename(tmp_path / "elsewhere.so")
        plugin.symlink_to(tmp_path / "elsewhere.so")
    elif fault == "writable":
        plugin.chmod(0o777)
    else:  # of the file alone
        monkeypatch.setattr(counter, "_is_own", lambda path: path.is_dir())
    before = plugin.lstat()
    again = counter_plugin(qemu, tmp_path)
    assert (again, again.read_bytes()) == (plugin, sound)
    after = again.lstat()
    assert (after.st_ino, after.st_mtime_ns) != (before.st_ino, before.st_mtime_ns)
    assert stat.S_ISREG(after.st_mode)
    assert after.st_mode & 0o777 == 0o700


def test_counter_plugin_is_not_kept_in_a_folder_of_another_user(qemu, tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setattr(counter, "_is_own", lambda _: False)
    (tmp_path / "scratch").mkdir()
    assert counter_plugin(qemu, tmp_path / "scratch").parent == tmp_path / "scratch"


def test_folder_of_the_plugin_is_closed_to_others(qemu, tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    (tmp_path / "cache" / "microlut").mkdir(parents=True)
    (tmp_path / "cache" / "microlut").chmod(0o777)
    assert counter_plugin(qemu, tmp_path).parent.stat().st_mode & 0o777 == 0o755


def test_counter_plugin_does_without_a_cache(qemu, tmp_path, monkeypatch):
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))
    assert counter_plugin(qemu, tmp_path).parent == tmp_path


def test_counter_plugin_needs_a_compiler(qemu, tmp_path, monkeypatch):
    monkeypatch.setattr(tools, "_search_path", lambda: str(tmp_path))
    assert counter_plugin(qemu, tmp_path) is None


def test_counter_plugin_needs_a_qemu_with_plugins(qemu, tmp_path):
    qemu.write_text("#!/bin/sh\necho 'QEMU emulator version 7.2.0'\n")
    assert counter_plugin(qemu, tmp_path) is None


def wanting(qemu, api):
    """Make the stand-in one of a release that refuses plugins for an older API."""
    says = f"plugin requires API version 4, but this QEMU supports only a minimum version of {api}"
    qemu.write_text(
        "#!/bin/sh\necho 'QEMU emulator version 11.1.3'\necho '-plugin [file=]<file>'\n"
        f"case \"$*\" in *file=*) echo 'Could not load plugin x: {says}' >&2; exit 1;; esac\n"
    )


def test_counter_plugin_has_the_api_that_a_newer_qemu_wants(qemu, tmp_path, monkeypatch):
    wanting(qemu, 7)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    compiled = []
    original = counter._compile_for
    monkeypatch.setattr(
        counter,
        "_compile_for",
        lambda cc, api, made: compiled.append(api) or original(cc, api, made),
    )
    assert counter_plugin(qemu, tmp_path) is not None
    assert counter_plugin(qemu, tmp_path) is not None  # of the cache
    assert compiled == [4, 7]


def test_nothing_is_counted_by_a_qemu_with_an_unknown_api(qemu, tmp_path, monkeypatch):
    wanting(qemu, 8)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    assert counter_plugin(qemu, tmp_path) is None
    assert list((tmp_path / "cache" / "microlut").iterdir()) == []


@pytest.mark.qemu
def test_counter_plugin_is_made_for_the_installed_qemu(tmp_path):
    qemu = find_tool(QEMU)
    if qemu is None or find_tool(HOST_CC) is None:
        pytest.skip(f"needs QEMU and cc: {QEMU.apt_command}; {HOST_CC.apt_command}")
    assert counter_plugin(qemu, tmp_path) is not None
