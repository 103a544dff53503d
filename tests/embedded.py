# Copyright: (c) 2026, the mlops.mlflow_aws authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""An embedded AWS as the tests start and use it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import boto3

ROOT = Path(__file__).resolve().parent.parent
REGION = "eu-west-2"


def emulator(*argv: str) -> subprocess.CompletedProcess[str]:
    """Run ``python -m emulator`` with ``argv``, in the checkout."""
    return subprocess.run(
        [sys.executable, "-m", "emulator", *argv], cwd=ROOT, capture_output=True, text=True, check=False, timeout=200
    )


@dataclass(frozen=True)
class EmbeddedAws:
    """A running embedded AWS.

    :param state: its state folder.
    :param endpoint: the URL of its control plane.
    :param env: what an AWS client needs: AWS_ENDPOINT_URL, the administrator's keys, AWS_DEFAULT_REGION.
    """

    state: Path
    endpoint: str
    env: dict[str, str] = field(repr=False)

    @property
    def process_env(self) -> dict[str, str]:
        """``env`` over this process's environment without its own AWS settings: for subprocesses."""
        return {**{k: v for k, v in os.environ.items() if not k.startswith("AWS_")}, **self.env}

    def keys(self, account: str | None = None) -> dict[str, str]:
        """The administrator's environment in ``account`` (the first account when None)."""
        argv = ["env", "--state", str(self.state), "--region", REGION] + (["--account", account] if account else [])
        return dict(line.split("=", 1) for line in emulator(*argv).stdout.splitlines())

    def client(
        self, service: str, *, region: str = REGION, env: Mapping[str, str] | None = None, **options: Any
    ) -> Any:
        """A boto3 client for ``service``, as the administrator or with the credentials of ``env``."""
        who = self.env if env is None else env
        return boto3.session.Session().client(
            service,
            region_name=region,
            endpoint_url=self.endpoint,
            aws_access_key_id=who["AWS_ACCESS_KEY_ID"],
            aws_secret_access_key=who["AWS_SECRET_ACCESS_KEY"],
            aws_session_token=who.get("AWS_SESSION_TOKEN"),
            **options,
        )

    def parts(self) -> list[dict[str, Any]]:
        """What ``status --json`` lists as running parts."""
        parts: list[dict[str, Any]] = json.loads(emulator("status", "--json", "--state", str(self.state)).stdout)[
            "parts"
        ]
        return parts


def start(state: Path, latency: float, port: int, accounts: Sequence[str], consistency: float = 0.0) -> EmbeddedAws:
    argv = ["start", "--state", str(state), "--latency", str(latency), "--port", str(port)]
    argv += ["--consistency", str(consistency)]
    for account in accounts:
        argv += ["--account", account]
    done = emulator(*argv)
    assert done.returncode == 0, done.stderr
    shown = emulator("env", "--state", str(state), "--region", REGION)
    env = dict(line.split("=", 1) for line in shown.stdout.splitlines())
    return EmbeddedAws(state, env["AWS_ENDPOINT_URL"], env)
