# Copyright: (c) 2026, the mlops.mlflow_aws authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""mlflow_auth_bootstrap and mlflow_health against real MLflow servers; effects are checked by raw API calls."""

from __future__ import annotations

import json
import secrets
from collections.abc import Iterator
from functools import partial
from typing import Any

import pytest

from tests.integration.plugins.mlflow_runs import QUIET, VERSIONS, at_once, strong
from tests.integration.plugins.mlflow_servers import Between, MlflowServer, between, mlflow_server
from tests.unit.plugins.run_module import run_module

#: What the checks call their experiments, and earlier releases called the one that all checks shared.
EXPERIMENT = "mlflow-aws-health"
REGION = "eu-west-2"


@pytest.fixture(scope="session", params=VERSIONS)
def server(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[MlflowServer]:
    """One server of each version for the whole session."""
    with mlflow_server(request.param, tmp_path_factory.mktemp("mlflow")) as running:
        yield running


@pytest.fixture(scope="session")
def secrets_manager() -> Iterator[dict[str, str]]:
    """A Secrets Manager: the environment that reaches it."""
    from moto.server import ThreadedMotoServer

    moto = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    moto.start()
    host, port = moto.get_host_and_port()
    keys = {"AWS_ACCESS_KEY_ID": "testing", "AWS_SECRET_ACCESS_KEY": "testing", "AWS_DEFAULT_REGION": REGION}
    yield {**QUIET, **keys, "AWS_ENDPOINT_URL": f"http://{host}:{port}", "AWS_EC2_METADATA_DISABLED": "true"}
    moto.stop()


def aws_client(env: dict[str, str], service: str) -> Any:
    import boto3

    return boto3.client(
        service,
        region_name=REGION,
        endpoint_url=env["AWS_ENDPOINT_URL"],
        aws_access_key_id="testing",
        aws_secret_access_key="testing",
    )


def assert_hidden(secret: str, text: str) -> None:
    """No spelling of ``secret`` in ``text``; the shipped ones are ordinary words."""
    if secret and secret not in ("password", "password1234"):
        assert secret not in text
        assert json.dumps(secret)[1:-1] not in text


def bootstrap(server: MlflowServer, *, check: bool = False, url: str | None = None, **args: Any) -> dict[str, Any]:
    given = {"url": url or server.url, "username": "admin", "wait_timeout": 20, "wait_sleep": 1, "connections": 2}
    result = run_module("mlflow_auth_bootstrap", {**given, **args}, env=QUIET, check=check)
    text = json.dumps(result, ensure_ascii=False)
    for secret in [server.password, args.get("password", ""), *args.get("previous_passwords", [])]:
        assert_hidden(secret, text)
    return result


def health(server: MlflowServer, *, url: str | None = None, **args: Any) -> dict[str, Any]:
    given = {"url": url or server.url, "username": "admin", "password": server.password, "wait_timeout": 10}
    given |= {"wait_sleep": 1, "connections": 3, "latency_requests": 4, "fail_on": "none"}
    result = run_module("mlflow_health", {**given, **args}, env=QUIET)
    assert_hidden(server.password, json.dumps(result, ensure_ascii=False))
    return result


def stages(result: dict[str, Any]) -> dict[str, dict[str, Any]]:
    return {stage["name"]: stage for stage in result["stages"]}


def experiments(server: MlflowServer) -> list[str]:
    """What people see on their home page."""
    status, said = server.ask("GET", "/api/2.0/mlflow/experiments/search?max_results=1000")
    assert status == 200
    return [one["name"] for one in said.get("experiments", []) if EXPERIMENT in one["name"]]


def active_runs(server: MlflowServer, name: str) -> list[Any]:
    status, found = server.ask("GET", f"/api/2.0/mlflow/experiments/get-by-name?experiment_name={name}")
    assert status == 200
    payload = {"experiment_ids": [found["experiment"]["experiment_id"]], "run_view_type": "ACTIVE_ONLY"}
    status, said = server.ask("POST", "/api/2.0/mlflow/runs/search", payload)
    assert status == 200
    return list(said.get("runs", []))


def models(server: MlflowServer) -> list[str]:
    status, said = server.ask("GET", "/api/2.0/mlflow/registered-models/search?max_results=100")
    assert status == 200
    return [model["name"] for model in said.get("registered_models", [])]


def assert_nothing_left(server: MlflowServer) -> None:
    assert experiments(server) == []
    assert server.artifacts() == []
    assert models(server) == []
    assert server.ask("GET", "/api/2.0/mlflow/model-versions/search?max_results=100")[1].get("model_versions", []) == []


# -- mlflow_auth_bootstrap ------------------------------------------------------------------------


def test_rotation_check_real_check_again_real_again(server: MlflowServer) -> None:
    old, new = server.password, strong()
    args: dict[str, Any] = {"password": new, "previous_passwords": ["not-this-password", old]}

    checked = bootstrap(server, check=True, **args)
    assert checked["changed"] is True
    assert checked["authenticated_with"] == "previous"
    assert checked["diff"] == {
        "before": {"username": "admin", "password": "(the previous one)"},
        "after": {"username": "admin", "password": "(changed)"},
    }
    assert server.accepts(old)
    assert not server.accepts(new)

    real = bootstrap(server, **args)
    assert real["changed"] is True
    assert real["diff"] == checked["diff"]
    assert real["verified_connections"] == 2
    assert real["user"]["is_admin"] is True
    assert server.accepts(new)
    assert not server.accepts(old)
    server.password = new

    for check in (True, False):
        again = bootstrap(server, check=check, **args)
        assert again["changed"] is False
        assert again["authenticated_with"] == "wanted"
        assert again["diff"]["before"] == again["diff"]["after"]
        assert again["verified_connections"] == 2


def test_password_that_is_not_ascii_works_but_is_warned_of(server: MlflowServer) -> None:
    old, new = server.password, strong() + "ü✓"
    result = bootstrap(server, password=new, previous_passwords=[old])
    server.password = new
    assert result["changed"] is True
    assert any("not ASCII" in str(warning) for warning in result["warnings"])
    assert server.accepts(new)
    told = health(server, stages=["artifacts"])
    if not told["healthy"]:
        assert "ASCII" in stages(told)["artifacts"]["remedy"]
    assert experiments(server) == []
    again = bootstrap(server, password=old, previous_passwords=[new])
    server.password = old
    assert "warnings" not in again


def test_unknown_password_changes_nothing(server: MlflowServer) -> None:
    result = bootstrap(server, password=strong(), previous_passwords=["neither-this-one"])
    assert result["failed"]
    assert "none of the 4 known passwords logs in as admin" in result["msg"]
    assert "previous_passwords" in result["remedy"]
    assert server.accepts(server.password)


def test_user_that_is_no_admin_is_left_alone(server: MlflowServer) -> None:
    name, password = f"plain-{secrets.token_hex(4)}", strong()
    status, _ = server.ask("POST", "/api/2.0/mlflow/users/create", {"username": name, "password": password})
    assert status == 200
    result = bootstrap(server, username=name, password=strong(), previous_passwords=[password])
    assert "is no admin any more" in result["msg"]
    assert server.accepts(password, name)


def test_lost_answer_of_the_change_is_not_a_failure(server: MlflowServer) -> None:
    old, new = server.password, strong()
    lose = ("PATCH /api/2.0/mlflow/users/update-password",)
    with between(server, lose=lose) as proxy:
        result = bootstrap(server, url=proxy.url, password=new, previous_passwords=[old])
        assert proxy.lost == list(lose)
    assert result.get("failed") is not True, result
    assert result["changed"] is True
    assert server.accepts(new)
    server.password = new


def test_secret_with_its_earlier_versions(server: MlflowServer, secrets_manager: dict[str, str]) -> None:
    name = f"stack/{secrets.token_hex(4)}"
    manager = aws_client(secrets_manager, "secretsmanager")

    def put(password: str) -> None:
        text = json.dumps({"username": "admin", "password": password})
        try:
            manager.put_secret_value(SecretId=name, SecretString=text)
        except manager.exceptions.ResourceNotFoundException:
            manager.create_secret(Name=name, SecretString=text)

    args: dict[str, Any] = {"url": server.url, "secret_id": name, "region": REGION, "wait_timeout": 10, "wait_sleep": 1}
    env = {**secrets_manager, "MLFLOW_TRACKING_USERNAME": "someone-else", "MLFLOW_TRACKING_PASSWORD": strong()}

    missing = run_module("mlflow_auth_bootstrap", args, env=env)
    assert f"secret {name} does not exist" in missing["msg"]

    put(server.password)
    for password in (strong(), strong()):
        put(password)
        result = run_module("mlflow_auth_bootstrap", args, env=env)
        assert result.get("failed") is not True, result
        assert (result["changed"], result["authenticated_with"]) == (True, "previous")
        assert server.accepts(password)
        server.password = password
        text = json.dumps(result, ensure_ascii=False)
        assert password not in text
        assert json.dumps(password)[1:-1] not in text
    assert run_module("mlflow_auth_bootstrap", args, env=env)["changed"] is False

    healthy = run_module("mlflow_health", {**args, "stages": ["auth"]}, env=env)
    assert healthy["healthy"] is True
    assert server.password not in json.dumps(healthy, ensure_ascii=False)


def test_a_password_that_is_in_another_secret(server: MlflowServer, secrets_manager: dict[str, str]) -> None:
    """A server whose admin was one of the inventory's users: its password is in that user's secret."""
    name, other, theirs = (f"stack/{secrets.token_hex(4)}" for _each in range(3))
    manager = aws_client(secrets_manager, "secretsmanager")
    wanted = strong()
    for secret, username, password in (
        (name, "admin", wanted),
        (theirs, "alice", server.password),
        (other, "admin", strong()),
    ):
        manager.create_secret(Name=secret, SecretString=json.dumps({"username": username, "password": password}))
    args = {"url": server.url, "secret_id": name, "region": REGION, "wait_timeout": 10, "previous_secret_ids": [theirs]}

    refused = run_module("mlflow_auth_bootstrap", args, env=secrets_manager)
    assert "none of the " in refused["msg"]
    assert "store it in the secret" in refused["remedy"]
    manager.put_secret_value(
        SecretId=other, SecretString=json.dumps({"username": "admin", "password": server.password})
    )
    found = run_module("mlflow_auth_bootstrap", {**args, "previous_secret_ids": [theirs, other]}, env=secrets_manager)

    assert (found["changed"], found["authenticated_with"]) == (True, "previous"), found
    assert server.accepts(wanted)
    server.password = wanted


def test_the_remedy_that_names_the_secret_works(server: MlflowServer, secrets_manager: dict[str, str]) -> None:
    name = f"stack/{secrets.token_hex(4)}"
    manager = aws_client(secrets_manager, "secretsmanager")
    manager.create_secret(Name=name, SecretString=json.dumps({"username": "admin", "password": strong()}))
    args = {"url": server.url, "secret_id": name, "region": REGION, "wait_timeout": 10}
    assert "store it in the secret" in run_module("mlflow_auth_bootstrap", args, env=secrets_manager)["remedy"]

    manager.put_secret_value(SecretId=name, SecretString=json.dumps({"username": "admin", "password": server.password}))

    assert run_module("mlflow_auth_bootstrap", args, env=secrets_manager)["authenticated_with"] == "wanted"


def test_a_shipped_login_that_is_left_fails(server: MlflowServer) -> None:
    """3.x refuses to set such a password at all, which its own stage shows; 2.x has to be caught by us."""
    if health(server, stages=["version"])["generation"] >= 3:
        status, said = server.ask("POST", "/api/2.0/mlflow/users/create", {"username": "weak", "password": "password"})
        assert status == 400, said
        return
    name = f"boss-{secrets.token_hex(4)}"
    wanted, own = strong(), server.password
    assert server.ask("POST", "/api/2.0/mlflow/users/create", {"username": name, "password": "password1234"})[0] == 200
    assert server.ask("PATCH", "/api/2.0/mlflow/users/update-admin", {"username": name, "is_admin": True})[0] == 200
    server.change("password")
    try:
        result = bootstrap(server, username=name, password=wanted, wait_timeout=2)
        assert "user admin still has a login that MLflow has shipped" in result["msg"]
        assert server.accepts(wanted, name)
        seen = stages(health(server, username=name, password=wanted, stages=["auth"]))["auth"]
        assert not seen["ok"]
        assert "user admin still has a login" in seen["detail"]
        shipped = bootstrap(server, password=own)
        assert shipped["authenticated_with"] == "shipped"
        assert server.accepts(own)
        server.password = own
    finally:
        if server.password != own:
            server.change(own)


# -- mlflow_health --------------------------------------------------------------------------------


def test_healthy_server_passes_all_stages_and_nothing_is_left(server: MlflowServer) -> None:
    result = health(server, fail_on="any")
    assert result["healthy"] is True, result["stages"]
    found = stages(result)
    assert list(found) == [
        *("network", "tls", "health", "version", "auth", "hosts", "consistency", "api", "roundtrip", "artifacts"),
        *("model", "latency", "aws"),
    ]
    skipped = {"tls", "aws"} if result["generation"] >= 3 else {"tls", "aws", "hosts"}
    assert {name for name, stage in found.items() if stage["skipped"]} == skipped
    assert all(stage["milliseconds"] > 0 for name, stage in found.items() if name not in skipped)
    assert result["user"] == {"username": "admin", "is_admin": True}
    assert result["changed"] is False
    assert result["latency"]["requests"] == 4
    assert 0 < result["latency"]["p50"] <= result["latency"]["p95"]
    assert_nothing_left(server)


def test_an_experiment_that_is_given_is_kept_and_abandoned_runs_are_swept(server: MlflowServer) -> None:
    name = f"given-{secrets.token_hex(4)}"
    assert health(server, stages=["roundtrip"], experiment_name=name)["healthy"]
    _, found = server.ask("GET", f"/api/2.0/mlflow/experiments/get-by-name?experiment_name={name}")
    number = found["experiment"]["experiment_id"]
    tags = [{"key": "mlflow_aws.health_check", "value": "x"}]
    ours = {"experiment_id": number, "start_time": 1, "tags": tags}
    assert server.ask("POST", "/api/2.0/mlflow/runs/create", ours)[0] == 200
    foreign = {"experiment_id": number, "start_time": 1, "run_name": "not ours"}
    _, kept = server.ask("POST", "/api/2.0/mlflow/runs/create", foreign)
    assert server.ask("POST", "/api/2.0/mlflow/experiments/delete", {"experiment_id": number})[0] == 200

    assert health(server, stages=["roundtrip"], experiment_name=name)["healthy"]
    _, found = server.ask("GET", f"/api/2.0/mlflow/experiments/get-by-name?experiment_name={name}")
    assert found["experiment"]["experiment_id"] == number
    assert found["experiment"]["lifecycle_stage"] == "active"
    assert [run["info"]["run_id"] for run in active_runs(server, name)] == [kept["run"]["info"]["run_id"]]
    assert server.ask("POST", "/api/2.0/mlflow/experiments/delete", {"experiment_id": number})[0] == 200


def test_the_experiment_that_earlier_releases_left_goes(server: MlflowServer) -> None:
    note = "Written and emptied by health checks (mlops.mlflow_aws.mlflow_health). Holds nothing of value."
    made = {"name": EXPERIMENT, "tags": [{"key": "mlflow.note.content", "value": note}]}
    assert server.ask("POST", "/api/2.0/mlflow/experiments/create", made)[0] == 200
    assert experiments(server) == [EXPERIMENT]
    assert health(server, stages=["roundtrip"])["healthy"]
    assert_nothing_left(server)


def test_checks_at_once_do_not_meet(server: MlflowServer) -> None:
    """As several people, or a schedule and a person, start them."""
    name, password = f"plain-{secrets.token_hex(4)}", strong()
    assert server.ask("POST", "/api/2.0/mlflow/users/create", {"username": name, "password": password})[0] == 200
    writing = ["roundtrip", "artifacts", "model"]
    plain = {"username": name, "password": password}
    checks = [partial(health, server, stages=writing, **login) for login in ({}, plain, {})]
    for result in at_once(*checks):
        assert result["healthy"] is True, result["stages"]
        assert result["changed"] is False
    assert_nothing_left(server)


@pytest.mark.parametrize(
    ("stage", "lost"),
    [
        ("roundtrip", "POST /api/2.0/mlflow/experiments/create"),
        ("roundtrip", "POST /api/2.0/mlflow/runs/create"),
        ("roundtrip", "POST /api/2.0/mlflow/runs/log-metric"),
        ("artifacts", "PUT /api/2.0/mlflow-artifacts/artifacts/"),
        ("artifacts", "GET /api/2.0/mlflow-artifacts/artifacts/"),
        ("model", "PUT /api/2.0/mlflow-artifacts/artifacts/"),
        ("model", "POST /api/2.0/mlflow/registered-models/create"),
        ("model", "POST /api/2.0/mlflow/model-versions/create"),
        ("model", "GET /api/2.0/mlflow/model-versions/get-download-uri"),
        ("model", "GET /api/2.0/mlflow-artifacts/artifacts/"),
    ],
)
def test_nothing_is_left_where_a_stage_fails_midway(server: MlflowServer, stage: str, lost: str) -> None:
    with between(server, lose=(lost,)) as proxy:
        result = health(server, url=proxy.url, stages=[stage])
        assert proxy.lost == [lost]
    assert result["failed_stages"] == [stage]
    assert "dropped" in stages(result)[stage]["detail"]
    assert_nothing_left(server)


def test_a_lost_deletion_is_repeated(server: MlflowServer) -> None:
    lose = (
        "POST /api/2.0/mlflow/experiments/delete",
        "DELETE /api/2.0/mlflow-artifacts/artifacts/",
        "DELETE /api/2.0/mlflow/registered-models/delete",
    )
    with between(server, lose=lose) as proxy:
        result = health(server, url=proxy.url, stages=["model"])
        assert sorted(proxy.lost) == sorted(lose)
    assert result["healthy"] is True, result["stages"]
    assert_nothing_left(server)


def test_a_plain_user_can_prove_that_models_work(server: MlflowServer) -> None:
    """Whoever may create an experiment owns it. A right to a model ends with the model, and a second try is a 403."""
    name, password = f"plain-{secrets.token_hex(4)}", strong()
    assert server.ask("POST", "/api/2.0/mlflow/users/create", {"username": name, "password": password})[0] == 200
    login = {"username": name, "password": password}
    lost = "DELETE /api/2.0/mlflow/registered-models/delete"
    with between(server, lose=(lost,)) as proxy:
        result = health(server, url=proxy.url, stages=["roundtrip", "artifacts", "model"], **login)
        assert proxy.lost == [lost]
    assert result["healthy"] is True, result["stages"]
    assert_nothing_left(server)


def test_models_of_killed_checks_are_swept_and_no_others(server: MlflowServer) -> None:
    """Within the hour a check may still be at work; MLflow has no API to make a model older."""
    mark = [{"key": "mlflow_aws.health_check", "value": "x"}]
    made = {"mlflow-aws-health-young": mark, "mlflow-aws-health-of-a-person": [], "mlflow-aws-health-old": mark}
    for name, tags in made.items():
        assert server.ask("POST", "/api/2.0/mlflow/registered-models/create", {"name": name, "tags": tags})[0] == 200
    server.postgres.query(
        "UPDATE registered_models SET creation_time = 1 WHERE name IN ('mlflow-aws-health-old', "
        "'mlflow-aws-health-of-a-person')",
        database="tracking",
    )
    assert health(server, stages=["model"])["healthy"]
    assert sorted(models(server)) == ["mlflow-aws-health-of-a-person", "mlflow-aws-health-young"]
    for name in models(server):
        assert server.ask("DELETE", "/api/2.0/mlflow/registered-models/delete", {"name": name})[0] == 200
    assert_nothing_left(server)


def test_a_token_reaches_all_but_the_stages_that_need_a_name(server: MlflowServer) -> None:
    """MLflow itself takes no tokens: a proxy that turns one into a login stands in."""
    token = secrets.token_urlsafe(24)
    with between(server) as proxy:
        proxy.exchange = (f"Bearer {token}", server.authorization)
        args = {"url": proxy.url, "token": token, "wait_timeout": 0, "fail_on": "none", "latency_requests": 4}
        result = run_module("mlflow_health", args, env=QUIET)
    assert result["healthy"] is True, result["stages"]
    assert token not in json.dumps(result)
    skipped = {name: stage["detail"] for name, stage in stages(result).items() if stage["skipped"]}
    assert skipped["auth"] == skipped["consistency"]
    assert "a token is given" in skipped["auth"]
    assert not {"version", "api", "roundtrip", "artifacts", "model", "latency"} & set(skipped)
    assert_nothing_left(server)


def test_wrong_expectations_and_logins_are_told(server: MlflowServer) -> None:
    wrong = health(server, password=strong(), stages=["auth", "consistency", "api"])
    assert wrong["failed_stages"] == ["auth", "consistency", "api"]
    assert "login is refused" in stages(wrong)["api"]["detail"]
    old = health(server, stages=["version"], version="1.0.0", wait_timeout=0, fail_on="any")
    assert old["failed"]
    assert "expected 1.0.0" in old["msg"]
    assert old["stages"][0]["name"] == "version"


def test_check_mode_writes_nothing(server: MlflowServer) -> None:
    args: dict[str, Any] = {
        "url": server.url,
        "username": "admin",
        "password": server.password,
        "experiment_name": "never-made",
    }
    result = run_module("mlflow_health", {**args, "stages": ["roundtrip", "artifacts", "model"]}, env=QUIET, check=True)
    assert all(stage["skipped"] for stage in result["stages"])
    assert server.ask("GET", "/api/2.0/mlflow/experiments/get-by-name?experiment_name=never-made")[0] == 404


def test_without_a_login_the_open_stages_still_run(server: MlflowServer) -> None:
    result = run_module("mlflow_health", {"url": server.url, "fail_on": "none", "wait_timeout": 0}, env=QUIET)
    found = stages(result)
    assert [name for name, stage in found.items() if stage["ok"] and not stage["skipped"]][:3] == [
        *("network", "health", "version")
    ]
    assert found["auth"]["skipped"]
    assert result["generation"] in (2, 3)
    assert result["version"] is None


def test_login_and_url_from_the_environment(server: MlflowServer) -> None:
    env = {**QUIET, "MLFLOW_TRACKING_URI": server.url, "MLFLOW_TRACKING_USERNAME": "admin"}
    env["MLFLOW_TRACKING_PASSWORD"] = server.password
    result = run_module("mlflow_health", {"stages": ["auth"]}, env=env)
    assert result["healthy"] is True
    assert server.password not in json.dumps(result, ensure_ascii=False)


def test_a_host_that_the_server_does_not_know(server: MlflowServer) -> None:
    if health(server, stages=["version"])["generation"] < 3:
        pytest.skip("2.x has no Host check")
    result = health(server, host_header="mlflow.example.org", stages=["health", "version", "api"])
    found = stages(result)
    assert found["health"]["ok"]
    assert found["version"]["ok"]
    assert "Invalid Host header" in found["api"]["detail"]
    assert "--allowed-hosts" in found["api"]["remedy"]


def test_artifacts_that_clients_write_to_s3_themselves(server: MlflowServer, secrets_manager: dict[str, str]) -> None:
    bucket, name = f"models-{secrets.token_hex(6)}", f"health-{secrets.token_hex(4)}"
    s3 = aws_client(secrets_manager, "s3")
    s3.create_bucket(Bucket=bucket, CreateBucketConfiguration={"LocationConstraint": REGION})
    made = {"name": name, "artifact_location": f"s3://{bucket}/prefix"}
    assert server.ask("POST", "/api/2.0/mlflow/experiments/create", made)[0] == 200

    def check(**args: Any) -> dict[str, dict[str, Any]]:
        given = {"url": server.url, "username": "admin", "password": server.password, "wait_timeout": 0}
        given |= {"experiment_name": name, "stages": ["artifacts", "model"], "fail_on": "none", "region": REGION}
        return stages(run_module("mlflow_health", {**given, **args}, env=secrets_manager))

    for unnamed in check().values():
        assert unnamed["skipped"]
        assert f"Give bucket: {bucket}" in unnamed["detail"]
    assert models(server) == []

    both = check(bucket=bucket, stages=["artifacts", "model", "aws"])
    for stage in ("artifacts", "model"):
        assert both[stage]["ok"], both
        assert f"written to s3://{bucket}" in both[stage]["detail"]
    assert s3.list_objects_v2(Bucket=bucket)["KeyCount"] == 0
    assert models(server) == []
    assert f"bucket {bucket} does not block public access" in both["aws"]["detail"]
    assert f"bucket {bucket} keeps no old versions" in both["aws"]["detail"]

    switches = ("BlockPublicAcls", "IgnorePublicAcls", "BlockPublicPolicy", "RestrictPublicBuckets")
    s3.put_public_access_block(Bucket=bucket, PublicAccessBlockConfiguration=dict.fromkeys(switches, True))
    s3.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})
    assert check(bucket=bucket, stages=["aws"])["aws"]["ok"]
    away = check(bucket=bucket, stages=["aws"], region="eu-west-1")["aws"]
    assert f"bucket {bucket} lies in {REGION}, not in eu-west-1" in away["detail"]
    gone = check(bucket=f"{bucket}-gone", stages=["aws"])["aws"]
    assert "NoSuchBucket" in gone["detail"]
    made_elsewhere = {"name": f"{name}-gone", "artifact_location": f"s3://{bucket}-gone/prefix"}
    assert server.ask("POST", "/api/2.0/mlflow/experiments/create", made_elsewhere)[0] == 200
    refused = check(bucket=f"{bucket}-gone", experiment_name=f"{name}-gone")
    for stage in ("artifacts", "model"):
        assert f"bucket {bucket}-gone: PutObject: NoSuchBucket" in refused[stage]["detail"]
        assert "s3:PutObject" in refused[stage]["remedy"]


@pytest.mark.slow
def test_tasks_with_login_databases_of_their_own_show(tmp_path_factory: pytest.TempPathFactory) -> None:
    """Two real servers behind one address, as two tasks with SQLite in /tmp were."""
    folders = [tmp_path_factory.mktemp("task") for _ in range(2)]
    with mlflow_server("2.18.0", folders[0]) as one, mlflow_server("2.18.0", folders[1]) as two:
        two.change(secrets.token_urlsafe(24))
        proxy: Between
        with between(one, two) as proxy:
            result = health(one, url=proxy.url, stages=["consistency"], connections=4)
            assert "the login is refused (401)" in result["stages"][0]["detail"]
            wanted = secrets.token_urlsafe(24)
            previous = [one.password, two.password]
            answered = bootstrap(one, url=proxy.url, password=wanted, previous_passwords=previous, connections=4)
            assert answered["failed"]
