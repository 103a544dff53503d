# Copyright: (c) 2026, the mlops.mlflow_aws authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Clients of many services in one module."""

from __future__ import annotations

import functools
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

try:  # noqa: SIM105 - the form of import that ansible-test knows
    import boto3.session
except ImportError:
    pass  # AnsibleAWSModule says so


@contextmanager
def one_session() -> Iterator[None]:
    """Let every ``module.client`` within share one boto3 session.

    ``boto3_conn`` of amazon.aws makes a session for each client, and each session reads and parses botocore's data
    anew: a second of processor time for the twelve services of a discovery, instead of a third of one. Sessions of
    several profiles stay apart. Not for several threads: Ansible's modules have one.
    """
    module: Any = boto3.session
    made = module.Session
    module.Session = functools.cache(made)
    try:
        yield
    finally:
        module.Session = made
