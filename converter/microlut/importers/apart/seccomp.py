"""Refuse the system calls that write, run or reach something, by a filter of Linux (seccomp).

A call that is refused fails with EPERM. What is known to be harmful is refused and not only what is
known to be needed allowed, so that another version of a library still reads sound files.
"""

from __future__ import annotations

import contextlib
import ctypes
import platform
import struct
import sys

_NO_NEW_PRIVILEGES, _SET_SECCOMP, _FILTER = 38, 22, 2  # of prctl
_ALLOW, _KILL = 0x7FFF_0000, 0x8000_0000
_REFUSE, _IS_MISSING = 0x0005_0001, 0x0005_0026  # with EPERM and ENOSYS
_LOAD, _JUMP_EQUAL, _JUMP_NOT_LESS, _JUMP_ANY_BIT, _RETURN = 0x20, 0x15, 0x35, 0x45, 0x06
_NUMBER, _ARCHITECTURE = 0, 4  # offsets in what a filter reads
_ARGUMENTS, _ARGUMENT_BYTES = 16, 8
_X32 = 0x4000_0000  # system calls of another interface to the same processor
# O_WRONLY, O_RDWR, O_CREAT, O_TRUNC and O_APPEND
_WRITING = 0o1 | 0o2 | 0o100 | 0o1000 | 0o2000

# Names, numbers on x86-64, and numbers on AArch64.
_REFUSED = """
socket:41:198 socketpair:53:199 connect:42:203 bind:49:200 listen:50:201 accept:43:202
accept4:288:242 sendto:44:206 sendmsg:46:211 sendmmsg:307:269 clone:56:220 clone3:435:435
fork:57:- vfork:58:- execve:59:221 execveat:322:281 kill:62:129 tkill:200:130 tgkill:234:131
ptrace:101:117 process_vm_readv:310:270 process_vm_writev:311:271 pidfd_open:434:434
pidfd_send_signal:424:424 pidfd_getfd:438:438 unlink:87:- unlinkat:263:35 rename:82:-
renameat:264:38 link:86:- renameat2:316:276 linkat:265:37 symlink:88:- symlinkat:266:36
mkdir:83:- mkdirat:258:34 rmdir:84:- chmod:90:- fchmod:91:52 fchmodat:268:53 fchmodat2:452:452
chown:92:- fchown:93:55 lchown:94:- fchownat:260:54 truncate:76:45 creat:85:- mknod:133:-
mknodat:259:33 utime:132:- utimes:235:- futimesat:261:- utimensat:280:88
setxattr:188:5 lsetxattr:189:6 fsetxattr:190:7 removexattr:197:14 lremovexattr:198:15
fremovexattr:199:16 mount:165:40 umount2:166:39 chroot:161:51 unshare:272:97 setns:308:268
bpf:321:280 perf_event_open:298:241 userfaultfd:323:282 io_uring_setup:425:425
io_uring_enter:426:426 io_uring_register:427:427 add_key:248:217 request_key:249:218
keyctl:250:219 mq_open:240:180 msgget:68:186 semget:64:190 shmget:29:194 prlimit64:302:261
setrlimit:160:164
"""
# A call that opens files and says how in memory, where no filter sees it; the same on both.
_OPENAT2 = 437
# Calls that open files (open and openat), with the number of the argument that says how.
_OPENING = (((2, None), 1), ((257, 56), 2))
_PROCESSORS = {"x86_64": (0xC000_003E, 0), "aarch64": (0xC000_00B7, 1)}


def refuse_calls() -> bool:
    """Refuse these calls from now on; return whether this system can."""
    known = _PROCESSORS.get(platform.machine())
    if known is None or not sys.platform.startswith("linux") or sys.maxsize < 1 << 32:
        return False
    program = _program(*known)
    code = ctypes.create_string_buffer(program)
    told = struct.pack("H6xP", len(program) // 8, ctypes.addressof(code))
    library = ctypes.CDLL(None, use_errno=True)
    with contextlib.suppress(AttributeError):
        alone = library.prctl(_NO_NEW_PRIVILEGES, 1, 0, 0, 0) == 0
        return bool(alone and library.prctl(_SET_SECCOMP, _FILTER, told, 0, 0) == 0)
    return False


def _program(architecture: int, column: int) -> bytes:
    """Return the filter, an instruction of 8 bytes after the other."""
    code = [
        _step(_LOAD, _ARCHITECTURE),
        _step(_JUMP_EQUAL, architecture, 1, 0),
        _step(_RETURN, _KILL),
        _step(_LOAD, _NUMBER),
        _step(_JUMP_NOT_LESS, _X32, 0, 1),
        _step(_RETURN, _REFUSE),
    ]
    code += [_step(_JUMP_EQUAL, _OPENAT2, 0, 1), _step(_RETURN, _IS_MISSING)]
    for call in _REFUSED.split():
        told = call.split(":")[1 + column]
        if told != "-":
            code += [_step(_JUMP_EQUAL, int(told), 0, 1), _step(_RETURN, _REFUSE)]
    for numbers, place in _OPENING:
        number = numbers[column]
        if number is not None:
            flags = _ARGUMENTS + _ARGUMENT_BYTES * place
            code += [
                _step(_JUMP_EQUAL, number, 0, 4),
                _step(_LOAD, flags),
                _step(_JUMP_ANY_BIT, _WRITING, 0, 1),
                _step(_RETURN, _REFUSE),
                _step(_RETURN, _ALLOW),
            ]
    return b"".join([*code, _step(_RETURN, _ALLOW)])


def _step(code: int, value: int, if_true: int = 0, if_false: int = 0) -> bytes:
    return struct.pack("HBBI", code, if_true, if_false, value)
