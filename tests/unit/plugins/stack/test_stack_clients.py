# Copyright: (c) 2026, the mlops.mlflow_aws authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Clients of many services read the data of botocore once."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

import boto3.session
import pytest
from ansible_collections.amazon.aws.plugins.module_utils.botocore import boto3_inventory_conn
from ansible_collections.mlops.mlflow_aws.plugins.module_utils._stack.clients import one_session

from tests.unit.plugins.run_module import COLLECTIONS, run_module

#: Notes each file of data that botocore reads, in a process of its own.
NOTES = """
import os
from botocore.loaders import JSONFileLoader
read = JSONFileLoader.load_file
def load_file(self, path):
    found = read(self, path)
    if found is not None:
        with open(os.environ["NOTES"], "a") as notes:
            print(path, file=notes)
    return found
JSONFileLoader.load_file = load_file
"""


def test_every_client_is_of_one_session_per_profile(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    made: list[Any] = []

    real = boto3.session.Session

    def counted(**options: Any) -> Any:
        made.append(options.get("profile_name"))
        return real(**options)

    profiles = tmp_path / "config"
    profiles.write_text("[profile other]\nregion = eu-west-2\n", encoding="utf-8")
    monkeypatch.setenv("AWS_CONFIG_FILE", str(profiles))
    monkeypatch.setattr(boto3.session, "Session", counted)
    keys = {"region": "eu-west-2", "aws_access_key_id": "x", "aws_secret_access_key": "y"}
    with one_session():
        clients = [boto3_inventory_conn("client", service, **keys) for service in ("sts", "ec2", "sts")]
        boto3_inventory_conn("client", "sts", region="eu-west-2", profile_name="other")
    assert made == [None, "other"]
    assert [each.meta.service_model.service_name for each in clients] == ["sts", "ec2", "sts"]
    assert clients[0] is not clients[2]
    assert boto3.session.Session is counted
    boto3_inventory_conn("client", "sts", **keys)
    assert made == [None, "other", None]


def test_a_failure_within_leaves_sessions_as_they_were() -> None:
    before = boto3.session.Session
    with pytest.raises(ValueError, match="within"), one_session():
        raise ValueError("within")
    assert boto3.session.Session is before


def test_a_discovery_reads_no_data_twice(aws: Any, tmp_path: Path) -> None:
    (tmp_path / "sitecustomize.py").write_text(NOTES, encoding="utf-8")
    notes = tmp_path / "notes"
    env = {**aws.env, "PYTHONPATH": f"{tmp_path}:{COLLECTIONS}", "NOTES": str(notes)}
    answer = run_module("stack_info", {"name": "once", "region": "eu-west-2"}, env=env)
    assert not answer.get("failed"), answer
    read = notes.read_text(encoding="utf-8").splitlines()
    assert any(line.endswith("/endpoints") for line in read)
    # Two threads may both find a file that nobody has read yet. A session for each client would read it a dozen times.
    assert max(Counter(read).values()) <= 2
