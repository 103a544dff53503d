# Copyright: (c) 2026, the mlops.mlflow_aws authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Process 1 of the task: starts the server, passes SIGTERM on to all of it, buries what it leaves.

The kernel ignores signals for a process 1 that has no handler, MLflow 2 has none, and MLflow 3
has one only after half a minute of imports. Without this, every stop of a task would end in SIGKILL.
Little of the standard library is used: this process lives as long as the server.
"""

from __future__ import annotations

import ctypes
import os
import signal
import sys
from types import FrameType

#: prctl(2): orphaned descendants become children of this process, also when it is not process 1.
PR_SET_CHILD_SUBREAPER = 36


def main(arguments: list[str]) -> int:
    """Run ``arguments[1:]``; after SIGTERM it has ``arguments[0]`` seconds before SIGKILL.

    The exit code is the server's, or 128 and the number of the signal that ended it. When the
    server ends by itself, whatever it leaves is ended too.
    """
    patience = float(arguments[0])
    if os.getpgrp() != os.getpid():
        os.setpgid(0, 0)
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    stopping = False

    def stop(_number: int | None = None, _frame: FrameType | None = None) -> None:
        nonlocal stopping
        if not stopping:  # the signal comes back to this process, which is in the group too
            stopping = True
            signal.setitimer(signal.ITIMER_REAL, patience)
            os.killpg(0, signal.SIGTERM)

    def kill(_number: int, _frame: FrameType | None) -> None:
        print(
            f"mlflow-aws serve: still running {patience:g} seconds after SIGTERM, killed", file=sys.stderr, flush=True
        )
        os.killpg(0, signal.SIGKILL)

    signal.signal(signal.SIGALRM, kill)
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, stop)
    server = os.posix_spawn(arguments[1], arguments[1:], os.environ)
    code = 1
    while True:
        try:
            pid, status = os.wait()
        except ChildProcessError:
            return code if code >= 0 else 128 - code
        if pid == server:
            code = os.waitstatus_to_exitcode(status)
            stop()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
