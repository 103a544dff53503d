# Copyright: (c) 2026, the mlops.mlflow_aws authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Who may do what in MLflow: asked by plain requests, with the logins that the role left in Secrets Manager."""

from __future__ import annotations

import json
from typing import Any

from tests.roles.scenario import STACK, Scenario

API = "http://127.0.0.1:18083/api/2.0/mlflow"
PLAN = {
    "create user alice",
    "create user carol",
    "create experiment churn",
    "grant READ on experiment churn to alice",
}


def ask(
    scenario: Scenario, who: str, path: str, body: dict[str, Any] | None = None, method: str | None = None
) -> tuple[int, Any]:
    """What MLflow answers to one of its users: the status, and the document.

    :param who: the end of the name of the secret with the login.
    """
    status, text = scenario.ask(API + path, use=f"mlflow/{who}", body=body, method=method)
    return status, json.loads(text or "null")


def churn(scenario: Scenario, who: str) -> tuple[int, Any]:
    """The experiment, as one who asks for it by its name."""
    status, answer = ask(scenario, who, "/experiments/get-by-name?experiment_name=churn")
    return status, answer["experiment"] if answer else None


def label(scenario: Scenario, who: str, key: str, value: str) -> int:
    """The status of an attempt to tag the experiment."""
    number = churn(scenario, "admin")[1]["experiment_id"]
    body = {"experiment_id": number, "key": key, "value": value}
    return ask(scenario, who, "/experiments/set-experiment-tag", body)[0]


def user_secrets(scenario: Scenario) -> set[str]:
    """The names of those who have a secret."""
    rows = scenario.every("secretsmanager", "list_secrets", "SecretList")
    beginning = f"{STACK}/mlflow/users/"
    return {row["Name"].removeprefix(beginning) for row in rows if row["Name"].startswith(beginning)}


def tag_otherwise(scenario: Scenario) -> None:
    assert label(scenario, "admin", "team", "2") == 200


def dismiss_carol(scenario: Scenario) -> None:
    assert ask(scenario, "admin", "/users/delete", {"username": "carol"}, "DELETE")[0] == 200


DRIFTS = {
    tag_otherwise: "set tag team of experiment churn",
    dismiss_carol: "create user carol",
}
CHANGE: dict[str, Any] = {
    "mlflow_users": [{"name": "alice"}, {"name": "carol", "state": "absent"}],
    "mlflow_permissions": [
        {
            "user": "alice",
            "permissions": [{"resource_type": "experiment", "name": "churn", "permission": "EDIT"}],
            "exclusive": True,
        }
    ],
}
GONE = {"SecretList": 1}


def kept(scenario: Scenario) -> Any:
    """Alice's login, and the experiment that she works in."""
    return scenario.secret("mlflow/users/alice"), churn(scenario, "admin")[1]["experiment_id"]


def test_the_plan_of_a_first_run(planned: list[str]) -> None:
    assert set(planned) == PLAN


def test_one_who_may_read_may_not_write(applied: Scenario) -> None:
    status, experiment = churn(applied, "users/alice")
    assert status == 200
    assert {"key": "team", "value": "1"} in experiment["tags"]
    assert label(applied, "users/alice", "by", "alice") == 403


def test_one_who_was_given_nothing_may_not_read(applied: Scenario) -> None:
    assert churn(applied, "users/carol")[0] == 403
    assert user_secrets(applied) == {"alice", "carol"}


def test_the_file_of_the_clients_is_for_its_owner_alone(applied: Scenario) -> None:
    file = applied.folder / "output" / "mlflow.env"
    assert oct(file.stat().st_mode & 0o777) == "0o600"
    assert "the login of the admin" in file.read_text(encoding="utf-8")


def test_a_user_s_file_has_that_user_s_login_and_nobody_else_s(applied: Scenario) -> None:
    files = sorted(path.name for path in (applied.folder / "output").glob("mlflow-*.env"))
    assert files == ["mlflow-alice.env"]
    file = applied.folder / "output" / files[0]
    assert oct(file.stat().st_mode & 0o777) == "0o600"
    said = dict(line.split("=", 1) for line in file.read_text(encoding="utf-8").splitlines() if line[:1] != "#")
    login = applied.secret("mlflow/users/alice")
    assert (said["MLFLOW_TRACKING_USERNAME"], said["MLFLOW_TRACKING_PASSWORD"]) == ("alice", login["password"])
    assert applied.secret("mlflow/admin")["password"] not in file.read_text(encoding="utf-8")


def test_one_who_may_write_now_does(changed: Scenario) -> None:
    assert label(changed, "users/alice", "by", "alice") == 200


def test_one_who_has_gone_has_no_login_and_no_secret(changed: Scenario) -> None:
    assert user_secrets(changed) == {"alice"}
    names = [row["username"] for row in ask(changed, "admin", "/users/list")[1]["users"]]
    assert "carol" not in names
    assert "alice" in names
