# Copyright: (c) 2026, the mlops.mlflow_aws authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The daemon: moto's control plane and the data planes in one process.

Started by ``python -m emulator start``; see :mod:`emulator.cli`. It holds its state folder, starts
empty, and ends everything that its planes started when it is told to stop (SIGTERM, SIGINT).
"""

from __future__ import annotations

import argparse
import logging
import os
import signal
import sys
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import FrameType

from emulator.addresses import LOOPBACK, AddressBook
from emulator.clock import Clock
from emulator.consistency import Consistency
from emulator.kernel import start_time
from emulator.plane import Context, Plane
from emulator.processes import ProcessTable, end_parts
from emulator.state import Daemon, StateError, StateFolder, write_private

log = logging.getLogger("emulator")

#: How often the daemon looks whether its state folder is still there.
WATCH_SECONDS = 2.0
#: moto reads these once, at import.
SETTINGS = {
    "MOTO_IAM_LOAD_MANAGED_POLICIES": "true",
    "MOTO_EC2_LOAD_DEFAULT_AMIS": "false",
    # moto would let every web page read its answers.
    "MOTO_DISABLE_GLOBAL_CORS": "true",
}


def without_client_settings(environment: Mapping[str, str]) -> dict[str, str]:
    """``environment`` without the AWS, boto and moto settings of whoever starts the daemon.

    A daemon that inherited AWS_ENDPOINT_URL or AWS_PROFILE would hand them to every task, and it has no
    business with its caller's keys.
    """
    return {k: v for k, v in environment.items() if not k.startswith(("AWS_", "MOTO_", "BOTO_"))}


def clean_environment(state: StateFolder) -> None:
    """Take the caller's settings away, and set ours."""
    for name in os.environ.keys() - without_client_settings(os.environ).keys():
        del os.environ[name]
    os.environ.update(SETTINGS, TMPDIR=str(state.temporary))


def plane_classes() -> list[type[Plane]]:
    """The data planes, in the order in which they start."""
    # Imported late: moto reads its settings from the environment at import.
    from emulator.ecs import EcsPlane
    from emulator.elb import ElbPlane
    from emulator.network import NetworkPlane
    from emulator.rds import RdsPlane

    return [NetworkPlane, RdsPlane, ElbPlane, EcsPlane]


def serve(
    state: StateFolder,
    latency: float,
    port: int,
    accounts: Sequence[str],
    turn: int | None = None,
    consistency: float = 0.0,
) -> None:
    """Run the embedded AWS until SIGTERM or SIGINT.

    :param port: the loopback port, 0 for any.
    :param accounts: the account numbers; the first is the one that the planes work for.
    :param turn: the descriptor of :meth:`StateFolder.changing`, given back when it answers.
    :param consistency: seconds until reads see what was created.
    :raises StateError: when another daemon holds the state folder.
    :raises OSError: when the port is taken.
    """
    done = threading.Event()

    def finish(number: int, frame: FrameType | None) -> None:
        done.set()

    signal.signal(signal.SIGTERM, finish)
    signal.signal(signal.SIGINT, finish)
    held = state.hold()
    try:
        _run(state, latency, port, accounts, turn, held, done, Consistency(consistency))
    finally:
        # Also when it did not start: nobody may find credentials of what does not run.
        state.forget()
        os.close(held)


def _run(
    state: StateFolder,
    latency: float,
    port: int,
    accounts: Sequence[str],
    turn: int | None,
    held: int,
    done: threading.Event,
    consistency: Consistency,
) -> None:
    """Run it, in the folder that ``held`` holds, until ``done``."""
    clean_environment(state)
    classes = plane_classes()
    state.empty([each.name for each in classes])

    # Imported late: moto reads its settings from the environment at import.
    from emulator import identity, patches
    from emulator.controlplane import ControlPlane
    from emulator.iam.journal import Journal

    control = ControlPlane(LOOPBACK, port, Journal(state.journal), consistency)
    patches.install()
    context = Context(
        state=state.root,
        account=accounts[0],
        endpoint=control.endpoint,
        clock=Clock(latency),
        processes=ProcessTable(state.processes),
        addresses=AddressBook(),
        consistency=consistency,
    )
    for account in accounts:
        keys = identity.create_administrator(account)
        text = f"AWS_ENDPOINT_URL={control.endpoint}\n" + "".join(f"{k}={v}\n" for k, v in keys.items())
        write_private(state.environment(None if account == accounts[0] else account), text)
    planes: list[Plane] = []
    try:
        for each in classes:
            planes.append(each(context))
        for plane in planes:
            plane.install()
        control.start()
        for plane in planes:
            plane.start()
        pid = os.getpid()
        state.announce(
            Daemon(
                pid=pid,
                started=start_time(pid) or "",
                host=LOOPBACK,
                port=control.port,
                latency=latency,
                consistency=consistency.scale,
                accounts=tuple(accounts),
                log=str(state.log),
                ports=(f"{LOOPBACK}:{control.port}", *(port for plane in planes for port in plane.serves)),
            )
        )
        if turn is not None:
            os.close(turn)
        log.info("answers at %s", control.endpoint)
        while not done.wait(WATCH_SECONDS):
            if not state.is_held(held):
                # No later stop could find this daemon: it must not outlive its folder.
                log.error("the state folder is gone")
                break
        log.info("stops")
    finally:
        for plane in reversed(planes):
            try:
                plane.stop()
            except Exception:
                log.exception("plane %s did not stop cleanly", plane.name)
        left = context.processes.parts()
        for part in left:
            log.warning("%s was left by its plane", part.name)
        end_parts(left)
        control.stop()


def main(argv: Sequence[str] | None = None) -> int:
    """Entry point of the daemon process."""
    parser = argparse.ArgumentParser(prog="emulator.daemon")
    parser.add_argument("--state", type=Path, required=True)
    parser.add_argument("--latency", type=float, required=True)
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--account", action="append", required=True)
    parser.add_argument("--turn", type=int)
    parser.add_argument("--consistency", type=float, default=0.0)
    options = parser.parse_args(argv)
    os.umask(0o077)
    logging.basicConfig(
        level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s: %(message)s", stream=sys.stderr, force=True
    )
    logging.captureWarnings(True)
    threading.excepthook = _log_thread_failure
    try:
        serve(
            StateFolder(options.state),
            options.latency,
            options.port,
            options.account,
            options.turn,
            options.consistency,
        )
    except (StateError, OSError) as error:
        log.error("%s", error)
        return 1
    except Exception:
        log.exception("the embedded AWS failed")
        return 1
    return 0


def _log_thread_failure(failure: threading.ExceptHookArgs) -> None:
    if failure.exc_type is SystemExit:
        return
    name = failure.thread.name if failure.thread else "?"
    trace = failure.exc_traceback
    error = failure.exc_value or failure.exc_type()
    log.error("thread %s failed", name, exc_info=(failure.exc_type, error, trace))


if __name__ == "__main__":
    status = main()
    logging.shutdown()
    sys.stdout.flush()
    sys.stderr.flush()
    # Everything is stopped. To take moto apart object by object would keep whoever stops it waiting for a second.
    os._exit(status)
