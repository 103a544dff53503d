# Copyright: (c) 2026, the mlops.mlflow_aws authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Runs a command as nobody when we are root, because PostgreSQL refuses to run as root.

Both the programs (in a checkout) and the data (in the state folder, mode 0700) may lie below
folders that only root may enter. So the command keeps the two capabilities that overlook file
permissions, as ambient capabilities (capabilities(7)), and no other right of root. It keeps the
securebit NO_SETUID_FIXUP, too: without it access(2) ignores the capabilities of every process whose
real user is not root (``access_override_creds`` in Linux's ``fs/open.c``), and initdb asks access(2)
whether it may run ``postgres``.

This file is a program too: ``python unprivileged.py COMMAND [ARGUMENT ...]`` replaces itself with
the command, so that the pid stays the one that was started. It uses nothing but the standard
library, and ctypes rather than ``setpriv``, which is not on every system.
"""

from __future__ import annotations

import ctypes
import os
import sys
from collections.abc import Sequence
from pathlib import Path

#: The user and group "nobody" of Linux and of every container image.
UID = GID = 65534

CAP_DAC_OVERRIDE = 1
CAP_DAC_READ_SEARCH = 2
_CAPABILITY_VERSION_3 = 0x20080522
CAP_SETPCAP = 8
_PR_SET_KEEPCAPS = 8
_PR_GET_SECUREBITS = 27
_PR_SET_SECUREBITS = 28
_SECBIT_NO_SETUID_FIXUP = 1 << 2
_PR_CAP_AMBIENT = 47
_PR_CAP_AMBIENT_RAISE = 2


def needed() -> bool:
    """Whether this process is root, so that commands must run as somebody else."""
    return os.geteuid() == 0


def command(argv: Sequence[str]) -> list[str]:
    """``argv`` as it has to be started: unchanged for an ordinary user, else through this file."""
    if not needed():
        return list(argv)
    return [sys.executable, "-I", "-S", str(Path(__file__).resolve()), *argv]


def give(path: Path) -> None:
    """Make ``path``, and all below it, the property of the user that :func:`command` runs as."""
    if not needed():
        return
    os.chown(path, UID, GID)
    for folder, folders, files in os.walk(path):
        for name in (*folders, *files):
            os.chown(os.path.join(folder, name), UID, GID, follow_symlinks=False)


class _Header(ctypes.Structure):
    _fields_ = [("version", ctypes.c_uint32), ("pid", ctypes.c_int)]


class _Sets(ctypes.Structure):
    _fields_ = [("effective", ctypes.c_uint32), ("permitted", ctypes.c_uint32), ("inheritable", ctypes.c_uint32)]


def _checked(answer: int, what: str) -> None:
    if answer != 0:
        number = ctypes.get_errno()
        raise OSError(number, f"{what}: {os.strerror(number)}")


def become_nobody() -> None:
    """Turn this process into nobody; on Linux it keeps the two file capabilities that it has.

    :raises OSError: when the kernel refuses, as in a user namespace without that user.
    """
    linux = sys.platform == "linux"
    libc = ctypes.CDLL(None, use_errno=True)
    header = _Header(_CAPABILITY_VERSION_3, 0)
    sets = (_Sets * 2)()
    if linux:
        _checked(libc.capget(ctypes.byref(header), sets), "capget")
        # Containers often lack CAP_DAC_READ_SEARCH: keep what there is, CAP_DAC_OVERRIDE suffices.
        keep = sets[0].permitted & (1 << CAP_DAC_OVERRIDE | 1 << CAP_DAC_READ_SEARCH)
        if sets[0].effective & 1 << CAP_SETPCAP:
            bits = libc.prctl(_PR_GET_SECUREBITS, 0, 0, 0, 0) | _SECBIT_NO_SETUID_FIXUP
            _checked(libc.prctl(_PR_SET_SECUREBITS, bits, 0, 0, 0), "prctl(PR_SET_SECUREBITS)")
        # A container may lack CAP_SETPCAP: then PostgreSQL works where nobody may enter its folders.
        _checked(libc.prctl(_PR_SET_KEEPCAPS, 1, 0, 0, 0), "prctl(PR_SET_KEEPCAPS)")
    os.setgroups([])
    os.setgid(GID)
    os.setuid(UID)
    if linux:
        sets[0] = _Sets(keep, keep, keep)
        sets[1] = _Sets(0, 0, 0)
        _checked(libc.capset(ctypes.byref(header), sets), "capset")
        for capability in (CAP_DAC_OVERRIDE, CAP_DAC_READ_SEARCH):
            if keep & 1 << capability:
                _checked(libc.prctl(_PR_CAP_AMBIENT, _PR_CAP_AMBIENT_RAISE, capability, 0, 0), "prctl(PR_CAP_AMBIENT)")


def main(argv: Sequence[str]) -> None:
    """Become nobody, then the command."""
    become_nobody()
    os.umask(0o077)
    os.execv(argv[0], list(argv))


if __name__ == "__main__":
    main(sys.argv[1:])
