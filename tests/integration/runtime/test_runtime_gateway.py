# Copyright: (c) 2026, the mlops.mlflow_aws authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Keys of MLflow's AI gateway and secrets of webhooks are encrypted under the stack's own passphrase, everywhere."""

from __future__ import annotations

import json
import secrets
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.integration.runtime.people import person
from tests.integration.runtime.runtime_parts import Runtime, Server, Task, serving

PUBLISHED = "mlflow-default-kek-passphrase-for-development-only"

#: Run by the task's own Python: what MLflow does to a key, and what it takes to read it.
ENCRYPT = """
import json, sys
from mlflow.utils.crypto import KEKManager, _encrypt_secret
passphrase, version, name, value = json.load(sys.stdin)
made = _encrypt_secret(secret_value=json.dumps(value), kek_manager=KEKManager(passphrase, version), secret_id=name,
                       secret_name=name)
print(json.dumps([made.encrypted_value.hex(), made.wrapped_dek.hex(), made.kek_version]))
"""
DECRYPT = """
import json, sys
from mlflow.utils.crypto import KEKManager, _decrypt_secret
passphrase, version, name, value, wrapped = json.load(sys.stdin)
print(json.dumps(_decrypt_secret(encrypted_value=bytes.fromhex(value), wrapped_dek=bytes.fromhex(wrapped),
                                 kek_manager=KEKManager(passphrase, version), secret_id=name[0], secret_name=name[1])))
"""


@pytest.fixture(scope="module")
def task(runtime_of: Callable[[str], Runtime], new_task: Callable[..., Task]) -> Task:
    """A task of MLflow 3 whose migration has run."""
    made = new_task(runtime_of("3.17.2"))
    assert made.run("migrate").returncode == 0
    return made


@pytest.fixture(scope="module")
def server(task: Task, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with serving(task, tmp_path_factory.mktemp("gateway") / "log") as running:
        yield running


def by_mlflow(task: Task, code: str, *given: Any) -> Any:
    """What ``code`` prints, or none where it fails."""
    python = str(task.runtime.home / "venv" / "bin" / "python")
    done = subprocess.run(
        [python, "-c", code], input=json.dumps(given), capture_output=True, text=True, check=False, timeout=60
    )
    return json.loads(done.stdout.splitlines()[-1]) if done.returncode == 0 else None


def stored(task: Task, name: str) -> tuple[tuple[str, str], str, str, int]:
    """Id and name, value, wrapped key, and version of a row."""
    ((number, value, wrapped, version),) = task.postgres.query(
        "SELECT secret_id, encrypted_value, wrapped_dek, kek_version FROM secrets WHERE secret_name = %s",
        (name,),
        task.env["MLFLOW_AWS_DB_TRACKING"],
    )
    return (number, name), bytes(value).hex(), bytes(wrapped).hex(), version


def test_a_new_key_is_under_the_stacks_passphrase(server: Server, task: Task) -> None:
    name, value = f"key-{secrets.token_hex(4)}", {"api_key": secrets.token_hex(16)}
    body = {"secret_name": name, "secret_value": value, "provider": "openai"}
    answer = server.call("POST", "/api/3.0/mlflow/gateway/secrets/create", body)
    assert answer.status == 200, answer.body
    number, encrypted, wrapped, version = stored(task, name)
    ours = task.secrets["MLFLOW_CRYPTO_KEK_PASSPHRASE"]
    assert by_mlflow(task, DECRYPT, ours, version, number, encrypted, wrapped) == value
    assert by_mlflow(task, DECRYPT, PUBLISHED, version, number, encrypted, wrapped) is None
    assert by_mlflow(task, DECRYPT, PUBLISHED, 1, number, encrypted, wrapped) is None


def test_the_migration_takes_over_what_was_under_the_published_passphrase(task: Task) -> None:
    rows: dict[str, Any] = {}
    for passphrase in (PUBLISHED, PUBLISHED, "one that somebody else has set"):
        name, value = f"key-{secrets.token_hex(4)}", {"api_key": secrets.token_hex(16)}
        encrypted, wrapped, version = by_mlflow(task, ENCRYPT, passphrase, 1, name, value)
        task.postgres.query(
            "INSERT INTO secrets (secret_id, secret_name, encrypted_value, wrapped_dek, kek_version, masked_value, "
            "created_at, last_updated_at) VALUES (%s, %s, decode(%s, 'hex'), decode(%s, 'hex'), %s, '{}', 1, 1)",
            (name, name, encrypted, wrapped, version),
            task.env["MLFLOW_AWS_DB_TRACKING"],
        )
        rows[name] = (passphrase, value)
    done = task.run("migrate")
    assert done.returncode == 0, done.stderr
    assert "keys of the AI gateway: 2 of 3 re-encrypted" in done.stdout
    assert not any(hidden in done.stdout + done.stderr for hidden in task.secrets.values())
    for name, (passphrase, value) in rows.items():
        number, encrypted, wrapped, version = stored(task, name)
        theirs = passphrase != PUBLISHED
        assert version == (1 if theirs else 2)
        key = passphrase if theirs else task.secrets["MLFLOW_CRYPTO_KEK_PASSPHRASE"]
        assert by_mlflow(task, DECRYPT, key, version, number, encrypted, wrapped) == value
    again = task.run("migrate")
    assert "keys of the AI gateway: 0 of 1" in again.stdout


def test_the_page_does_not_warn_of_a_default_passphrase(server: Server) -> None:
    answer = server.call("GET", "/ajax-api/3.0/mlflow/gateway/secrets/config")
    assert answer.json["using_default_passphrase"] is False


def test_only_admins_say_to_which_address_a_key_is_sent(server: Server) -> None:
    """Who may edit a key replaces it; with the address he could have it sent to himself."""
    editor, name = person(server), f"key-{secrets.token_hex(4)}"
    body = {"secret_name": name, "secret_value": {"api_key": secrets.token_hex(16)}, "provider": "openai"}
    made = server.call("POST", "/api/3.0/mlflow/gateway/secrets/create", body).json["secret"]["secret_id"]
    grant = {"username": editor.name, "resource_type": "gateway_secret", "resource_id": made, "permission": "EDIT"}
    assert server.call("POST", "/api/3.0/mlflow/users/permissions/grant", grant).status == 200
    path = "/api/3.0/mlflow/gateway/secrets/update"
    change = {"secret_id": made, "secret_value": {"api_key": secrets.token_hex(16)}}
    assert editor.call("POST", path, change).status == 200
    address = {"api_base": "https://93.184.216.34/v1"}
    assert editor.call("POST", path, {**change, "auth_config": address}).status == 403
    assert editor.call("POST", path, {**change, "authConfig": address}).status == 400  # protobuf's other spelling
    assert server.call("POST", path, {**change, "auth_config": address}).status == 200


def test_neither_log_nor_arguments_hold_the_passphrase(server: Server, task: Task) -> None:
    passphrase = task.secrets["MLFLOW_CRYPTO_KEK_PASSPHRASE"]
    assert passphrase not in server.log.read_text(encoding="utf-8")
    for pid in server.group():
        assert passphrase.encode() not in Path(f"/proc/{pid}/cmdline").read_bytes()


def new_webhook(server: Server, secret: str) -> str:
    """The id of a new webhook, which nothing sets off."""
    body = {
        "name": f"hook-{secrets.token_hex(4)}",
        "url": "https://93.184.216.34/x",
        "events": [{"entity": "REGISTERED_MODEL", "action": "CREATED"}],
        "status": "DISABLED",
        "secret": secret,
    }
    answer: str = server.api("webhooks", body)["webhook"]["webhook_id"]
    return answer


def test_each_worker_reads_a_webhook_with_a_secret(server: Server) -> None:
    """Each request is on a connection of its own, so that both workers are met; one of them has stored the secret."""
    hook = new_webhook(server, secrets.token_hex(16))
    for path in (f"webhooks/{hook}", "webhooks"):
        answers = [server.call("GET", f"/api/2.0/mlflow/{path}") for _request in range(24)]
        assert {answer.status for answer in answers} == {200}, answers[0].body
    for number in range(12):
        changed = server.call("PATCH", f"/api/2.0/mlflow/webhooks/{hook}", {"description": str(number)})
        assert changed.status == 200, changed.body


def test_webhooks_whose_secret_nobody_can_read_are_disabled_by_the_migration(server: Server, task: Task) -> None:
    """As those that were stored under a key that ended with its process. The readable ones stay as they are."""
    database = task.env["MLFLOW_AWS_DB_TRACKING"]
    lost, kept = (new_webhook(server, secrets.token_hex(16)) for _hook in range(2))
    state = "SELECT status, secret FROM webhooks WHERE webhook_id = %s"
    (before,) = task.postgres.query(state, (kept,), database)
    task.postgres.query(
        "UPDATE webhooks SET status = 'ACTIVE', secret = %s WHERE webhook_id = %s",
        ("gAAAAAB" * 15, lost),
        database,
    )
    assert server.call("GET", "/api/2.0/mlflow/webhooks").status == 500
    done = task.run("migrate")
    assert done.returncode == 0, done.stderr
    assert "no key opens its secret any more. It is disabled: set a new secret" in done.stdout
    assert task.postgres.query(state, (lost,), database) == [("DISABLED", None)]
    assert task.postgres.query(state, (kept,), database) == [before]
    assert server.call("GET", "/api/2.0/mlflow/webhooks").status == 200
    assert "webhook" not in task.run("migrate").stdout
