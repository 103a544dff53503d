# Copyright: (c) 2026, the mlops.mlflow_aws authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The lookup that makes passwords."""

from __future__ import annotations

import configparser
import json
import os
import re
import shlex
import string
import subprocess
import sys
from pathlib import Path
from urllib.parse import quote

import pytest
from ansible_collections.mlops.mlflow_aws.plugins.module_utils._mlflow.passwords import refuse_weak
from ansible_collections.mlops.mlflow_aws.plugins.module_utils._stack.passwords import strong_password

from tests.unit.plugins.run_module import COLLECTIONS, ROOT


def look_up(*calls: str) -> subprocess.CompletedProcess[str]:
    """What ansible-core answers to a list of calls of the lookup."""
    terms = ", ".join(f"lookup('mlops.mlflow_aws.strong_password'{call})" for call in calls)
    ansible = str(Path(sys.executable).with_name("ansible"))
    env = {**os.environ, "ANSIBLE_COLLECTIONS_PATH": str(COLLECTIONS), "ANSIBLE_NOCOLOR": "1"}
    env["ANSIBLE_STDOUT_CALLBACK"] = "ansible.builtin.oneline"
    return subprocess.run(
        [ansible, "localhost", "-m", "ansible.builtin.debug", "-a", json.dumps({"msg": f"{{{{ [{terms}] }}}}"})],
        env=env,
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )


def test_every_part_of_the_chain_takes_it_as_it_is() -> None:
    seen = {strong_password(12) for _time in range(500)} | {strong_password(128)}
    assert len(seen) == 501
    for password in seen:
        for kind in (string.ascii_lowercase, string.ascii_uppercase, string.digits):
            assert set(password) & set(kind)
        assert quote(password, safe="") == shlex.quote(password) == password
        ini = configparser.ConfigParser()
        ini.read_string(f"[mlflow]\nadmin_password = {password}\n")
        assert ini["mlflow"]["admin_password"] == password
        refuse_weak(password)


def test_a_new_one_each_time_in_the_length_that_was_asked_for() -> None:
    done = look_up("", "", ", length=12", ", length=128")
    assert done.returncode == 0, done.stdout + done.stderr
    found = re.findall(r"\b[A-Za-z0-9]{12,}\b", done.stdout)
    assert [len(password) for password in found] == [40, 40, 12, 128]
    assert len(set(found)) == 4


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (", length=11", "length is 11; give 12 to 128"),
        (", length=129", "length is 129; give 12 to 128"),
        (", '/dev/null'", "takes no terms"),
    ],
)
def test_refused(call: str, message: str) -> None:
    done = look_up(call)
    assert done.returncode != 0
    assert message in done.stdout + done.stderr
